; The judge's guest, i386. The same as x86-64.s, with 32-bit registers; records and operations have the
; same size, with the upper halves zero.
; ebp = DATA, edi = operation. Where the next record goes and other counters lie in memory.

_start:
  jmp start
  .balign 16
handler_entry:                    ; CODE + 16
  jmp handler
  .balign 16
restorer:                         ; CODE + 32
  mov eax, 173                    ; rt_sigreturn
  int 0x80
  .balign 16
resume:                           ; CODE + 48
  mov esp, [ebp + SAVED_SP]
  ret

handler:                          ; (signal, siginfo, ucontext) on the stack
  mov ebx, DATA
  mov eax, [esp + 4]
  mov [ebx + FAULT], al
  mov esi, [esp + 8]
  mov edx, [esp + 12]
  mov eax, [edx + 72]             ; uc_mcontext.err
  mov [ebx + FAULT + 1], al
  mov eax, [edx + 68]             ; uc_mcontext.trapno
  mov [ebx + FAULT + 2], ax
  mov eax, [esi + 8]              ; si_code
  mov [ebx + FAULT + 4], eax
  mov eax, [esi + 12]             ; si_addr
  mov [ebx + FAULT_ADDRESS], eax
  mov eax, CODE + 48
  mov [edx + 76], eax             ; uc_mcontext.eip
  ret

start:
  mov ebx, DATA
  mov ecx, DATA_LENGTH
  mov edx, 3
  mov esi, 0x32
  mov edi, -1
  xor ebp, ebp
  mov eax, 192                    ; mmap2
  int 0x80
  mov ebp, eax
  lea esp, [ebp + STACK_TOP]
  lea eax, [ebp + OUTPUT]
  mov [ebp + OUT], eax

  mov dword ptr [ebp + SCRATCH], 0x20080522
  lea ebx, [ebp + SCRATCH]
  lea ecx, [ebp + SCRATCH + 8]
  mov eax, 185                    ; capset
  int 0x80

  lea eax, [ebp + ALT_STACK]
  mov [ebp + SCRATCH], eax
  mov dword ptr [ebp + SCRATCH + 4], 0
  mov dword ptr [ebp + SCRATCH + 8], ALT_STACK_LENGTH
  lea ebx, [ebp + SCRATCH]
  xor ecx, ecx
  mov eax, 186                    ; sigaltstack
  int 0x80

  mov dword ptr [ebp + SCRATCH], CODE + 16
  mov dword ptr [ebp + SCRATCH + 4], 0x0c000004   ; SA_SIGINFO | SA_ONSTACK | SA_RESTORER
  mov dword ptr [ebp + SCRATCH + 8], CODE + 32
  mov dword ptr [ebp + SCRATCH + 12], 0
  mov dword ptr [ebp + SCRATCH + 16], 0
  mov ebx, 11
  call catch
  mov ebx, 7
  call catch
  mov ebx, 4
  call catch
  mov ebx, 5
  call catch
  mov ebx, 8
  call catch

  lea ecx, [ebp + HEADER]
  mov edx, 16
  call read_all
  lea ecx, [ebp + SCRATCH]
  mov edx, 4096
  call read_all

  push ebp
  xor ebx, ebx
  mov ecx, ANCHOR_LENGTH
  xor edx, edx
  mov esi, 0x4022
  mov edi, -1
  xor ebp, ebp
  mov eax, 192
  int 0x80
  pop ebp
  mov ebx, eax
  lea esi, [eax + 0x1fffff]
  and esi, -0x200000
  mov ecx, esi
  sub ecx, eax
  jz aligned
  mov eax, 91                     ; munmap
  int 0x80
aligned:
  lea ebx, [esi + HOLE_OFFSET]
  mov [ebp + 16], ebx
  mov ecx, HOLE_LENGTH
  mov eax, 91
  int 0x80
  xor ebx, ebx
  mov eax, 45                     ; brk
  int 0x80
  mov [ebp + 24], eax
  mov dword ptr [ebp + 8], WINDOW
  lea eax, [ebp + SCRATCH]
  mov [ebp + 32], eax

