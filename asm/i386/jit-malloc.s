# Code in memory from malloc, called as it is: the way of the old days. The six bytes land in the heap,
# whose pages are readable and writable. Where the CPU has an NX bit (policy nx) the call faults:
# SIGSEGV with SEGV_ACCERR, and the address is that of the buffer. Without NX (policy none) it works.
    .text
    .globl _start
_start:
    push 16
    push 6
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
    call esi
    push eax
    call print_result
    xor ebx, ebx
    jmp exit

    .include "lib/i386.inc"
    .include "lib/i386-allocator.inc"
