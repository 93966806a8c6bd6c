# The repaired converter: mprotect is checked, and when it is refused the program falls back to a
# byte-code interpreter that computes the same result, only slower. It says so on standard error.
    .text
    .globl _start
_start:
    xor ebx, ebx
    mov ecx, 4096
    mov edx, PROT_READ | PROT_WRITE
    mov esi, MAP_PRIVATE | MAP_ANONYMOUS
    mov edi, -1
    xor ebp, ebp
    mov eax, SYS_mmap2
    int 0x80
    lea ecx, [name_mmap]
    cmp eax, -4095
    jae fail
    mov esi, eax
    push 1001
    push esi
    call emit_return
    add esp, 8
    mov ebx, esi
    mov ecx, 4096
    mov edx, PROT_READ | PROT_EXEC
    mov eax, SYS_mprotect
    int 0x80
    test eax, eax
    jnz refused
    call esi
    push eax
    call print_result
    xor ebx, ebx
    jmp exit
refused:
    push eax
    lea ecx, [name_mprotect]
    push ecx
    call report
    push 2
    lea ecx, [fallback]
    push ecx
    call print_text
    lea ecx, [byte_code]
    push ecx
    call interpret
    push eax
    call print_result
    xor ebx, ebx
    jmp exit

# interpret(byte code): eax = its result. 1 N: load N; 2 N: multiply by N; 0: return.
interpret:
    push ebx
    mov ebx, dword ptr [esp + 8]
    xor eax, eax
next_instruction:
    movzx ecx, byte ptr [ebx]
    test ecx, ecx
    jz finished
    movzx edx, byte ptr [ebx + 1]
    add ebx, 2
    cmp ecx, 1
    jne multiply
    mov eax, edx
    jmp next_instruction
multiply:
    imul eax, edx
    jmp next_instruction
finished:
    pop ebx
    ret

    .data
byte_code: .byte 1, 7, 2, 11, 2, 13, 0
fallback: .asciz "falling back to the byte-code interpreter\n"

    .include "lib/i386.inc"
