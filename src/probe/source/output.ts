/** Assembly of the probe: lines of output, and the page of text that experiments use. */
export const OUTPUT_SOURCE = `
; ---- a line: the experiment's name, then 'ok', or the step and what came of it
print_result:
  mov %di, STATE + ST_LINE
  mov eax, [%si + RE_LABEL]
  call append_word
  mov %bp, [%bx + ST_SHARED]
  cmp dword ptr [%bp + SH_KIND], KIND_OK
  je print_ok
  mov %ax, [%bp + SH_STEP]
  mov eax, [%ax + RE_LABEL]
  cmp %si, [%bp + SH_STEP]
  jne step_known
  mov eax, TEXT_FORK
step_known:
  call append_word
  mov eax, [%bp + SH_VALUE]
  mov ecx, [%bp + SH_KIND]
  cmp ecx, KIND_ERRNO
  je print_name
  cmp ecx, KIND_SIGNAL
  je print_signal
  mov eax, TEXT_NO
  call append_word
  jmp print_line
print_signal:
  mov edx, eax
  add eax, SIGNAL_KEY
  call append_name
  mov eax, [%bp + SH_CODE]
  cmp eax, NO_CODE
  je print_line
  shl edx, 8
  lea ecx, [%dx + CODE_KEY]
  and eax, 0xff
  add eax, ecx
print_name:
  call append_name
  jmp print_line
print_ok:
  mov eax, TEXT_OK
  call append_word
  mov eax, [%bp + SH_VALUE]
  cmp eax, NO_VALUE
  je print_line
  call append_number

; ---- from the state's buffer to di, with a newline for the last blank
print_line:
  mov byte ptr [%di - 1], 10
  mov %dx, STATE + ST_LINE
print_more:
  mov %cx, %di
  sub %cx, %dx
  jz printed
  mov [%bx + ST_ARGS + W], %dx
  mov [%bx + ST_ARGS + 2 * W], %cx
  argument 0, 1
  invoke SYS_write
  test %ax, %ax
  jle give_up
  add %dx, %ax
  jmp print_more
printed:
  ret

; ---- ax = text that ends in a zero: to di, as it is or with a blank behind it
append_word:
  call append
append_blank:
  mov byte ptr [%di], 32
  inc %di
  ret
append:
  mov cl, [%ax]
  test cl, cl
  jz appended
  mov [%di], cl
  inc %ax
  inc %di
  jmp append
appended:
  ret

; ---- eax = key: its name, or the number itself
append_name:
  mov ecx, NAMES
next_name:
  cmp dword ptr [%cx], 0
  je append_number
  cmp [%cx], eax
  je named
  add %cx, 8
  jmp next_name
named:
  mov eax, [%cx + 4]
  jmp append_word

; ---- eax in decimal digits
append_number:
  push %dx
  push %si
  and eax, 0xffff
  mov ecx, 10
  xor esi, esi
divide:
  xor edx, edx
  div ecx
  push %dx
  inc esi
  test eax, eax
  jnz divide
digit:
  pop %dx
  add edx, 48
  mov [%di], dl
  inc %di
  dec esi
  jnz digit
  pop %si
  pop %dx
  jmp append_blank

; ---- a page of the program's own code, for experiments on it
  .balign 4096
text_page:
  mov eax, ANSWER
  ret
  .balign 4096
`;
