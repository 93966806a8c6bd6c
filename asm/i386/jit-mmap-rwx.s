# An anonymous mapping that is readable, writable and executable from the start: the simplest JIT, and
# what every W^X policy refuses at the mmap.
    .text
    .globl _start
_start:
    xor ebx, ebx
    mov ecx, 4096
    mov edx, PROT_READ | PROT_WRITE | PROT_EXEC
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
    call esi
    push eax
    call print_result
    xor ebx, ebx
    jmp exit

    .include "lib/i386.inc"
