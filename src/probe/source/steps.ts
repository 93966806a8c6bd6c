/** Assembly of the probe: the steps of an experiment, carried out in its child. */
export const STEPS_SOURCE = `
; ---- the steps of one experiment, in its child
first_step:
  add %si, RECORD_LENGTH
step:
  movzx eax, byte ptr [%si]
  cmp eax, OP_BEGIN
  jbe passed
  mov %dx, [%bx + ST_SHARED]
  mov [%dx + SH_STEP], %si
  cmp eax, OP_CALL
  je do_call
  cmp eax, OP_WRITE
  je do_write
  cmp eax, OP_RUN
  je do_run
  cmp eax, OP_READ
  je do_read
  cmp eax, OP_SAME
  je do_same
  cmp eax, OP_BELOW
  je do_below
  cmp eax, OP_FORK
  je do_fork
  cmp eax, OP_EXEC
  je do_exec
  cmp eax, OP_PIVOT
  je do_pivot
  cmp eax, OP_PAGES
  je do_pages
  xor edx, edx                    ; OP_VALUE
  call operand
  cmp %ax, -4095
  jae failed
  jmp report_value
next_step:
  add %si, RECORD_LENGTH
  jmp step
passed:
  mov %ax, NO_VALUE
report_value:
  mov ecx, KIND_OK
report:
  mov %dx, [%bx + ST_SHARED]
  mov [%dx + SH_KIND], %cx
  mov [%dx + SH_VALUE], %ax
  xor %ax, %ax
  jmp leave
failed:
  neg %ax
  mov ecx, KIND_ERRNO
  jmp report
mismatch:
  mov ecx, KIND_MISMATCH
  jmp report

; ---- edx = number of an operand; gives it in ax
operand:
  movzx eax, byte ptr [%si + %dx + RE_BASES]
  mov %ax, [%bx + %ax * W]
  add %ax, [%si + %dx * W + RE_WORDS]
  ret

load_arguments:
  xor edx, edx
next_argument:
  call operand
  mov [%bx + %dx * W + ST_ARGS], %ax
  inc edx
  cmp edx, 6
  jb next_argument
  mov eax, [%si + RE_NR]
  ret

do_call:
  call load_arguments
  call system
  cmp %ax, -4095
  jb keep
  test byte ptr [%si + RE_FLAGS], MAY_FAIL
  jz failed
keep:
  movzx ecx, byte ptr [%si + RE_INTO]
  test ecx, ecx
  jz next_step
  mov [%bx + %cx * W], %ax
  cmp ecx, SLOT_SEGMENT
  jne next_step
  inc eax                         ; the parent takes the segment away
  mov %dx, [%bx + ST_SHARED]
  mov [%dx + SH_SEGMENT], eax
  jmp next_step

; ---- a call after which another program goes on: its end is the result of the next step
do_exec:
  call load_arguments
  mov %dx, [%bx + ST_SHARED]
  lea %cx, [%si + RECORD_LENGTH]
  mov [%dx + SH_STEP], %cx
  call system
  mov [%dx + SH_STEP], %si
  jmp failed

; ---- operands: to, from, length
do_write:
  mov edx, 2
  call operand
  mov %cx, %ax
  dec edx
  call operand
  mov %bp, %ax
  dec edx
  call operand
  mov %di, %ax
  push %si
  mov %si, %bp
  rep movsb
  pop %si
  jmp next_step

do_run:
  xor edx, edx
  call operand
  call %ax
  cmp eax, ANSWER
  jne mismatch
  jmp next_step

do_read:
  xor edx, edx
  call operand
  movzx eax, byte ptr [%ax]
  movzx ecx, byte ptr [%si + RE_INTO]
  test ecx, ecx
  jz next_step
  mov [%bx + %cx * W], %ax
  jmp next_step

do_same:
  call two
  cmp %bp, %ax
  jne mismatch
  jmp next_step

do_below:
  call two
  cmp %bp, %ax
  jae mismatch
  jmp next_step

two:
  xor edx, edx
  call operand
  mov %bp, %ax
  inc edx
  call operand
  ret

; ---- the child goes on; its parent waits, and its end says no more than the shared page does
do_fork:
  invoke SYS_fork
  test %ax, %ax
  js failed
  jz next_step
  call wait_for
  xor %ax, %ax
  jmp leave

; ---- one system call with another stack
do_pivot:
  xor edx, edx
  call operand
  mov [%bx + ST_SAVED_SP], %sp
  mov %sp, %ax
  invoke SYS_getpid
  mov %sp, [%bx + ST_SAVED_SP]
  jmp next_step

do_pages:
  xor edx, edx
  call operand
  add %ax, 4095
  and %ax, -4096
  movzx ecx, byte ptr [%si + RE_INTO]
  mov [%bx + %cx * W], %ax
  jmp next_step
`;
