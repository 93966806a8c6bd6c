; Runs single instructions: reads cases from stdin, executes each under the trap flag, and writes the state that the
; signal found to stdout. See ../instructions/record.ts for both formats and the constants.

.text
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
  mov edi, CODE_PAGE
  mov esi, 4096
  mov edx, 7
  call map
  mov edi, DATA_PAGES
  mov esi, 8192
  mov edx, 3
  call map
  lea rsi, [rip + count]
  mov edx, 8
  call read_all
  mov edi, INPUT
  imul rsi, [rip + count], CASE_LENGTH
  mov edx, 3
  call map
  mov edi, OUTPUT
  imul rsi, [rip + count], RECORD_LENGTH
  mov edx, 3
  call map
  mov esi, INPUT
  imul rdx, [rip + count], CASE_LENGTH
  call read_all
  mov qword ptr [rip + input], INPUT
  mov qword ptr [rip + output], OUTPUT
  mov rax, [rip + count]
  mov [rip + left], rax

next:
  lea rsp, [rip + own_stack]
  cld
  sub qword ptr [rip + left], 1
  jb done
  mov r15, [rip + input]
  lea rsi, [r15 + CASE_CODE]
  mov edi, CODE
  mov ecx, 16
  rep movsb
  lea rsi, [r15 + CASE_DATA]
  mov edi, DATA_PAGES + 4096 - 64
  mov ecx, 128
  rep movsb
  mov edi, DATA_PAGES + 8192 - 64
  mov ecx, 64
  rep movsb
  test dword ptr [r15 + CASE_EXTENDED], 1
  jnz extended
  fxrstor [r15 + CASE_FX]
  jmp loaded
extended:
  mov eax, 7
  xor edx, edx
  xrstor [r15 + CASE_FX]
loaded:
  add qword ptr [rip + input], CASE_LENGTH
  xor eax, eax
  mov ax, ss
  push rax
  push qword ptr [r15 + 32]
  mov rax, [r15 + CASE_FLAGS]
  or rax, 0x100                   ; the trap flag
  push rax
  mov ax, cs
  movzx eax, ax
  push rax
  mov eax, CODE
  push rax
  mov rax, [r15]
  mov rcx, [r15 + 8]
  mov rdx, [r15 + 16]
  mov rbx, [r15 + 24]
  mov rbp, [r15 + 40]
  mov rsi, [r15 + 48]
  mov rdi, [r15 + 56]
  mov r8, [r15 + 64]
  mov r9, [r15 + 72]
  mov r10, [r15 + 80]
  mov r11, [r15 + 88]
  mov r12, [r15 + 96]
  mov r13, [r15 + 104]
  mov r14, [r15 + 112]
  mov r15, [r15 + 120]
  iretq

handler:
  cld
  mov r15, [rip + output]
  add qword ptr [rip + output], RECORD_LENGTH
  mov rbx, rsi
  mov r14, [rdx + 224]            ; fpstate
  lea rsi, [rdx + 40]             ; gregs
  mov rdi, r15
  mov ecx, 184
  rep movsb
  mov rsi, rbx                    ; siginfo
  mov ecx, 24
  rep movsb
  mov esi, DATA_PAGES + 4096 - 64
  mov ecx, 128
  rep movsb
  mov esi, DATA_PAGES + 8192 - 64
  mov ecx, 64
  rep movsb
  lea rdi, [r15 + RECORD_FX]
  mov rsi, r14
  mov ecx, 512
  cmp dword ptr [r14 + 464], 0x46505853
  jne copy
  mov ecx, 832
copy:
  rep movsb
  jmp next

done:
  mov esi, OUTPUT
  imul r12, [rip + count], RECORD_LENGTH
write_more:
  mov rdx, r12
  mov edi, 1
  mov eax, SYS_write
  syscall
  test rax, rax
  jle leave
  add rsi, rax
  sub r12, rax
  jnz write_more
leave:
  xor edi, edi
  mov eax, SYS_exit
  syscall

read_all:
  mov r12, rdx
read_more:
  mov rdx, r12
  xor edi, edi
  mov eax, SYS_read
  syscall
  test rax, rax
  jle leave
  add rsi, rax
  sub r12, rax
  jnz read_more
  ret

map:
  mov r10d, 0x32                  ; MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS
  mov r8, -1
  xor r9d, r9d
  mov eax, SYS_mmap
  syscall
  ret

catch:
  mov edi, ebx
  lea rsi, [rip + action]
  xor edx, edx
  mov r10d, 8
  mov eax, SYS_rt_sigaction
  syscall
  ret

.data
.balign 64
count: .quad 0
left: .quad 0
input: .quad 0
output: .quad 0
alternate: .quad alternate_stack, 0, 65536
action: .quad handler, 0x4c000004, 0, 0     ; SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTORER
.bss
.balign 64
.skip 4096
own_stack: .skip 64
alternate_stack: .skip 65536
