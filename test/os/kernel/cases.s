# Each kind of access that the recordings have, done by a task, a kernel thread, a worker or an interrupt.
# The host puts the address of a case at `selected`; `status` is what the task ended with.

    .section .data
selected: .quad 0
clean: .quad 0                      # not 0: taints are cleared first
selected_flags: .quad 0
selected_comm: .quad comm_cat
in_timer: .quad 0
status: .quad -1
survived: .quad 0
store_fn: .quad 0
load_fn: .quad 0
call_fn: .quad 0
work_fn: .quad 0
user_page: .quad 0x00007f0000000000

    .section .rodata
comm_cat: .asciz "cat"
    .zero 16
comm_thread: .asciz "oopsmod_thread"
    .zero 16
comm_worker: .asciz "kworker/0:1"
    .zero 16
comm_init: .asciz "init"
    .zero 16
module_name: .asciz "oopsmod"
module_file: .asciz "oopsmod.c"
warning_text: .asciz "oopsmod warning text 42"
panic_text: .asciz "oopsmod panic text"
sysrq_text: .asciz "sysrq: Trigger a crash"
crash_text: .asciz "sysrq triggered crash"
module_rodata_start: .zero 64
module_rodata: .quad 0xc3c3c3c3c3c3c3c3
    .zero 56
module_rodata_end:
module_seal: .quad 0xaa55aa55
module_seal_end:

    .section .init.text,"ax"
early_code:
    ret
    .zero 15

    .data
    .balign 16
oopsmod:
    .quad 0, module_name
    .quad module_text, 0, module_text_end - module_text
    .quad module_rodata_start, 0, module_rodata_end - module_rodata_start
    .quad module_seal, 0, module_seal_end - module_seal
    .quad module_data, 0, data_code_end - module_data
    .zero 64
module_data: .zero 64
data_code: .quad 0xc3
    .zero 56
data_code_end:

    .text
    .balign 16
module_text:
    .zero 64, 0x90
store_ulong:
    .byte 0x0f, 0x1f, 0x44, 0, 0
    mov qword ptr [rdi], rsi
    ret
    .zero 7, 0x90
load_ulong:
    .byte 0x0f, 0x1f, 0x44, 0, 0
    mov rax, qword ptr [rdi]
    ret
    .zero 7, 0x90
call_at:
    .byte 0x55, 0x48, 0x89, 0xe5
    call rdi
    pop rbp
    ret
    .zero 7, 0x90
store_byte:
    mov byte ptr [rdi], sil
    ret
    .zero 12, 0x90
wfn:
    frame
    call rdi
    unframe
    .zero 16, 0x90
module_text_end:

    .macro in_module register, label, part
    lea rdi, [rip + \label]
    lea rsi, [rip + oopsmod + \part]
    call module_address
    mov \register, rax
    .endm

kernel_init:
    frame
    lea rdi, [rip + oopsmod]
    call load_module
    lea rdi, [rip + oopsmod]
    call module_init_done
    in_module qword ptr [rip + store_fn], store_ulong, MODULE_TEXT
    in_module qword ptr [rip + load_fn], load_ulong, MODULE_TEXT
    in_module qword ptr [rip + call_fn], call_at, MODULE_TEXT
    in_module qword ptr [rip + work_fn], wfn, MODULE_TEXT
    unframe

kernel_main:
    frame
    cmp qword ptr [rip + clean], 0
    je 1f
    mov eax, REPORT_UNTAINT
    out REPORT_PORT, al
1:
    cmp qword ptr [rip + in_timer], 0
    jne from_timer
    mov rdi, qword ptr [rip + selected]
    mov rsi, rdi
    mov rdx, qword ptr [rip + selected_comm]
    mov ecx, dword ptr [rip + selected_flags]
    test ecx, PF_WQ_WORKER
    jz 1f
    mov rdi, qword ptr [rip + work_fn]
1:  call run_task
    mov qword ptr [rip + status], rax
    unframe
