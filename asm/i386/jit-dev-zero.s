# As jit-mmap-mprotect, but the memory is a private mapping of /dev/zero, the way to anonymous memory
# that POSIX offers. For SELinux it is a file whose pages were modified: execmod decides, not execmem.
    .text
    .globl _start
_start:
    lea ebx, [dev_zero]
    mov ecx, O_RDWR
    mov eax, SYS_open
    int 0x80
    lea ecx, [name_open]
    cmp eax, -4095
    jae fail
    mov edi, eax
    xor ebx, ebx
    mov ecx, 4096
    mov edx, PROT_READ | PROT_WRITE
    mov esi, MAP_PRIVATE
    xor ebp, ebp
    mov eax, SYS_mmap2
    int 0x80
    lea ecx, [name_mmap]
    cmp eax, -4095
    jae fail
    mov esi, eax
    mov ebx, edi
    mov eax, SYS_close
    int 0x80
    push 1001
    push esi
    call emit_return
    add esp, 8
    mov ebx, esi
    mov ecx, 4096
    mov edx, PROT_READ | PROT_EXEC
    mov eax, SYS_mprotect
    int 0x80
    lea ecx, [name_mprotect]
    test eax, eax
    jnz fail
    call esi
    push eax
    call print_result
    xor ebx, ebx
    jmp exit

    .data
dev_zero: .asciz "/dev/zero"

    .include "lib/i386.inc"
