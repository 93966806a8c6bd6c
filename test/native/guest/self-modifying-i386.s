; The same as self-modifying-x86-64.s, with 32-bit registers.

.text
_start:
next:
  mov ecx, header
  mov edx, 16
  call read_all
  mov ebx, PAGES
  mov edx, 7                      ; readable, writable, executable
  call map
  mov ebx, PAGES + FAR
  mov edx, 3
  call map
  mov ecx, [header]               ; where in the pages
  add ecx, PAGES
  mov edx, [header + 4]           ; how long
  call read_all
  cmp dword ptr [header + 12], 0
  je go                           ; in this process
  mov eax, 2                      ; fork: the pages are shared until the first store
  int 0x80
  test eax, eax
  jz go
  mov ebx, eax
  xor ecx, ecx
  xor edx, edx
  xor esi, esi
  mov eax, 114                    ; wait4
  int 0x80
  jmp next

go:
  mov ebx, [header]
  add ebx, PAGES
  mov eax, [header + 8]           ; the entry
  add eax, ebx
  mov [entry], eax
  mov ebp, ebx
  mov esi, ebx
  mov edi, ebx
  xor eax, eax
  xor ecx, ecx
  xor edx, edx
  call [entry]
  mov [result], eax
  mov [result + 4], ecx
  mov [result + 8], edx
  mov [result + 12], esi
  mov [result + 16], edi
  push ebx
  mov ecx, result
  mov edx, 20
  call write
  pop ecx
  mov edx, [header + 4]
  call write
  cmp dword ptr [header + 12], 0
  je next
leave:
  xor ebx, ebx
  mov eax, 252                    ; exit_group
  int 0x80
  hlt

; ---- ecx = buffer, edx = length; ends the program at the end of the input
read_all:
  xor ebx, ebx
  mov eax, 3                      ; read
  int 0x80
  test eax, eax
  jle leave
  add ecx, eax
  sub edx, eax
  jnz read_all
  ret

write:
  mov ebx, 1
  mov eax, 4
  int 0x80
  ret

; ---- ebx = address, edx = rights: two fresh pages
map:
  mov ecx, 0x2000
  mov esi, 0x32                   ; MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS
  mov edi, -1
  xor ebp, ebp
  mov eax, 192                    ; mmap2
  int 0x80
  ret

.bss
header: .space 16
result: .space 20
entry: .space 4
