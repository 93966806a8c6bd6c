# Code in memory from malloc, called as it is: the way of the old days. The six bytes land in the heap,
# whose pages are readable and writable. Where the CPU has an NX bit (policy nx) the call faults:
# SIGSEGV with SEGV_ACCERR, and the address is that of the buffer. Without NX (policy none) it works.
    .text
    .globl _start
_start:
    mov edi, 6
    mov esi, 16
    call allocate
    lea rdi, [rip + name_brk]
    cmp rax, -4095
    jae fail
    mov rbx, rax
    mov rdi, rbx
    mov esi, 1001
    call emit_return
    call rbx
    mov edi, eax
    call print_result
    xor edi, edi
    jmp exit

    .include "lib/x86-64.inc"
    .include "lib/x86-64-allocator.inc"
