; Runs programs that rewrite themselves: reads each from stdin, calls it in fresh memory, and writes its
; registers and what became of it to stdout. See self-modifying.ts for the format and the constants.

.text
_start:
next:
  lea rsi, [rip + header]
  mov edx, 16
  call read_all
  mov edi, PAGES
  mov edx, 7                      ; readable, writable, executable
  call map
  mov edi, PAGES + FAR
  mov edx, 3
  call map
  mov ebx, PAGES
  mov eax, [rip + header]         ; where in the pages
  add rbx, rax
  mov rsi, rbx
  mov edx, [rip + header + 4]     ; how long
  call read_all
  cmp dword ptr [rip + header + 12], 0
  je go                           ; in this process
  mov eax, 57                     ; fork: the pages are shared until the first store
  syscall
  test eax, eax
  jz go
  mov edi, eax
  xor esi, esi
  xor edx, edx
  xor r10d, r10d
  mov eax, 61                     ; wait4
  syscall
  jmp next

go:
  mov r12d, [rip + header + 8]    ; the entry
  add r12, rbx
  mov rbp, rbx
  mov rsi, rbx
  mov rdi, rbx
  xor eax, eax
  xor ecx, ecx
  xor edx, edx
  call r12
  mov [rip + result], rax
  mov [rip + result + 8], rcx
  mov [rip + result + 16], rdx
  mov [rip + result + 24], rsi
  mov [rip + result + 32], rdi
  lea rsi, [rip + result]
  mov edx, 40
  call write
  mov rsi, rbx
  mov edx, [rip + header + 4]
  call write
  cmp dword ptr [rip + header + 12], 0
  je next
leave:
  xor edi, edi
  mov eax, 231                    ; exit_group
  syscall
  hlt

; ---- rsi = buffer, edx = length; ends the program at the end of the input
read_all:
  xor edi, edi
  xor eax, eax
  syscall
  test rax, rax
  jle leave
  add rsi, rax
  sub edx, eax
  jnz read_all
  ret

write:
  mov edi, 1
  mov eax, 1
  syscall
  ret

; ---- edi = address, edx = rights: two fresh pages
map:
  mov esi, 0x2000
  mov r10d, 0x32                  ; MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS
  mov r8, -1
  xor r9d, r9d
  mov eax, 9                      ; mmap
  syscall
  ret

.bss
header: .space 16
result: .space 40
