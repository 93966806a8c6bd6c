/**
 * What a signal interrupted, read from the frame that the kernel put on the stack. A C library's way back from a
 * handler often has no call frame information; debuggers know it by its bytes.
 * Linux arch/x86/include/uapi/asm/sigcontext.h, arch/x86/include/asm/sigframe.h.
 */
import type { Addr, Arch } from '../../base/address.js';

interface ReturnStub {
  readonly arch: Arch;
  /** The code that makes the system call. */
  readonly code: readonly number[];
  /** Where the saved registers begin, from the stack pointer at that code. */
  context(sp: Addr, read: (address: Addr) => Addr | undefined): Addr | undefined;
}

const STUBS: readonly ReturnStub[] = [
  {
    arch: 'x86-64',
    code: [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05], // mov rax, SYS_rt_sigreturn; syscall
    context: (sp) => sp + 40n,
  },
  {
    arch: 'i386',
    code: [0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80], // pop eax; mov eax, SYS_sigreturn; int 0x80
    context: (sp) => sp + 4n,
  },
  {
    arch: 'i386',
    code: [0xb8, 0xad, 0, 0, 0, 0xcd, 0x80], // mov eax, SYS_rt_sigreturn; int 0x80
    context: (sp, read) => {
      const ucontext = read(sp + 8n);
      return ucontext === undefined ? undefined : ucontext + 20n;
    },
  },
];

/** Offsets in struct sigcontext by DWARF register number; last the program counter. */
const OFFSETS: Readonly<Record<Arch, readonly number[]>> = {
  'x86-64': [104, 96, 112, 88, 72, 64, 80, 120, 0, 8, 16, 24, 32, 40, 48, 56, 128],
  i386: [44, 40, 36, 32, 28, 24, 20, 16, 56],
};

export const LONGEST_STUB = Math.max(...STUBS.map(({ code }) => code.length));

function stubOf(arch: Arch, code: Uint8Array): ReturnStub | undefined {
  return STUBS.find(
    (each) => each.arch === arch && each.code.every((byte, index) => code[index] === byte),
  );
}

export function isSignalReturn(arch: Arch, code: Uint8Array): boolean {
  return stubOf(arch, code) !== undefined;
}

/** `code` is what stands at the place that the handler returns to; undefined when that is no way back from a handler. */
export function interrupted(
  arch: Arch,
  code: Uint8Array,
  sp: Addr,
  read: (address: Addr) => Addr | undefined,
): { readonly pc: Addr; readonly registers: ReadonlyMap<number, Addr> } | undefined {
  const stub = stubOf(arch, code);
  const context = stub?.context(sp, read);
  if (context === undefined) return undefined;
  const values = OFFSETS[arch].map((offset) => read(context + BigInt(offset)));
  const pc = values.pop();
  if (pc === undefined) return undefined;
  const known = values.flatMap((value, index) =>
    value === undefined ? [] : [[index, value] as const],
  );
  return { pc, registers: new Map(known) };
}
