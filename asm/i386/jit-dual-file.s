# Dual mapping through a file in /tmp, for systems without memfd_create: one shared writable view, one
# shared executable view, patched and called 1,000 times, each result checked.
    .text
    .globl _start
_start:
    lea ebx, [file_name]
    mov ecx, O_RDWR | O_CREAT | O_TRUNC
    mov edx, 0x180                  # mode 0600
    mov eax, SYS_open
    int 0x80
    lea ecx, [name_open]
    cmp eax, -4095
    jae fail
    mov esi, eax
    lea ebx, [file_name]            # the descriptor keeps it
    mov eax, SYS_unlink
    int 0x80
    mov eax, esi
    mov dword ptr [descriptor], eax
    mov ebx, eax
    mov ecx, 4096
    mov eax, SYS_ftruncate
    int 0x80
    lea ecx, [name_ftruncate]
    test eax, eax
    jnz fail
    mov edx, PROT_READ | PROT_WRITE
    call map_view
    mov dword ptr [writable_view], eax
    mov edx, PROT_READ | PROT_EXEC
    call map_view
    mov esi, eax                    # where the code runs

    mov edi, 1000
patch_and_call:
    lea eax, [edi + 1001]
    push eax
    push dword ptr [writable_view]
    call emit_return
    add esp, 8
    call esi
    sub eax, edi
    cmp eax, 1001
    jne stale
    dec edi
    jnz patch_and_call

    push 1001
    push dword ptr [writable_view]
    call emit_return
    add esp, 8
    call esi
    push eax
    call print_result
    xor ebx, ebx
    jmp exit
stale:
    push 2
    lea ecx, [text_stale]
    push ecx
    call print_text
    mov ebx, 1
    jmp exit

# map_view(edx = rights): eax = a shared mapping of the descriptor.
map_view:
    xor ebx, ebx
    mov ecx, 4096
    mov esi, MAP_SHARED
    mov edi, dword ptr [descriptor]
    xor ebp, ebp
    mov eax, SYS_mmap2
    int 0x80
    lea ecx, [name_mmap]
    cmp eax, -4095
    jae fail
    ret

    .data
file_name: .asciz "/tmp/mayexec-jit"
text_stale: .asciz "stale code: a patch was not seen\n"

    .bss
    .balign 4
descriptor: .skip 4
writable_view: .skip 4

    .include "lib/i386.inc"
