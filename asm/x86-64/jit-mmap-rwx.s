# An anonymous mapping that is readable, writable and executable from the start: the simplest JIT, and
# what every W^X policy refuses at the mmap.
    .text
    .globl _start
_start:
    xor edi, edi
    mov esi, 4096
    mov edx, PROT_READ | PROT_WRITE | PROT_EXEC
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
    call rbx
    mov edi, eax
    call print_result
    xor edi, edi
    jmp exit

    .include "lib/x86-64.inc"
