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
    mov r12d, eax
    mov edi, r12d
    mov esi, 4096
    mov eax, SYS_ftruncate
    syscall
    lea rdi, [rip + name_ftruncate]
    test rax, rax
    jnz fail
    mov edx, PROT_READ | PROT_WRITE
    call map_view
    mov rbp, rax                    # where the code is written
    mov edx, PROT_READ | PROT_EXEC
    call map_view
    mov rbx, rax                    # where it runs

    mov r13d, 1000
patch_and_call:
    lea esi, [r13d + 1001]
    mov rdi, rbp
    call emit_return
    call rbx
    sub eax, r13d
    cmp eax, 1001
    jne stale
    dec r13d
    jnz patch_and_call

    mov rdi, rbp
    mov esi, 1001
    call emit_return
    call rbx
    mov edi, eax
    call print_result
    xor edi, edi
    jmp exit
stale:
    lea rdi, [rip + text_stale]
    mov esi, 2
    call print_text
    mov edi, 1
    jmp exit

# map_view(edx = rights): rax = a shared mapping of descriptor r12.
map_view:
    xor edi, edi
    mov esi, 4096
    mov r10d, MAP_SHARED
    mov r8d, r12d
    xor r9d, r9d
    mov eax, SYS_mmap
    syscall
    lea rdi, [rip + name_mmap]
    cmp rax, -4095
    jae fail
    ret

    .data
memfd_name: .asciz "jit"
text_stale: .asciz "stale code: a patch was not seen\n"

    .include "lib/x86-64.inc"
