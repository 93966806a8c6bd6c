/** The registers that a calling convention speaks of, read at one moment. */

import type { Arch } from '../../base/address.js';
import { checkText } from '../../base/arguments.js';
import type { Sandbox } from '../../sandbox/sandbox.js';
import { GENERAL, VECTORS } from './garbage.js';

export type RegisterValues = Readonly<Record<string, bigint>>;

const CONTROL = ['mxcsr', 'fpcw', 'fpsw', 'fptag'];

/** General, program counter, flags, vector, and the control registers of SSE and x87. */
export const STATE_REGISTERS: Readonly<Record<Arch, readonly string[]>> = {
  'x86-64': [...GENERAL['x86-64'], 'rip', 'eflags', ...VECTORS['x86-64'], ...CONTROL],
  i386: [...GENERAL.i386, 'eip', 'eflags', ...VECTORS.i386, ...CONTROL],
};

export function readState({ arch, regs }: Sandbox): RegisterValues {
  const values: Record<string, bigint> = {};
  for (const name of STATE_REGISTERS[arch]) values[name] = regs[name] ?? 0n;
  return values;
}

/** Makes the registers what `readState` once found. */
export function restoreState({ arch, regs }: Sandbox, values: RegisterValues): void {
  for (const name of STATE_REGISTERS[arch]) regs[name] = values[name] ?? 0n;
}

export const DIRECTION_FLAG = 0x400n;
/** Each of the eight registers empty. */
export const X87_EMPTY = 0xffffn;
/** Rounding, masks, flush-to-zero and denormals-are-zero; the low six bits are status. */
export const MXCSR_CONTROL = 0xffc0n;

const FLAGS: readonly (readonly [name: string, bit: bigint])[] = [
  ['CF', 1n],
  ['PF', 4n],
  ['AF', 0x10n],
  ['ZF', 0x40n],
  ['SF', 0x80n],
  ['DF', DIRECTION_FLAG],
  ['OF', 0x800n],
];

export const FLAG_NAMES: readonly string[] = FLAGS.map(([name]) => name);

/** Flags that are set, in the manual's order: `CF ZF`. */
export function flagsText(eflags: bigint): string {
  const set = FLAGS.filter(([, bit]) => eflags & bit).map(([name]) => name);
  return set.length === 0 ? 'none' : set.join(' ');
}

export function flagBit(name: string): bigint | undefined {
  checkText('the flag', name, `one of ${FLAG_NAMES.join(', ')}`);
  return FLAGS.find(([flag]) => flag === name.toUpperCase())?.[1];
}
