# A JIT compiler's three steps for Windows: memory to write to, a function of six bytes, the right to execute it.
# Exit code: the function's result, or the Win32 error that refused a step.
#@ arch x86-64
    .import kernel32.dll, VirtualAlloc, VirtualProtect, FlushInstructionCache, GetCurrentProcess, GetLastError, ExitProcess
    .include "windows/jit-x86-64-body.s"
