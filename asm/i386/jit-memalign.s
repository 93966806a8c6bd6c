# A page from the C allocator, as posix_memalign gives it, made executable with mprotect. So small a
# request is served from the heap that brk extends: SELinux asks for execheap.
    .text
    .globl _start
_start:
    push 4096
    push 4096
    call allocate
    add esp, 8
    lea ecx, [name_brk]
    cmp eax, -4095
    jae fail
    mov esi, eax
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

    .include "lib/i386.inc"
    .include "lib/i386-allocator.inc"
