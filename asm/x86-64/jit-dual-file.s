# Dual mapping through a file in /tmp, for systems without memfd_create: one shared writable view, one
# shared executable view, patched and called 1,000 times, each result checked.
    .text
    .globl _start
_start:
    lea rdi, [rip + file_name]
    mov esi, O_RDWR | O_CREAT | O_TRUNC
    mov edx, 0x180                  # mode 0600
    mov eax, SYS_open
    syscall
    lea rdi, [rip + name_open]
    cmp rax, -4095
    jae fail
    mov r12d, eax
    lea rdi, [rip + file_name]      # the descriptor keeps it
    mov eax, SYS_unlink
    syscall
    mov eax, r12d
    mov edi, eax
    jmp dual_mapping

    .data
file_name: .asciz "/tmp/mayexec-jit"

    .include "lib/x86-64-dual.inc"
    .include "lib/x86-64.inc"
