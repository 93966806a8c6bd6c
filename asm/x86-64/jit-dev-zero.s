# As jit-mmap-mprotect, but the memory is a private mapping of /dev/zero, the way to anonymous memory
# that POSIX offers. For SELinux it is a file whose pages were modified: execmod decides, not execmem.
    .text
    .globl _start
_start:
    lea rdi, [rip + dev_zero]
    mov esi, O_RDWR
    mov eax, SYS_open
    syscall
    lea rdi, [rip + name_open]
    cmp rax, -4095
    jae fail
    mov ebp, eax
    xor edi, edi
    mov esi, 4096
    mov edx, PROT_READ | PROT_WRITE
    mov r10d, MAP_PRIVATE
    mov r8d, ebp
    xor r9d, r9d
    mov eax, SYS_mmap
    syscall
    lea rdi, [rip + name_mmap]
    cmp rax, -4095
    jae fail
    mov rbx, rax
    mov edi, ebp
    mov eax, SYS_close
    syscall
    mov rdi, rbx
    mov esi, 1001
    call emit_return
    mov rdi, rbx
    mov esi, 4096
    mov edx, PROT_READ | PROT_EXEC
    mov eax, SYS_mprotect
    syscall
    lea rdi, [rip + name_mprotect]
    test rax, rax
    jnz fail
    call rbx
    mov edi, eax
    call print_result
    xor edi, edi
    jmp exit

    .data
dev_zero: .asciz "/dev/zero"

    .include "lib/x86-64.inc"
