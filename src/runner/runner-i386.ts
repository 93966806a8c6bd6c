/** The runner's program for i386: what runner-x86-64.ts says, in 32 bits. */
export const RUNNER_I386 = `
    .text
    .globl _start
_start:
    mov ebx, offset alternate
    xor ecx, ecx
    mov eax, SYS_sigaltstack
    int 0x80
    mov ebx, SIGILL
    call catch
    mov ebx, SIGTRAP
    call catch
    mov ebx, SIGBUS
    call catch
    mov ebx, SIGFPE
    call catch
    mov ebx, SIGSEGV
    call catch
next_case:
    mov ecx, offset input
    mov ebp, INPUT_LENGTH
read_more:
    mov edx, ebp
    xor ebx, ebx
    mov eax, SYS_read
    int 0x80
    test eax, eax
    jle no_more
    add ecx, eax
    sub ebp, eax
    jnz read_more
    mov eax, SYS_fork
    int 0x80
    test eax, eax
    jz child
    js no_more
    mov ebx, eax
    mov ecx, offset status
    xor edx, edx
    xor esi, esi
    mov eax, SYS_wait4
    int 0x80
    mov eax, [status]
    test eax, eax
    jz next_case
    mov dword ptr [output], ENDED_BY_DEATH
    mov [output + OUT_SIGNAL], eax
    call write_output
    jmp next_case
no_more:
    xor ebx, ebx
    mov eax, SYS_exit
    int 0x80

catch:
    mov ecx, offset action
    xor edx, edx
    mov esi, 8
    mov eax, SYS_rt_sigaction
    int 0x80
    ret

write_output:
    mov ecx, offset output
    mov ebp, OUTPUT_LENGTH
write_more:
    mov edx, ebp
    mov ebx, 1
    mov eax, SYS_write
    int 0x80
    test eax, eax
    jle no_more
    add ecx, eax
    sub ebp, eax
    jnz write_more
    ret

child:
    mov ebx, 2                      # ITIMER_PROF
    mov ecx, offset timer
    xor edx, edx
    mov eax, SYS_setitimer
    int 0x80
    mov esi, offset input + IN_BUFFERS
    mov ebx, offset buffers
fill:
    mov edi, [ebx]
    mov ecx, [ebx + 4]
    test ecx, ecx
    jz filled
    rep movsb
    add ebx, 8
    jmp fill
filled:
    mov ebx, 22                     # PR_SET_SECCOMP
    mov ecx, 1                      # SECCOMP_MODE_STRICT
    mov eax, SYS_prctl
    int 0x80
    test eax, eax
    jz confined
    mov ebx, PR_SET_NO_NEW_PRIVS
    mov ecx, 1
    xor edx, edx
    xor esi, esi
    xor edi, edi
    mov eax, SYS_prctl
    int 0x80
    mov ebx, 22                     # PR_SET_SECCOMP
    mov ecx, 2                      # SECCOMP_MODE_FILTER
    mov edx, offset filter
    mov eax, SYS_prctl
    int 0x80
confined:
    fxrstor [input + IN_FX]
    mov esp, CASE_STACK
    mov dword ptr [esp], offset returned
    push dword ptr [input + IN_FLAGS]
    popfd
    mov eax, [input]
    mov ecx, [input + 4]
    mov edx, [input + 8]
    mov ebx, [input + 12]
    mov ebp, [input + 16]
    mov esi, [input + 20]
    mov edi, [input + 24]
    jmp dword ptr [entry]

returned:
    mov [output + OUT_REGISTERS], eax
    mov [output + OUT_REGISTERS + 4], ecx
    mov [output + OUT_REGISTERS + 8], edx
    mov [output + OUT_REGISTERS + 12], ebx
    mov [output + OUT_REGISTERS + 16], ebp
    mov [output + OUT_REGISTERS + 20], esi
    mov [output + OUT_REGISTERS + 24], edi
    mov [output + OUT_SP], esp
    mov esp, offset own_stack
    pushfd
    pop dword ptr [output + OUT_FLAGS]
    cld
    fxsave [output + OUT_FX]
    mov dword ptr [output], ENDED_BY_RETURN
    jmp finish

handler:                            # handler(signal, siginfo, ucontext)
    cld
    mov dword ptr [output], ENDED_BY_SIGNAL
    mov eax, [esp + 4]
    mov [output + OUT_SIGNAL], eax
    mov esi, [esp + 8]
    mov eax, [esi + 8]
    mov [output + OUT_CODE], eax
    mov eax, [esi + 12]
    mov [output + OUT_ADDRESS], eax
    mov edx, [esp + 12]             # uc_mcontext is at 20
    mov eax, [edx + 76]
    mov [output + OUT_PC], eax
    mov eax, [edx + 48]
    mov [output + OUT_SP], eax
    mov eax, [edx + 84]
    mov [output + OUT_FLAGS], eax
    mov eax, [edx + 64]
    mov [output + OUT_REGISTERS], eax
    mov eax, [edx + 60]
    mov [output + OUT_REGISTERS + 4], eax
    mov eax, [edx + 56]
    mov [output + OUT_REGISTERS + 8], eax
    mov eax, [edx + 52]
    mov [output + OUT_REGISTERS + 12], eax
    mov eax, [edx + 44]
    mov [output + OUT_REGISTERS + 16], eax
    mov eax, [edx + 40]
    mov [output + OUT_REGISTERS + 20], eax
    mov eax, [edx + 36]
    mov [output + OUT_REGISTERS + 24], eax
    mov esi, [edx + 96]             # fpstate; fxsave's data is behind the old format
    test esi, esi
    jz finish
    add esi, 112
    mov edi, offset output + OUT_FX
    mov ecx, 512
    rep movsb
finish:
    mov edi, offset output + OUT_BUFFERS
    mov ebx, offset buffers
save:
    mov esi, [ebx]
    mov ecx, [ebx + 4]
    test ecx, ecx
    jz saved
    rep movsb
    add ebx, 8
    jmp save
saved:
    call write_output
    jmp no_more

    .data
    .balign 64
input: .fill INPUT_LENGTH, 1, 0
    .balign 64
output: .fill OUTPUT_LENGTH, 1, 0
    .balign 64
    .fill 4096, 1, 0
own_stack:
alternate_stack: .fill 65536, 1, 0
alternate: .long alternate_stack, 0, 65536
action: .long handler, 0x08000004, 0, 0, 0      # SA_SIGINFO | SA_ONSTACK
timer: .long 0, 0, 0, TIME_LIMIT
status: .long 0
filter: .long 10, filter_program
filter_program:                     # code, jumps when true and false, operand
    .quad 0x0000000400000020        # load the architecture
    .quad 0x4000000306000015        # AUDIT_ARCH_I386, or else the end
    .quad 0x0000000000000020        # load the number
    .quad 0x0000000300050015        # read
    .quad 0x0000000400040015        # write
    .quad 0x0000000100030015        # exit
    .quad 0x0000007700020015        # sigreturn
    .quad 0x000000ad00010015        # rt_sigreturn
    .quad 0x8000000000000006        # SECCOMP_RET_KILL_PROCESS
    .quad 0x7fff000000000006        # SECCOMP_RET_ALLOW
`;