from_timer:
    mov rax, qword ptr [rip + selected]
    mov qword ptr [rip + timer_function], rax
    mov al, 0x30
    out 0x43, al
    mov al, 0
    out 0x40, al
    mov al, 1
    out 0x40, al
    sti
    hlt
    unframe

w:  frame                           # w(rdi): stores what differs from what is there
    mov rsi, 0x198b861
    call qword ptr [rip + store_fn]
    inc qword ptr [rip + survived]
    unframe
lw: frame                           # lw(rdi): looks at what is there before it stores
    push rdi
    call qword ptr [rip + load_fn]
    pop rdi
    call w
    unframe
r:  frame
    call qword ptr [rip + load_fn]
    inc qword ptr [rip + survived]
    unframe
x:  frame
    call qword ptr [rip + call_fn]
    inc qword ptr [rip + survived]
    unframe

    .macro case name, function, address
case_\name:
    frame
    mov rdi, \address
    call \function
    unframe
    .endm
    .macro case_label name, function, label
case_\name:
    frame
    lea rdi, [rip + \label]
    call \function
    unframe
    .endm
    .macro case_module name, function, label, part
case_\name:
    frame
    in_module rdi, \label, \part
    call \function
    unframe
    .endm
    .macro case_image_alias name, function, label
case_\name:
    frame
    lea rdi, [rip + \label]
    mov rax, PAGE_OFFSET - KERNEL_MAP
    add rdi, rax
    call \function
    unframe
    .endm
alias_of:                           # alias_of(rdi): rdi = its address in the linear map
    call virt_to_phys
    mov rdi, PAGE_OFFSET
    add rdi, rax
    ret
    .macro case_module_alias name, function, label, part
case_\name:
    frame
    in_module rdi, \label, \part
    call alias_of
    call \function
    unframe
    .endm
    .macro case_area name, function, offset     # a vmalloc page with `ret` in it, and what lies behind
case_\name:
    frame
    mov edi, PAGE_SIZE
    call vmalloc
    mov rdi, 0xc3c3c3c3c3c3c3c3
    mov qword ptr [rax], rdi
    lea rdi, [rax + \offset]
    call \function
    unframe
    .endm
    .macro case_user name, function, flags
case_\name:
    frame
    mov rdi, qword ptr [rip + user_page]
    mov rsi, \flags
    call map_user
    mov byte ptr [rax], 0xc3
    mov rdi, qword ptr [rip + user_page]
    call \function
    unframe
    .endm

    case_module WRITE_RO, w, module_rodata, MODULE_RODATA
    case_module WRITE_RO_AFTER_INIT, w, module_seal, MODULE_RO_AFTER_INIT
    case_module WRITE_MODTEXT, w, store_ulong, MODULE_TEXT
    case_label WRITE_CORE_RO, w, linux_banner
    case_label WRITE_CORE_RO_AFTER_INIT, w, __start_ro_after_init
    case_label WRITE_KERN, w, kmalloc
    case_label WRITE_SYSCALL_TABLE, w, exception_stubs
    case_label WRITE_IDT, w, idt_table
    case_image_alias WRITE_KERN_ALIAS, w, kmalloc
    case_image_alias WRITE_RODATA_ALIAS, w, linux_banner
    case_module_alias WRITE_MODTEXT_ALIAS, w, store_ulong, MODULE_TEXT
    case_module_alias WRITE_MODRO_ALIAS, w, module_rodata, MODULE_RODATA
    case_label WRITE_INIT_FREED, lw, early_code
    case WRITE_NULL, w, 0
    case WRITE_NONCANON, w, 0x4141414141414141
    case_area WRITE_VMALLOC_GUARD, w, PAGE_SIZE
case_WRITE_KERN_BYTE:
    frame
    in_module rax, store_byte, MODULE_TEXT
    lea rdi, [rip + kmalloc + 1]
    call rax
    unframe
case_WRITE_RO_IRQOFF:
    frame
    cli
    in_module rdi, module_rodata, MODULE_RODATA
    call w
    unframe
