#@ arch x86-64
# A kernel to run beside a program: an SELinux policy that denies execmem, built while it starts, on a page of its own. With the
# word `policydb.seal` on its command line that page is read-only when start-up is over. A write to /dev/kernel makes a worker write:
#   rule    execmem into the rule of the database
#   hook    a function that never says no into the hook of mprotect
#   unlink  the hook of mprotect out of its list: the head of the list itself
#   mayexec run PROGRAM --kernel asm/kernel/policy-db.s
#   mayexec run PROGRAM --kernel asm/kernel/policy-db.s --append policydb.seal
    .intel_syntax noprefix
    .include "lib/kernel.inc"
    .include "lib/security.inc"

    .section .data..ro_after_init,"a"
policy_page: .quad 0
policy_next: .quad 0
process_rule: .quad 0
seal: .asciz "policydb.seal"

    .text
kernel_init:
    frame
    mov edi, 1
    call alloc_pages
    mov qword ptr [rip + policy_page], rax
    mov qword ptr [rip + policy_next], rax
    lea rax, [rip + policy_alloc]
    mov qword ptr [rip + security_alloc], rax
    call policydb_init
    mov edi, UNCONFINED_T
    mov esi, UNCONFINED_T
    mov edx, SECCLASS_PROCESS
    mov ecx, PROCESS__EXECSTACK
    call policydb_allow
    mov qword ptr [rip + process_rule], rax
    mov edi, UNCONFINED_T
    mov esi, FILE_T
    mov edx, SECCLASS_FILE
    mov ecx, FILE__EXECUTE
    call policydb_allow
    call selinux_init
    unframe

# policy_alloc(rdi = bytes): rax = the next of the page.
policy_alloc:
    mov rax, qword ptr [rip + policy_next]
    add rdi, 15
    and rdi, -16
    add rdi, rax
    mov qword ptr [rip + policy_next], rdi
    ret

kernel_main:
    frame
    lea rdi, [rip + seal]
    call boot_option
    test eax, eax
    jz 1f
    mov rdi, qword ptr [rip + policy_page]
    mov esi, 1
    call set_memory_ro
1:  unframe

device_write:
    jmp run_writer

# kernel_write(rdi = bytes, rsi = how many): the rogue writes, by the first letter.
kernel_write:
    frame
    mov al, byte ptr [rdi]
    lea rcx, [rip + security_hook_heads + HOOK_FILE_MPROTECT * 8]
    cmp al, 'r'
    jne 1f
    mov rdx, qword ptr [rip + process_rule]
    or dword ptr [rdx + NODE_ALLOWED], PROCESS__EXECMEM
    jmp 8f
1:  cmp al, 'h'
    jne 2f
    mov rdx, qword ptr [rcx]
    lea rax, [rip + security_allow_all]
    mov qword ptr [rdx + HOOK_FUNCTION], rax
    jmp 8f
2:  cmp al, 'u'
    jne 9f
    mov rdx, qword ptr [rcx]
    mov rdx, qword ptr [rdx + HOOK_NEXT]
    mov qword ptr [rcx], rdx
8:  mov rax, rsi
    unframe
9:  mov rax, -22
    unframe