next_sequence:
  cmp dword ptr [ebp + HEADER + 8], 0
  je finish
  dec dword ptr [ebp + HEADER + 8]
  lea ecx, [ebp + HEADER + 16]
  mov edx, 16
  call read_all
  lea ecx, [ebp + OPERATIONS]
  mov edi, ecx
  mov edx, [ebp + HEADER + 16]
  shl edx, 6
  lea eax, [edi + edx]
  mov [ebp + END], eax
  call read_all
  test dword ptr [ebp + HEADER + 4], 1
  jz run_here
  mov eax, 2                      ; fork
  int 0x80
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
  mov edx, eax
  mov ebx, RECORD_END
  call record
  call flush
  jmp next_sequence
finish:
  call flush
leave:
  xor ebx, ebx
  mov eax, 252                    ; exit_group
  int 0x80
  hlt

catch:
  lea ecx, [ebp + SCRATCH]
  xor edx, edx
  mov esi, 8
  mov eax, 174                    ; rt_sigaction
  int 0x80
  ret

read_all:                         ; ecx = buffer, edx = length
  test edx, edx
  jz read_done
  xor ebx, ebx
  mov eax, 3                      ; read
  int 0x80
  test eax, eax
  jle leave
  add ecx, eax
  sub edx, eax
  jmp read_all
read_done:
  ret

flush:
  lea ecx, [ebp + OUTPUT]
flush_more:
  mov edx, [ebp + OUT]
  sub edx, ecx
  jz flushed
  mov ebx, 1
  mov eax, 4                      ; write
  int 0x80
  test eax, eax
  jle flushed
  add ecx, eax
  jmp flush_more
flushed:
  lea eax, [ebp + OUTPUT]
  mov [ebp + OUT], eax
  ret

wait_child:                       ; eax = pid; gives the wait status in eax
  mov ebx, eax
  lea ecx, [ebp + VALUE]
  mov dword ptr [ecx], 0
  xor edx, edx
  xor esi, esi
  mov eax, 114                    ; wait4
  int 0x80
  mov eax, [ebp + VALUE]
  ret

record:                           ; ebx = kind, edx = result, edi = operation; leaves the record in ebx
  mov ecx, [ebp + OUT]
  mov [ecx], ebx
  mov ebx, ecx
  mov [ebx + 8], edx
  lea edx, [ebp + OPERATIONS]
  mov eax, edi
  sub eax, edx
  shr eax, 6
  mov [ebx + 4], eax
  xor eax, eax
  mov [ebx + 12], eax
  mov [ebx + 16], eax
  mov [ebx + 20], eax
  mov [ebx + 24], eax
  mov [ebx + 28], eax
  add ecx, 32
  mov [ebp + OUT], ecx
  ret

run:
  mov ebx, RECORD_BEGIN
  mov edx, [ebp + HEADER + 20]
  call record
  mov eax, [ebp + 16]
  mov [ebx + 16], eax
  mov eax, [ebp + 24]
  mov [ebx + 24], eax
run_next:
  cmp edi, [ebp + END]
  jae run_done
  movzx eax, byte ptr [edi]
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
  cmp eax, OP_BLOCK_CALL
  je do_block_call
  call flush
  jmp leave
run_step:
  add edi, 64
  lea eax, [ebp + OUTPUT_LIMIT]
  cmp [ebp + OUT], eax
  jb run_next
  call flush
  jmp run_next
run_done:
  ret

argument:                         ; edx = number of an argument; gives it in eax
  movzx eax, byte ptr [edi + edx + 4]
  mov eax, [ebp + eax*8]
  add eax, [edi + edx*8 + 16]
  ret

do_call:
  mov edx, 5
  call argument
  push eax
  mov edx, 4
  call argument
  push eax
  mov edx, 3
  call argument
  push eax
  mov edx, 1
  call argument
  mov ecx, eax
  xor edx, edx
  call argument
  mov ebx, eax
  mov edx, 2
  call argument
  mov edx, eax
  movzx eax, word ptr [edi + 2]
  mov [ebp + COUNTER], edi
  pop esi
  pop edi
  pop ebp
  int 0x80
  mov ebp, DATA
  mov edi, [ebp + COUNTER]
