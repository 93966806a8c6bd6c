#@ arch x86-64
# What may not change after start-up: a variable in .data..ro_after_init is set by kernel_init, and sealed before
# kernel_main runs. A task that stores to it then dies of an oops; the variable beside it, in .data, changes.
#   mayexec run asm/kernel/sealed-data.s
#   mayexec run asm/kernel/sealed-data.s -- rodata=off     nothing is sealed
#   mayexec run asm/kernel/sealed-data.s -- oops=panic     the machine stops
    .intel_syntax noprefix
    .include "lib/kernel.inc"

    .section .data..ro_after_init,"a"
policy_enforcing: .quad 0
    .data
policy_cache: .quad 0
    .section .rodata
writer_name: .asciz "rogue"
    .zero 16

    .text
kernel_init:
    lea rax, [rip + policy_enforcing]
    mov qword ptr [rax], 1
    ret

kernel_main:
    frame
    lea rdi, [rip + turn_off]
    xor esi, esi
    lea rdx, [rip + writer_name]
    xor ecx, ecx
    call run_task
    unframe

# The rogue write: first to what may change, then to what may not.
turn_off:
    frame
    mov qword ptr [rip + policy_cache], 0
    lea rax, [rip + policy_enforcing]
    mov qword ptr [rax], 0
    unframe
