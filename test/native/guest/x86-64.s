; The judge's guest, x86-64. Reads a script of operations from stdin, does each one, and writes what
; came of it to stdout. script.ts has the formats, guest.ts the constants in capitals.
; r15 = DATA, r14 = operation, r13 = end of the operations, r12 = where the next record goes.

_start:
  jmp start
  .balign 16
handler_entry:                    ; CODE + 16: no address of a label is needed anywhere
  jmp handler
  .balign 16
restorer:                         ; CODE + 32
  mov eax, 15                     ; rt_sigreturn
  syscall
  .balign 16
resume:                           ; CODE + 48: where the handler sends a touch that faulted
  mov rsp, [r15 + SAVED_SP]
  ret

; ---- signals: note what happened, give the touch up
handler:
  mov ebx, DATA
  mov [rbx + FAULT], dil
  mov rax, [rdx + 192]            ; uc_mcontext.err
  mov [rbx + FAULT + 1], al
  mov rax, [rdx + 200]            ; uc_mcontext.trapno
  mov [rbx + FAULT + 2], ax
  mov eax, [rsi + 8]              ; si_code
  mov [rbx + FAULT + 4], eax
  mov rax, [rsi + 16]             ; si_addr
  mov [rbx + FAULT_ADDRESS], rax
  mov eax, CODE + 48
  mov [rdx + 168], rax            ; uc_mcontext.rip
  ret

start:
  mov edi, DATA                 ; all that the guest writes: one mapping below the test window
  mov esi, DATA_LENGTH
  mov edx, 3
  mov r10d, 0x32                  ; MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED
  mov r8, -1
  xor r9d, r9d
  mov eax, 9                      ; mmap
  syscall
  mov r15, rax
  lea rsp, [r15 + STACK_TOP]
  lea r12, [r15 + OUTPUT]

  mov dword ptr [r15 + SCRATCH], 0x20080522   ; _LINUX_CAPABILITY_VERSION_3
  lea rdi, [r15 + SCRATCH]
  lea rsi, [r15 + SCRATCH + 8]  ; zeros: run as an ordinary user, also when root started us
  mov eax, 126                    ; capset
  syscall

  lea rax, [r15 + ALT_STACK]
  mov [r15 + SCRATCH], rax
  mov qword ptr [r15 + SCRATCH + 8], 0
  mov qword ptr [r15 + SCRATCH + 16], ALT_STACK_LENGTH
  lea rdi, [r15 + SCRATCH]
  xor esi, esi
  mov eax, 131                    ; sigaltstack
  syscall

  mov eax, CODE + 16
  mov [r15 + SCRATCH], rax
  mov eax, 0x0c000004             ; SA_SIGINFO | SA_ONSTACK | SA_RESTORER
  mov [r15 + SCRATCH + 8], rax
  mov eax, CODE + 32
  mov [r15 + SCRATCH + 16], rax
  mov qword ptr [r15 + SCRATCH + 24], 0
  mov ebx, 11                     ; SIGSEGV
  call catch
  mov ebx, 7                      ; SIGBUS
  call catch
  mov ebx, 4                      ; SIGILL
  call catch
  mov ebx, 5                      ; SIGTRAP
  call catch
  mov ebx, 8                      ; SIGFPE
  call catch

  lea rsi, [r15 + HEADER]
  mov edx, 16
  call read_all
  lea rsi, [r15 + SCRATCH]
  mov edx, 4096
  call read_all

  xor edi, edi                    ; a reservation that gives mmap(NULL) a hole at a known place
  mov esi, ANCHOR_LENGTH
  xor edx, edx
  mov r10d, 0x4022                ; MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
  mov r8, -1
  xor r9d, r9d
  mov eax, 9
  syscall
  lea rbx, [rax + 0x1fffff]
  and rbx, -0x200000              ; aligned to 2 MiB, so that huge-page alignment is the same everywhere
  mov rdi, rax
  mov rsi, rbx
  sub rsi, rax
  jz aligned
  mov eax, 11                     ; munmap
  syscall
aligned:
  lea rdi, [rbx + HOLE_OFFSET]
  mov [r15 + 16], rdi             ; base 2: the hole
  mov esi, HOLE_LENGTH
  mov eax, 11
  syscall
  xor edi, edi
  mov eax, 12                     ; brk
  syscall
  mov [r15 + 24], rax             ; base 3: the program break
  mov qword ptr [r15], 0          ; base 0: absolute
  mov rax, WINDOW
  mov [r15 + 8], rax              ; base 1: the window
  lea rax, [r15 + SCRATCH]
  mov [r15 + 32], rax             ; base 4: the scratch page

  mov ebp, [r15 + HEADER + 8]   ; how many sequences
