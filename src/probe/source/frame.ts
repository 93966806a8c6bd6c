/** Assembly of the probe: its start, the loop over experiments, and what a parent does for each child. */
export const FRAME_SOURCE = `
.macro argument index, value
  mov %ax, \\value
  mov [%bx + ST_ARGS + \\index * W], %ax
.endm

.macro invoke number
  mov %ax, \\number
  call system
.endm

.globl _start
_start:
  mov %bx, STATE
  mov [%bx + ST_ARGC], %sp
  lea %ax, [%sp - 0x2000]
  and %ax, -4096
  mov [%bx + SLOT_STACK * W], %ax
  mov %word ptr [%bx + SLOT_DATA * W], DATA_PAGE
  mov %word ptr [%bx + SLOT_TEXT * W], TEXT_PAGE

  argument 0, RLIMIT_CORE
  argument 1, ZEROS
  invoke SYS_setrlimit

  call fill_action
  mov %cx, SIGSEGV
  call catch
  mov %cx, SIGBUS
  call catch
  mov %cx, SIGILL
  call catch
  mov %cx, SIGTRAP
  call catch
  mov %cx, SIGFPE
  call catch

  argument 0, 0
  argument 1, 4096
  argument 2, PROT_READ | PROT_WRITE
  argument 3, MAP_SHARED | MAP_ANONYMOUS
  argument 4, -1
  argument 5, 0
  invoke SYS_MAP
  cmp %ax, -4095
  jae give_up
  mov [%bx + ST_SHARED], %ax

  argument 0, PR_GET_MDWE
  argument 1, 0
  argument 2, 0
  argument 3, 0
  argument 4, 0
  invoke SYS_prctl
  mov [%bx + SLOT_MDWE * W], %ax
  call name_files

  mov %di, STATE + ST_LINE
  mov %ax, HEADER
  call append
  lea %ax, [%bx + ST_SYSTEM]
  mov [%bx + ST_ARGS], %ax
  invoke SYS_uname
  lea %ax, [%bx + ST_SYSTEM]
  call append_word
  lea %ax, [%bx + ST_SYSTEM + 130]
  call append_word
  lea %ax, [%bx + ST_SYSTEM + 260]
  call append_word
  call print_line

  mov %si, TABLE
next_experiment:
  cmp byte ptr [%si], OP_BEGIN
  jne finish
  call wanted
  test %ax, %ax
  jz skip_steps
  inc dword ptr [%bx + ST_COUNT]
  mov %dx, [%bx + ST_SHARED]
  mov [%dx + SH_STEP], %si
  mov %word ptr [%dx + SH_KIND], KIND_RUNNING
  mov %word ptr [%dx + SH_SEGMENT], 0
  invoke SYS_fork
  test %ax, %ax
  jz first_step
  js no_child
  call wait_for
  jmp ended
no_child:
  mov %word ptr [%dx + SH_KIND], KIND_ERRNO
  neg %ax
  mov [%dx + SH_VALUE], %ax
ended:
  call clear_away
  call print_result
skip_steps:
  add %si, RECORD_LENGTH
  cmp byte ptr [%si], OP_BEGIN
  ja skip_steps
  jmp next_experiment
finish:
  mov %di, STATE + ST_LINE
  mov %ax, TEXT_END
  call append
  mov eax, [%bx + ST_COUNT]
  call append_number
  call print_line
  xor %ax, %ax
leave:
  mov [%bx + ST_ARGS], %ax
  invoke SYS_exit_group
give_up:
  mov %ax, 1
  jmp leave

; ---- cx = signal
catch:
  mov [%bx + ST_ARGS], %cx
  lea %ax, [%bx + ST_ACTION]
  mov [%bx + ST_ARGS + W], %ax
  argument 2, 0
  argument 3, 8
  invoke SYS_rt_sigaction
  ret

; ---- dx = signal, si = siginfo
handle:
  mov %bx, STATE
  mov eax, [%si + 8]
  mov %si, [%bx + ST_SHARED]
  mov %word ptr [%si + SH_KIND], KIND_SIGNAL
  mov [%si + SH_VALUE], %dx
  mov [%si + SH_CODE], eax
  xor %ax, %ax
  jmp leave

; ---- ax = pid: waits, and makes the result final that its end and the shared page tell together
wait_for:
  mov [%bx + ST_ARGS], %ax
  lea %ax, [%bx + ST_STATUS]
  mov [%bx + ST_ARGS + W], %ax
  argument 2, 0
  argument 3, 0
  invoke SYS_wait4
  cmp %ax, -EINTR
  mov %ax, [%bx + ST_ARGS]
  je wait_for
  mov %dx, [%bx + ST_SHARED]
  mov ecx, [%bx + ST_STATUS]
  and ecx, 0x7f
  jz exited
  mov %word ptr [%dx + SH_KIND], KIND_SIGNAL
  mov [%dx + SH_VALUE], %cx
  mov dword ptr [%dx + SH_CODE], NO_CODE
  ret
exited:
  cmp dword ptr [%dx + SH_KIND], KIND_RUNNING
  jne final
  movzx ecx, byte ptr [%bx + ST_STATUS + 1]
  mov [%dx + SH_VALUE], %cx
  mov %word ptr [%dx + SH_KIND], KIND_ERRNO
  test ecx, ecx
  jnz final
  mov %word ptr [%dx + SH_KIND], KIND_OK
  mov %word ptr [%dx + SH_VALUE], NO_VALUE
final:
  ret

; ---- files by their names, and the segment whose number plus 1 the child left
clear_away:
  test byte ptr [%si + RE_FLAGS], HAS_FILES
  jz no_files
  argument 0, PATH_TMP
  invoke SYS_unlink
  argument 0, PATH_SHM
  invoke SYS_unlink
no_files:
  mov %dx, [%bx + ST_SHARED]
  mov eax, [%dx + SH_SEGMENT]
  dec eax
  js cleared
  mov [%bx + ST_ARGS], %ax
  argument 1, IPC_RMID
  argument 2, 0
  invoke SYS_shmctl
cleared:
  ret

; ---- the process id goes into the names of files, eight hexadecimal digits
name_files:
  invoke SYS_getpid
  mov ecx, 8
next_digit:
  mov edx, eax
  and edx, 15
  mov dl, [%dx + HEX_DIGITS]
  mov [%cx + PATH_TMP_DIGITS - 1], dl
  mov [%cx + PATH_SHM_DIGITS - 1], dl
  shr eax, 4
  dec ecx
  jnz next_digit
  ret

; ---- ax = 0 when arguments name experiments and the one at si is not among them
wanted:
  mov %bp, [%bx + ST_ARGC]
  mov %cx, [%bp]
  mov %ax, 1
  dec %cx
  jle judged
another_name:
  add %bp, W
  mov %dx, [%bp + W]
  mov edi, [%si + RE_LABEL]
compare:
  mov al, [%dx]
  cmp al, [%di]
  jne differs
  inc %dx
  inc %di
  test al, al
  jnz compare
  mov %ax, 1
  ret
differs:
  dec %cx
  jnz another_name
  xor %ax, %ax
judged:
  ret
`;