case_WRITE_RO_PREEMPTOFF:
    frame
    mov rax, qword ptr [rip + current_task]
    mov dword ptr [rax + TASK_PREEMPT_COUNT], 1
    in_module rdi, module_rodata, MODULE_RODATA
    call w
    unframe
    case_module WRITE_RO_KTHREAD, w, module_rodata, MODULE_RODATA
    case_module WRITE_RO_WORKQUEUE, w, module_rodata, MODULE_RODATA
    case_module WRITE_RO_INTERRUPT, w, module_rodata, MODULE_RODATA

    case_module EXEC_DATA, x, data_code, MODULE_DATA
    case_module EXEC_RODATA, x, module_rodata, MODULE_RODATA
case_EXEC_STACK:
    frame
    sub rsp, 64
    mov rdi, 0xc3c3c3c3c3c3c3c3
    mov qword ptr [rsp], rdi
    mov rdi, rsp
    call x
    mov rsp, rbp
    unframe
case_EXEC_KMALLOC:
    frame
    mov edi, 64
    call kmalloc
    mov byte ptr [rax], 0xc3
    mov rdi, rax
    call x
    unframe
    case_area EXEC_VMALLOC, x, 0
    case_label EXEC_CORE_DATA, x, init_task
    case_label EXEC_CORE_RODATA, x, linux_banner
    case_label EXEC_INIT_FREED, x, early_code
    case_image_alias EXEC_TEXT_ALIAS, x, kmalloc
    case_user EXEC_USERSPACE, x, 0
    case_user EXEC_USERSPACE_NX, x, 0x8000000000000000
    case EXEC_USERSPACE_UNMAPPED, x, 0x123456789000
    case EXEC_NULL, x, 0
    case_area EXEC_UNMAPPED, x, PAGE_SIZE
    case EXEC_NONCANON, x, 0xdead000000001000

    case_user READ_USERSPACE, r, 0x8000000000000000
    case_user WRITE_USERSPACE, w, 0x8000000000000000
case_READ_USERSPACE_STAC:
    frame
    mov rdi, qword ptr [rip + user_page]
    xor esi, esi
    call map_user
    mov rdi, qword ptr [rip + user_page]
    stac
    call r
    clac
    unframe
case_READ_USERSPACE_UNTOUCHED:
    frame
    mov rdi, qword ptr [rip + user_page]
    xor esi, esi
    call map_user
    mov rdi, 0x00007f0000001000
    call r
    unframe
    case READ_USERSPACE_UNMAPPED, r, 0x123456789000
case_COPY_FROM_USER_RO:
    frame
    mov rdi, qword ptr [rip + user_page]
    xor esi, esi
    call map_user
    in_module rdi, module_rodata, MODULE_RODATA
    mov rsi, qword ptr [rip + user_page]
    mov edx, 8
    call copy_from_user
    mov qword ptr [rip + survived], rax
    unframe
case_COPY_FROM_USER_TEXT:
    frame
    lea rdi, [rip + kmalloc]
    mov rsi, qword ptr [rip + user_page]
    mov edx, 64
    call copy_from_user_checked
    unframe
case_NOFAULT_WRITE_RO:
    frame
    in_module rdi, module_rodata, MODULE_RODATA
    lea rsi, [rip + survived]
    mov edx, 8
    call copy_to_kernel_nofault
    movsxd rax, eax
    mov qword ptr [rip + survived], rax
    unframe

    case READ_NULL, r, 0
    case READ_NULL_OFFSET, r, 0xff8
    case READ_NULL_PAGE2, r, 0x1000
    case READ_NULL_MINUS, r, -8
    case READ_ERRPTR, r, -14
    case READ_NONCANON, r, 0xdead000000000100
    case_area READ_VMALLOC_GUARD, r, PAGE_SIZE
case_READ_AFTER_VFREE:
    frame
    push rbx
    mov edi, PAGE_SIZE
    call vmalloc
    mov rbx, rax
    mov rdi, rax
    call vfree
    mov rdi, rbx
    call r
    pop rbx
    unframe
    case READ_UNMAPPED_PGD, r, 0xffff8fffff001000
