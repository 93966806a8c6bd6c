# Dual mapping: one memfd mapped twice, once writable and once executable. No mapping ever changes its
# rights, and the code can be patched while it is in use: 1,000 times here, each result checked.
    .text
    .globl _start
_start:
    lea ebx, [memfd_name]
    mov ecx, MFD_CLOEXEC
    mov eax, SYS_memfd_create
    int 0x80
    lea ecx, [name_memfd_create]
    cmp eax, -4095
    jae fail
    jmp dual_mapping

    .data
memfd_name: .asciz "jit"

    .include "lib/i386-dual.inc"
    .include "lib/i386.inc"
