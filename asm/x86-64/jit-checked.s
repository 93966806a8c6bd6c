# The repaired converter: mprotect is checked, and when it is refused the program falls back to a
# byte-code interpreter that computes the same result, only slower. It says so on standard error.
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
    test rax, rax
    jnz refused
    call rbx
    mov edi, eax
    call print_result
    xor edi, edi
    jmp exit
refused:
    lea rdi, [rip + name_mprotect]
    call report
    lea rdi, [rip + fallback]
    mov esi, 2
    call print_text
    lea rdi, [rip + byte_code]
    call interpret
    mov edi, eax
    call print_result
    xor edi, edi
    jmp exit

# interpret(rdi = byte code): eax = its result. 1 N: load N; 2 N: multiply by N; 0: return.
interpret:
    xor eax, eax
next_instruction:
    movzx ecx, byte ptr [rdi]
    test ecx, ecx
    jz finished
    movzx edx, byte ptr [rdi + 1]
    add rdi, 2
    cmp ecx, 1
    jne multiply
    mov eax, edx
    jmp next_instruction
multiply:
    imul eax, edx
    jmp next_instruction
finished:
    ret

    .data
byte_code: .byte 1, 7, 2, 11, 2, 13, 0
fallback: .asciz "falling back to the byte-code interpreter\n"

    .include "lib/x86-64.inc"
