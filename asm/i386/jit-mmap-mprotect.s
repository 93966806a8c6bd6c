# The W^X way: write into an anonymous mapping, then swap write for execute with mprotect. No page is
# ever writable and executable at once; policies that remember the past of a mapping refuse it still.
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
    lea ecx, [name_mprotect]
    test eax, eax
    jnz fail
    call esi
    push eax
    call print_result
    xor ebx, ebx
    jmp exit

    .include "lib/i386.inc"