call_done:
  mov edx, eax
  mov [ebp + COUNTER], eax
  mov ebx, OP_CALL
  call record
  mov eax, [ebp + SCRATCH + CAPTURE]
  mov [ebx + 24], eax
  mov eax, [ebp + SCRATCH + CAPTURE + 4]
  mov [ebx + 28], eax
  mov eax, [ebp + COUNTER]
  movzx edx, byte ptr [edi + 10]
  test edx, edx
  jz run_step
  mov [ebp + edx*8], eax
  jmp run_step

do_block_call:                    ; the old mmap: its six arguments lie in memory
  xor esi, esi
block_next:
  mov edx, esi
  call argument
  mov [ebp + esi*4 + SCRATCH + BLOCK], eax
  inc esi
  cmp esi, 6
  jb block_next
  lea ebx, [ebp + SCRATCH + BLOCK]
  movzx eax, word ptr [edi + 2]
  int 0x80
  jmp call_done

do_touch:
  mov esi, eax
  mov edx, 1
  call argument
  mov ecx, eax
  mov eax, [edi + 28]             ; the upper half of the value
  mov [ebp + COUNTER], eax
  xor edx, edx
  call argument
  call touch
  call touch_record
  jmp run_step

touch_record:
  movzx ebx, byte ptr [edi]
  mov edx, [ebp + FAULT]
  call record
  mov eax, [ebp + FAULT + 4]
  mov [ebx + 12], eax
  mov eax, [ebp + FAULT_ADDRESS]
  mov [ebx + 16], eax
  mov eax, [ebp + VALUE]
  mov [ebx + 24], eax
  mov eax, [ebp + VALUE + 4]
  mov [ebx + 28], eax
  ret

touch:                            ; eax = address, esi = kind, ecx = value to store
  xor edx, edx
  mov [ebp + FAULT], edx
  mov [ebp + FAULT + 4], edx
  mov [ebp + FAULT_ADDRESS], edx
  mov [ebp + VALUE], edx
  mov [ebp + VALUE + 4], edx
  mov [ebp + SAVED_SP], esp
  cmp esi, OP_READ
  je touch_read
  cmp esi, OP_WRITE
  je touch_write
  mov ebx, eax
  lea eax, [ebp + SCRATCH]
  call ebx
  ret
touch_read:
  mov edx, [eax + 4]
  mov eax, [eax]
  mov [ebp + VALUE], eax
  mov [ebp + VALUE + 4], edx
  ret
touch_write:
  mov [eax], ecx
  mov ecx, [ebp + COUNTER]
  mov [eax + 4], ecx
  ret

do_sweep:
  xor edx, edx
  call argument
  mov [ebp + COUNTER + 8], eax
  mov edx, 1
  call argument
  mov [ebp + COUNTER + 12], eax
sweep_next:
  mov eax, [ebp + COUNTER + 8]
  mov esi, OP_READ
  call touch
  call touch_record
  add dword ptr [ebp + COUNTER + 8], 4096
  dec dword ptr [ebp + COUNTER + 12]
  jnz sweep_next
  jmp run_step

do_dump:
  call flush
  xor edx, edx
  call argument
  mov ebx, eax
  xor ecx, ecx
  xor edx, edx
  mov eax, 5                      ; open
  int 0x80
  mov ebx, eax
  mov ecx, [ebp + OUT]
  add ecx, 32
  mov edx, OUTPUT_LENGTH - 64
dump_more:
  mov eax, 3
  int 0x80
  test eax, eax
  jle dump_end
  add ecx, eax
  sub edx, eax
  jmp dump_more
dump_end:
  mov eax, 6                      ; close
  int 0x80
  mov esi, ecx
  mov edx, ecx
  sub edx, [ebp + OUT]
  sub edx, 32
  mov ebx, OP_DUMP
  call record
  mov [ebp + OUT], esi
  call flush
  jmp run_step

do_fork:
  call flush
  mov eax, 2
  int 0x80
  test eax, eax
  js fork_record
  jz run_step
  call wait_child
fork_record:
  mov edx, eax
  mov ebx, OP_FORK
  call record
  mov ecx, 1
skip_next:
  add edi, 64
  cmp edi, [ebp + END]
  jae run_done
  movzx eax, byte ptr [edi]
  cmp eax, OP_FORK
  jne skip_exit
  inc ecx
skip_exit:
  cmp eax, OP_EXIT
  jne skip_next
  dec ecx
  jnz skip_next
  jmp run_step
