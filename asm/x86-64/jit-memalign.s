# A page from the C allocator, as posix_memalign gives it, made executable with mprotect. So small a
# request is served from the heap that brk extends: SELinux asks for execheap.
    .text
    .globl _start
_start:
    mov edi, 4096
    mov esi, 4096
    call allocate
    lea rdi, [rip + name_brk]
    cmp rax, -4095
    jae fail
    mov rbx, rax
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

    .include "lib/x86-64.inc"
    .include "lib/x86-64-allocator.inc"
