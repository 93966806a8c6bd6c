# A JIT compiler's three steps for Windows: memory to write to, a function of six bytes, the right to execute it.
# Exit code: the function's result, or the Win32 error that refused a step.
#@ arch x86-64
    .import kernel32.dll, VirtualAlloc, VirtualProtect, FlushInstructionCache, GetCurrentProcess, GetLastError, ExitProcess
    .text
    .globl _start
_start:
    sub rsp, 0x28
    xor ecx, ecx
    mov edx, 4096
    mov r8d, 0x3000                 # MEM_RESERVE | MEM_COMMIT
    mov r9d, 4                      # PAGE_READWRITE
    call [VirtualAlloc]
    test rax, rax
    jz failed
    mov rbx, rax
    mov byte ptr [rbx], 0xb8        # mov eax, 42
    mov dword ptr [rbx + 1], 42
    mov byte ptr [rbx + 5], 0xc3    # ret
    mov rcx, rbx
    mov edx, 4096
    mov r8d, 0x20                   # PAGE_EXECUTE_READ
    lea r9, [rsp + 0x20]
    call [VirtualProtect]
    test eax, eax
    jz failed
    call [GetCurrentProcess]
    mov rcx, rax
    mov rdx, rbx
    mov r8d, 6
    call [FlushInstructionCache]
    call rbx
    mov ecx, eax
    call [ExitProcess]
failed:
    call [GetLastError]
    mov ecx, eax
    call [ExitProcess]
