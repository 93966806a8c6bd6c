# Dual mapping through a file in /tmp, for systems without memfd_create: one shared writable view, one
# shared executable view, patched and called 1,000 times, each result checked.
    .text
    .globl _start
_start:
    lea ebx, [file_name]
    mov ecx, O_RDWR | O_CREAT | O_TRUNC
    mov edx, 0x180                  # mode 0600
    mov eax, SYS_open
    int 0x80
    lea ecx, [name_open]
    cmp eax, -4095
    jae fail
    mov esi, eax
    lea ebx, [file_name]            # the descriptor keeps it
    mov eax, SYS_unlink
    int 0x80
    mov eax, esi
    jmp dual_mapping

    .data
file_name: .asciz "/tmp/mayexec-jit"

    .include "lib/i386-dual.inc"
    .include "lib/i386.inc"
