/**
 * What registers hold before a case: values that code under test cannot mistake for its own. Each is a
 * different address where nothing is mapped, with bits in both halves, so that a register read before it
 * is set, used as a pointer or saved in half shows.
 */
import type { Arch } from '../../base/address.js';
import type { Sandbox } from '../../sandbox/sandbox.js';

export const GENERAL: Readonly<Record<Arch, readonly string[]>> = {
  'x86-64': [
    ...['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp'],
    ...['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
  ],
  i386: ['eax', 'ebx', 'ecx', 'edx', 'esi', 'edi', 'ebp', 'esp'],
};

export const VECTORS: Readonly<Record<Arch, readonly string[]>> = {
  'x86-64': Array.from({ length: 16 }, (_, index) => `xmm${index}`),
  i386: Array.from({ length: 8 }, (_, index) => `xmm${index}`),
};

/** The halves of 64-bit registers that carry a shorter argument hold this: the ABI leaves them undefined. */
export const UPPER_HALF = 0x5eed_5eedn << 32n;
/** A byte of stack that the code has not written. */
export const STACK_PATTERN = 0xa5;

export function garbageOf(arch: Arch, name: string): bigint {
  if (name.startsWith('xmm')) {
    const lane = 0x5eed_0000n + BigInt(name.slice(3));
    return lane * 0x1_0000_0001_0000_0001_0000_0001n;
  }
  const index = BigInt(GENERAL[arch].indexOf(name) + 1);
  return arch === 'x86-64' ? 0x5eed_0000_0000n + index * 0x1001n : 0x5eed_0000n + index * 0x101n;
}

/** Every general and vector register but the stack pointer. */
export function fillRegisters({ arch, regs }: Sandbox): void {
  for (const name of [...GENERAL[arch], ...VECTORS[arch]]) {
    if (name !== 'rsp' && name !== 'esp') regs[name] = garbageOf(arch, name);
  }
}
