/**
 * The helper program: what the probe starts by execve, to see what a policy makes of the marks in an
 * ELF file. Its task is the number of its arguments; it ends with 0 or an errno, or by a signal.
 */
import type { Arch } from '../base/address.js';
import { writeElf } from '../formats/elf/writer.js';
import { assemble } from '../toolchain/assemble.js';
import { ANSWER } from './interpreter.js';

const ADDRESS = { 'x86-64': 0x10000000n, i386: 0x10000000n } as const;

const SOURCE: Readonly<Record<Arch, string>> = {
  'x86-64': `
_start:
  mov rbx, [rsp]
  lea rdi, [rsp - 64]
  cmp ebx, 1
  je try
  cmp ebx, 4
  je good
  cmp ebx, 3
  je map
  xor edi, edi
  mov eax, SYS_brk
  syscall
  lea rbp, [rax + 15]
  lea rdi, [rax + 4096]
  mov eax, SYS_brk
  syscall
  mov rdi, rbp
try:
  mov byte ptr [rdi], 0xb8
  mov dword ptr [rdi + 1], ANSWER
  mov byte ptr [rdi + 5], 0xc3
  call rdi
good:
  xor edi, edi
leave:
  mov eax, SYS_exit_group
  syscall
map:
  xor edi, edi
  mov esi, 4096
  mov edx, PROT_READ | PROT_WRITE | PROT_EXEC
  mov r10d, MAP_PRIVATE | MAP_ANONYMOUS
  mov r8, -1
  xor r9d, r9d
  mov eax, SYS_mmap
  syscall
  mov rdi, rax
  cmp rax, -4095
  jb try
  neg edi
  jmp leave
`,
  i386: `
_start:
  mov edx, [esp]
  lea edi, [esp - 64]
  cmp edx, 1
  je try
  cmp edx, 4
  je good
  cmp edx, 3
  je map
  xor ebx, ebx
  mov eax, SYS_brk
  int 0x80
  lea edi, [eax + 15]
  lea ebx, [eax + 4096]
  mov eax, SYS_brk
  int 0x80
try:
  mov byte ptr [edi], 0xb8
  mov dword ptr [edi + 1], ANSWER
  mov byte ptr [edi + 5], 0xc3
  call edi
good:
  xor ebx, ebx
leave:
  mov eax, SYS_exit_group
  int 0x80
map:
  xor ebx, ebx
  mov ecx, 4096
  mov edx, PROT_READ | PROT_WRITE | PROT_EXEC
  mov esi, MAP_PRIVATE | MAP_ANONYMOUS
  mov edi, -1
  xor ebp, ebp
  mov eax, SYS_mmap2
  int 0x80
  mov edi, eax
  cmp eax, -4095
  jb try
  neg eax
  mov ebx, eax
  jmp leave
`,
};

const made = new Map<Arch, Promise<Uint8Array>>();

export function helperProgram(arch: Arch): Promise<Uint8Array> {
  const elf = made.get(arch) ?? makeHelper(arch);
  made.set(arch, elf);
  return elf;
}

async function makeHelper(arch: Arch): Promise<Uint8Array> {
  const address = ADDRESS[arch];
  const { bytes } = await assemble(SOURCE[arch], {
    arch,
    address,
    file: 'the helper program',
    semicolon: 'comment',
    constants: { ANSWER },
  });
  const segment = { address, bytes, memoryLength: bytes.length, write: false, exec: true };
  return writeElf({ arch, entry: address, segments: [segment] });
}

/** Where its headers lie in the file: the PT_LOAD first, then PT_GNU_STACK. */
export function helperHeaders(
  arch: Arch,
): Readonly<Record<'loadFlags' | 'stackType' | 'stackFlags', number>> {
  const [start, length, flags] = arch === 'x86-64' ? [64, 56, 4] : [52, 32, 24];
  return {
    loadFlags: start + flags,
    stackType: start + length,
    stackFlags: start + length + flags,
  };
}
