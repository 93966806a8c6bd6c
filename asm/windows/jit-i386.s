# A JIT compiler's three steps for Windows: memory to write to, a function of six bytes, the right to execute it.
# Exit code: the function's result, or the Win32 error that refused a step.
#@ arch i386
    .import kernel32.dll, VirtualAlloc, VirtualProtect, GetLastError, ExitProcess
    .text
    .globl _start
_start:
    sub esp, 8
    push 4                          # PAGE_READWRITE
    push 0x3000                     # MEM_RESERVE | MEM_COMMIT
    push 4096
    push 0
    call [VirtualAlloc]
    test eax, eax
    jz failed
    mov ebx, eax
    mov byte ptr [ebx], 0xb8        # mov eax, 42
    mov dword ptr [ebx + 1], 42
    mov byte ptr [ebx + 5], 0xc3    # ret
    push esp
    push 0x20                       # PAGE_EXECUTE_READ
    push 4096
    push ebx
    call [VirtualProtect]
    test eax, eax
    jz failed
    call ebx
    push eax
    call [ExitProcess]
failed:
    call [GetLastError]
    push eax
    call [ExitProcess]
