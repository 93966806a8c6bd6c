/**
 * The runner's program for x86-64: reads cases from standard input, runs each in a child of its own, and writes
 * what came of it to standard output. The host's CPU and the sandbox run the same file.
 *
 * Constants in capitals come from case-layout.ts and runner.ts. A child may read, write and end, nothing else:
 * code under test makes no system call on the user's machine. SECCOMP_MODE_STRICT says so, and where a filter is
 * in force already, as in containers, which rules that mode out, a filter of ours on top of it.
 */
export const RUNNER_X86_64 = `
    .text
    .globl _start
_start:
    lea rdi, [rip + alternate]
    xor esi, esi
    mov eax, SYS_sigaltstack
    syscall
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
    lea rsi, [rip + input]
    mov r12d, INPUT_LENGTH
read_more:
    mov edx, r12d
    xor edi, edi
    mov eax, SYS_read
    syscall
    test rax, rax
    jle no_more
    add rsi, rax
    sub r12d, eax
    jnz read_more
    mov eax, SYS_fork
    syscall
    test eax, eax
    jz child
    js no_more
    mov edi, eax
    lea rsi, [rip + status]
    xor edx, edx
    xor r10d, r10d
    mov eax, SYS_wait4
    syscall
    mov eax, [rip + status]
    test eax, eax
    jz next_case
    mov qword ptr [rip + output], ENDED_BY_DEATH
    mov [rip + output + OUT_SIGNAL], rax
    call write_output
    jmp next_case
no_more:
    xor edi, edi
    mov eax, SYS_exit
    syscall

catch:
    mov edi, ebx
    lea rsi, [rip + action]
    xor edx, edx
    mov r10d, 8
    mov eax, SYS_rt_sigaction
    syscall
    ret

write_output:
    lea rsi, [rip + output]
    mov r12d, OUTPUT_LENGTH
write_more:
    mov edx, r12d
    mov edi, 1
    mov eax, SYS_write
    syscall
    test rax, rax
    jle no_more
    add rsi, rax
    sub r12d, eax
    jnz write_more
    ret

child:
    mov edi, 2                      # ITIMER_PROF
    lea rsi, [rip + timer]
    xor edx, edx
    mov eax, SYS_setitimer
    syscall
    lea rsi, [rip + input + IN_BUFFERS]
    lea rbx, [rip + buffers]
fill:
    mov rdi, [rbx]
    mov rcx, [rbx + 8]
    test rcx, rcx
    jz filled
    rep movsb
    add rbx, 16
    jmp fill
filled:
    mov edi, 22                     # PR_SET_SECCOMP
    mov esi, 1                      # SECCOMP_MODE_STRICT
    mov eax, SYS_prctl
    syscall
    test eax, eax
    jz confined
    mov edi, PR_SET_NO_NEW_PRIVS
    mov esi, 1
    xor edx, edx
    xor r10d, r10d
    xor r8d, r8d
    mov eax, SYS_prctl
    syscall
    mov edi, 22                     # PR_SET_SECCOMP
    mov esi, 2                      # SECCOMP_MODE_FILTER
    lea rdx, [rip + filter]
    mov eax, SYS_prctl
    syscall
confined:
    fxrstor [rip + input + IN_FX]
    movabs rsp, CASE_STACK
    lea rax, [rip + returned]
    mov [rsp], rax
    push qword ptr [rip + input + IN_FLAGS]
    popfq
    mov rax, [rip + input]
    mov rcx, [rip + input + 8]
    mov rdx, [rip + input + 16]
    mov rbx, [rip + input + 24]
    mov rbp, [rip + input + 32]
    mov rsi, [rip + input + 40]
    mov rdi, [rip + input + 48]
    mov r8, [rip + input + 56]
    mov r9, [rip + input + 64]
    mov r10, [rip + input + 72]
    mov r11, [rip + input + 80]
    mov r12, [rip + input + 88]
    mov r13, [rip + input + 96]
    mov r14, [rip + input + 104]
    mov r15, [rip + input + 112]
    jmp qword ptr [rip + entry]

returned:
    mov [rip + output + OUT_REGISTERS], rax
    mov [rip + output + OUT_REGISTERS + 8], rcx
    mov [rip + output + OUT_REGISTERS + 16], rdx
    mov [rip + output + OUT_REGISTERS + 24], rbx
    mov [rip + output + OUT_REGISTERS + 32], rbp
    mov [rip + output + OUT_REGISTERS + 40], rsi
    mov [rip + output + OUT_REGISTERS + 48], rdi
    mov [rip + output + OUT_REGISTERS + 56], r8
    mov [rip + output + OUT_REGISTERS + 64], r9
    mov [rip + output + OUT_REGISTERS + 72], r10
    mov [rip + output + OUT_REGISTERS + 80], r11
    mov [rip + output + OUT_REGISTERS + 88], r12
    mov [rip + output + OUT_REGISTERS + 96], r13
    mov [rip + output + OUT_REGISTERS + 104], r14
    mov [rip + output + OUT_REGISTERS + 112], r15
    mov [rip + output + OUT_SP], rsp
    lea rsp, [rip + own_stack]
    pushfq
    pop qword ptr [rip + output + OUT_FLAGS]
    cld
    fxsave [rip + output + OUT_FX]
    mov qword ptr [rip + output], ENDED_BY_RETURN
    jmp finish

handler:
    cld
    mov qword ptr [rip + output], ENDED_BY_SIGNAL
    mov edi, edi
    mov [rip + output + OUT_SIGNAL], rdi
    movsxd rax, dword ptr [rsi + 8]
    mov [rip + output + OUT_CODE], rax
    mov rax, [rsi + 16]
    mov [rip + output + OUT_ADDRESS], rax
    mov rax, [rdx + 168]            # uc_mcontext: gregs from 40 on, r8 first
    mov [rip + output + OUT_PC], rax
    mov rax, [rdx + 160]
    mov [rip + output + OUT_SP], rax
    mov rax, [rdx + 176]
    mov [rip + output + OUT_FLAGS], rax
    mov rax, [rdx + 144]
    mov [rip + output + OUT_REGISTERS], rax
    mov rax, [rdx + 152]
    mov [rip + output + OUT_REGISTERS + 8], rax
    mov rax, [rdx + 136]
    mov [rip + output + OUT_REGISTERS + 16], rax
    mov rax, [rdx + 128]
    mov [rip + output + OUT_REGISTERS + 24], rax
    mov rax, [rdx + 120]
    mov [rip + output + OUT_REGISTERS + 32], rax
    mov rax, [rdx + 112]
    mov [rip + output + OUT_REGISTERS + 40], rax
    mov rax, [rdx + 104]
    mov [rip + output + OUT_REGISTERS + 48], rax
    mov ebx, 0
upper:
    mov rax, [rdx + rbx + 40]
    lea rcx, [rip + output + OUT_REGISTERS + 56]
    mov [rcx + rbx], rax
    add ebx, 8
    cmp ebx, 64
    jb upper
    mov rsi, [rdx + 224]            # fpstate
    test rsi, rsi
    jz finish
    lea rdi, [rip + output + OUT_FX]
    mov ecx, 512
    rep movsb
finish:
    lea rdi, [rip + output + OUT_BUFFERS]
    lea rbx, [rip + buffers]
save:
    mov rsi, [rbx]
    mov rcx, [rbx + 8]
    test rcx, rcx
    jz saved
    rep movsb
    add rbx, 16
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
alternate: .quad alternate_stack, 0, 65536
action: .quad handler, 0x0c000004, handler, 0     # SA_SIGINFO | SA_ONSTACK | SA_RESTORER
timer: .quad 0, 0, 0, TIME_LIMIT
status: .quad 0
filter: .quad 9, filter_program
filter_program:                     # code, jumps when true and false, operand
    .quad 0x0000000400000020        # load the architecture
    .quad 0xc000003e05000015        # AUDIT_ARCH_X86_64, or else the end
    .quad 0x0000000000000020        # load the number
    .quad 0x0000000000040015        # read
    .quad 0x0000000100030015        # write
    .quad 0x0000003c00020015        # exit
    .quad 0x0000000f00010015        # rt_sigreturn
    .quad 0x8000000000000006        # SECCOMP_RET_KILL_PROCESS
    .quad 0x7fff000000000006        # SECCOMP_RET_ALLOW
`;
