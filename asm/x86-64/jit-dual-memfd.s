# Dual mapping: one memfd mapped twice, once writable and once executable. No mapping ever changes its
# rights, and the code can be patched while it is in use: 1,000 times here, each result checked.
    .text
    .globl _start
_start:
    lea rdi, [rip + memfd_name]
    mov esi, MFD_CLOEXEC
    mov eax, SYS_memfd_create
    syscall
    lea rdi, [rip + name_memfd_create]
    cmp rax, -4095
    jae fail
    mov edi, eax
    jmp dual_mapping

    .data
memfd_name: .asciz "jit"

    .include "lib/x86-64-dual.inc"
    .include "lib/x86-64.inc"