next_sequence:
  test ebp, ebp
  jz finish
  dec ebp
  lea rsi, [r15 + HEADER + 16]
  mov edx, 16
  call read_all
  lea rsi, [r15 + OPERATIONS]
  mov r14, rsi
  mov edx, [r15 + HEADER + 16]
  shl edx, 6
  lea r13, [r14 + rdx]
  call read_all
  test dword ptr [r15 + HEADER + 4], 1
  jz run_here
  mov eax, 57                     ; fork: each sequence in a process of its own
  syscall
  test eax, eax
  jz run_in_child
  call wait_child
  jmp sequence_ended
run_in_child:
  call run
  call flush
  jmp leave
run_here:
  call run
  xor eax, eax
sequence_ended:
  mov qword ptr [r12], RECORD_END
  mov [r12 + 8], rax
  mov qword ptr [r12 + 16], 0
  mov qword ptr [r12 + 24], 0
  add r12, 32
  call flush
  jmp next_sequence
finish:
  call flush
leave:
  xor edi, edi
  mov eax, 231                    ; exit_group
  syscall
  hlt

; ---- ebx = signal; the action lies in the scratch page
catch:
  mov edi, ebx
  lea rsi, [r15 + SCRATCH]
  xor edx, edx
  mov r10d, 8
  mov eax, 13                     ; rt_sigaction
  syscall
  ret

; ---- rsi = buffer, edx = length; ends the program when the script is cut short
read_all:
  test edx, edx
  jz read_done
  xor edi, edi
  xor eax, eax                    ; read
  syscall
  test rax, rax
  jle leave
  add rsi, rax
  sub edx, eax
  jmp read_all
read_done:
  ret

; ---- writes the records out
flush:
  lea rsi, [r15 + OUTPUT]
flush_more:
  mov rdx, r12
  sub rdx, rsi
  jz flushed
  mov edi, 1
  mov eax, 1                      ; write
  syscall
  test rax, rax
  jle flushed
  add rsi, rax
  jmp flush_more
flushed:
  lea r12, [r15 + OUTPUT]
  ret

; ---- eax = pid; gives the wait status in rax
wait_child:
  mov edi, eax
  lea rsi, [r15 + VALUE]
  mov qword ptr [rsi], 0
  xor edx, edx
  xor r10d, r10d
  mov eax, 61                     ; wait4
  syscall
  mov rax, [r15 + VALUE]
  ret

; ---- one sequence, from r14 to r13
run:
  mov qword ptr [r12], RECORD_BEGIN
  mov eax, [r15 + HEADER + 20]
  mov [r12 + 8], rax              ; the sequence's number
  mov rax, [r15 + 16]
  mov [r12 + 16], rax
  mov rax, [r15 + 24]
  mov [r12 + 24], rax
  add r12, 32
run_next:
  cmp r14, r13
  jae run_done
  movzx eax, byte ptr [r14]
  cmp eax, OP_CALL
  je do_call
  cmp eax, OP_EXEC
  jbe do_touch
  cmp eax, OP_DUMP
  je do_dump
  cmp eax, OP_SWEEP
  je do_sweep
  cmp eax, OP_FORK
  je do_fork
  call flush                      ; OP_EXIT: the end of a forked child
  jmp leave
run_step:
  add r14, 64
  lea rax, [r15 + OUTPUT_LIMIT]
  cmp r12, rax
  jb run_next
  call flush
  jmp run_next
run_done:
  ret

; ---- ends the record: the operation's number in its second word
number_record:
  lea rdx, [r15 + OPERATIONS]
  mov rcx, r14
  sub rcx, rdx
  shr ecx, 6
  mov [r12 + 4], ecx
  add r12, 32
  ret

; ---- edx = number of an argument; gives it in rax
argument:
  movzx eax, byte ptr [r14 + rdx + 4]
  mov rax, [r15 + rax*8]
  add rax, [r14 + rdx*8 + 16]
  ret

