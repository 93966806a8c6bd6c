/** Assembly of the probe that differs by architecture: entering the kernel, a signal handler's arguments. */
import type { Arch } from '../../base/address.js';

/** Enters the kernel: ax = number, arguments in the state. Changes ax alone. */
export const KERNEL_SOURCE: Readonly<Record<Arch, string>> = {
  'x86-64': `
system:
  push rdi
  push rsi
  push rdx
  push rcx
  push r8
  push r9
  push r10
  push r11
  mov rdi, [rbx + ST_ARGS]
  mov rsi, [rbx + ST_ARGS + 8]
  mov rdx, [rbx + ST_ARGS + 16]
  mov r10, [rbx + ST_ARGS + 24]
  mov r8, [rbx + ST_ARGS + 32]
  mov r9, [rbx + ST_ARGS + 40]
  syscall
  pop r11
  pop r10
  pop r9
  pop r8
  pop rcx
  pop rdx
  pop rsi
  pop rdi
  ret

; A handler's arguments: dx = signal, si = siginfo.
handler:
  mov rdx, rdi
  jmp handle

; struct sigaction: handler, flags, restorer, mask
fill_action:
  mov eax, handler
  mov [rbx + ST_ACTION], rax
  mov eax, SA_SIGINFO | SA_RESTORER
  mov [rbx + ST_ACTION + 8], rax
  mov eax, handler
  mov [rbx + ST_ACTION + 16], rax
  ret
`,
  i386: `
system:
  push ebx
  push ecx
  push edx
  push esi
  push edi
  push ebp
  mov ecx, [ebx + ST_ARGS + 4]
  mov edx, [ebx + ST_ARGS + 8]
  mov esi, [ebx + ST_ARGS + 12]
  mov edi, [ebx + ST_ARGS + 16]
  mov ebp, [ebx + ST_ARGS + 20]
  mov ebx, [ebx + ST_ARGS]
  int 0x80
  pop ebp
  pop edi
  pop esi
  pop edx
  pop ecx
  pop ebx
  ret

handler:
  mov edx, [esp + 4]
  mov esi, [esp + 8]
  jmp handle

fill_action:
  mov dword ptr [ebx + ST_ACTION], handler
  mov dword ptr [ebx + ST_ACTION + 4], SA_SIGINFO
  ret
`,
};
