# The W^X way: write into an anonymous mapping, then swap write for execute with mprotect. No page is
# ever writable and executable at once; policies that remember the past of a mapping refuse it still.
    .text
    .globl _start
_start:
    xor edi, edi
    mov esi, 4096
    mov edx, PROT_READ | PROT_WRITE
    mov r10d, MAP_PRIVATE | MAP_ANONYMOUS
    mov r8, -1
    xor r9d, r9d
    mov eax, SYS_mmap
    syscall
    lea rdi, [rip + name_mmap]
    cmp rax, -4095
    jae fail
    mov rbx, rax
    mov rdi, rbx
    mov esi, 1001
    call emit_return
    mov rdi, rbx
    mov esi, 4096
    mov edx, PROT_READ | PROT_EXEC
    mov eax, SYS_mprotect
    syscall
    lea rdi, [rip + name_mprotect]
    test rax, rax
    jnz fail
    call rbx
    mov edi, eax
    call print_result
    xor edi, edi
    jmp exit

    .include "lib/x86-64.inc"