case_STACK_GUARD_READ:
    frame
    mov rax, qword ptr [rip + current_task]
    mov rdi, qword ptr [rax + TASK_STACK]
    sub rdi, 8
    call r
    unframe

    .macro area_then name
case_\name:
    push rbp
    mov rbp, rsp
    push rbx
    mov edi, PAGE_SIZE
    call vmalloc
    mov rbx, rax
    mov rdi, 0xc3c3c3c3c3c3c3c3
    mov qword ptr [rax], rdi
    mov rdi, rbx
    mov esi, 1
    .endm
    .macro page_then name
case_\name:
    push rbp
    mov rbp, rsp
    push rbx
    mov edi, 1
    call alloc_pages
    mov rbx, rax
    mov rdi, rbx
    mov esi, 1
    .endm
    .macro then_end
    mov rbx, qword ptr [rbp - 8]
    mov rsp, rbp
    unframe
    .endm
    area_then VMALLOC_RO
    call set_memory_ro
    mov rdi, rbx
    call w
    then_end
    area_then VMALLOC_RO_ALIAS
    call set_memory_ro
    mov rdi, rbx
    call alias_of
    call w
    then_end
    page_then LINEAR_RO
    call set_memory_ro
    mov rdi, rbx
    call w
    then_end
    page_then LINEAR_RO_VMAP
    call vmap
    mov rdi, rbx
    mov rbx, rax
    mov esi, 1
    call set_memory_ro
    mov rdi, rbx
    call w
    then_end
    area_then VMALLOC_X_RW
    call set_memory_x
    mov rdi, rbx
    call x
    mov rdi, rbx
    call w
    then_end
    area_then VMALLOC_RO_THEN_X
    call set_memory_ro
    mov rdi, rbx
    mov esi, 1
    call set_memory_x
    mov rdi, rbx
    call x
    mov rdi, rbx
    call alias_of
    call x
    then_end
case_SET_RW_TEXT:
    frame
    lea rdi, [rip + kmalloc]
    mov esi, 1
    call set_memory_rw
    lea rdi, [rip + kfree]
    call w
    unframe
case_SET_X_DATA:
    frame
    lea rdi, [rip + init_task]
    mov esi, 1
    call set_memory_x
    unframe
    page_then SET_NP_READ
    call set_memory_np
    mov rdi, rbx
    call r
    then_end
    page_then SET_NP_WRITE
    call set_memory_np
    mov rdi, rbx
    call w
    then_end
    area_then PTE_USER_READ
    call set_memory_x
    mov rdi, rbx
    call lookup_address
    or qword ptr [rax], PTE_US
    invlpg [rbx]
    mov rdi, rbx
    call r
    then_end
case_CR0_WP_KERNEL:
    frame
    mov rdi, cr0
    btr rdi, 16
    call write_cr0
    in_module rdi, module_rodata, MODULE_RODATA
    call w
    unframe
case_CR4_SMEP_KERNEL:
    frame
    mov rdi, cr4
    and rdi, -1 - 0x300000
    call write_cr4
    mov rdi, qword ptr [rip + user_page]
    xor esi, esi
    call map_user
    mov rdi, qword ptr [rip + user_page]
    call x
    unframe

case_BUG:
    frame
    bug_entry BUG_FLAG, module_file, 154, 0
    unframe
case_WARN:
    frame
    bug_entry WARN_FLAG, module_file, 155, warning_text
    inc qword ptr [rip + survived]
    unframe
case_UD2:
    frame
    ud2
    unframe
case_INT3:
    frame
    int3
    unframe
case_DIV0:
    frame
    xor ecx, ecx
    div rcx
    unframe
case_PANIC:
    frame
    lea rdi, [rip + panic_text]
    call panic
    unframe
case_SYSRQC:
    frame
    lea rdi, [rip + sysrq_text]
    call printk
    lea rdi, [rip + crash_text]
    call panic
    unframe
