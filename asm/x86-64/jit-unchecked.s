# What the converter of the story did: mprotect is called and its result ignored. Where the policy
# refuses, the buffer stays writable and the call ends in SIGSEGV, far from the mistake.
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
    call rbx
    mov edi, eax
    call print_result
    xor edi, edi
    jmp exit

    .include "lib/x86-64.inc"