do_call:
  xor edx, edx
  call argument
  mov rdi, rax
  mov edx, 1
  call argument
  mov rsi, rax
  mov edx, 3
  call argument
  mov r10, rax
  mov edx, 4
  call argument
  mov r8, rax
  mov edx, 5
  call argument
  mov r9, rax
  mov edx, 2
  call argument
  mov rdx, rax
  movzx eax, word ptr [r14 + 2]
  syscall
  mov qword ptr [r12], OP_CALL
  mov [r12 + 8], rax
  mov qword ptr [r12 + 16], 0
  mov rdx, [r15 + SCRATCH + CAPTURE]
  mov [r12 + 24], rdx
  call number_record
  movzx edx, byte ptr [r14 + 10]  ; the base that keeps the result, or 0
  test edx, edx
  jz run_step
  mov [r15 + rdx*8], rax
  jmp run_step

do_touch:
  mov ebx, eax
  mov edx, 1
  call argument
  mov rcx, rax
  xor edx, edx
  call argument
  call touch
  call touch_record
  jmp run_step

; ---- eax = kind, left in [r12]; the rest comes from the fault and the value
touch_record:
  movzx eax, byte ptr [r14]
  mov [r12], rax
  mov rax, [r15 + FAULT]
  mov [r12 + 8], rax
  mov rax, [r15 + FAULT_ADDRESS]
  mov [r12 + 16], rax
  mov rax, [r15 + VALUE]
  mov [r12 + 24], rax
  call number_record
  ret

; ---- rax = address, ebx = kind, rcx = value to store
touch:
  mov qword ptr [r15 + FAULT], 0
  mov qword ptr [r15 + FAULT_ADDRESS], 0
  mov qword ptr [r15 + VALUE], 0
  mov [r15 + SAVED_SP], rsp
  cmp ebx, OP_READ
  je touch_read
  cmp ebx, OP_WRITE
  je touch_write
  mov rbx, rax
  lea rax, [r15 + SCRATCH]      ; zeros execute as add [rax], al: al is 0 here
  call rbx
  ret
touch_read:
  mov rax, [rax]
  mov [r15 + VALUE], rax
  ret
touch_write:
  mov [rax], rcx
  ret

; ---- one read per page: argument 0 = start, 1 = pages
do_sweep:
  xor edx, edx
  call argument
  mov [r15 + COUNTER], rax
  mov edx, 1
  call argument
  mov [r15 + COUNTER + 8], rax
sweep_next:
  mov rax, [r15 + COUNTER]
  mov ebx, OP_READ
  call touch
  call touch_record
  add qword ptr [r15 + COUNTER], 4096
  dec qword ptr [r15 + COUNTER + 8]
  jnz sweep_next
  jmp run_step

; ---- copies a file (maps, smaps): argument 0 = path
do_dump:
  call flush
  xor edx, edx
  call argument
  mov rdi, rax
  xor esi, esi
  xor edx, edx
  mov eax, 2                      ; open
  syscall
  mov ebx, eax
  lea rsi, [r12 + 32]
  mov edx, OUTPUT_LENGTH - 64
dump_more:
  mov edi, ebx
  xor eax, eax
  syscall
  test rax, rax
  jle dump_end
  add rsi, rax
  sub edx, eax
  jmp dump_more
dump_end:
  mov edi, ebx
  mov eax, 3                      ; close
  syscall
  mov qword ptr [r12], OP_DUMP
  mov rax, rsi
  sub rax, r12
  sub rax, 32
  mov [r12 + 8], rax
  mov qword ptr [r12 + 16], 0
  mov qword ptr [r12 + 24], 0
  mov rbx, rsi
  call number_record
  mov r12, rbx
  call flush
  jmp run_step

; ---- the child goes on to its OP_EXIT; then the parent goes on behind it
do_fork:
  call flush
  mov eax, 57
  syscall
  test rax, rax
  js fork_record
  jz run_step
  call wait_child
fork_record:
  mov qword ptr [r12], OP_FORK
  mov [r12 + 8], rax
  mov qword ptr [r12 + 16], 0
  mov qword ptr [r12 + 24], 0
  call number_record
  mov ecx, 1
skip_next:
  add r14, 64
  cmp r14, r13
  jae run_done
  movzx eax, byte ptr [r14]
  cmp eax, OP_FORK
  jne skip_exit
  inc ecx
skip_exit:
  cmp eax, OP_EXIT
  jne skip_next
  dec ecx
  jnz skip_next
  jmp run_step
