/** Operations as data: what the generator makes, the guest does, the shrinker drops and people read. */

import { SYSCALLS_I386 } from '../../src/abi/linux/syscalls-i386.js';
import { SYSCALLS_X86_64 } from '../../src/abi/linux/syscalls-x86-64.js';
import type { Arch } from '../../src/base/address.js';
import { BASE } from './guest.js';

/** `offset` is added to a base of the guest's table; with BASE.NONE it is the value itself. */
export interface Arg {
  readonly base: number;
  readonly offset: bigint;
}

/** A system call. `keep`: the slot (BASE.FIRST_SLOT and up) that its result goes to. */
export interface CallOp {
  readonly kind: 'call';
  readonly name: string;
  readonly args: readonly Arg[];
  readonly keep?: number;
}

export type TouchKind = 'read' | 'write' | 'exec';

export type Op =
  | CallOp
  | { readonly kind: 'read' | 'exec'; readonly address: Arg }
  | { readonly kind: 'write'; readonly address: Arg; readonly value: bigint }
  /** The lines of /proc/self/maps, or also the VmFlags of smaps, around the places tested. */
  | { readonly kind: 'dump'; readonly file: 'maps' | 'smaps' }
  /** Reads eight bytes at the start of each page. */
  | { readonly kind: 'sweep'; readonly address: Arg; readonly pages: number }
  /** The child does what follows up to the matching exit; then the parent goes on behind that. */
  | { readonly kind: 'fork' }
  | { readonly kind: 'exit' };

export type Sequence = readonly Op[];

export const value = (offset: number | bigint): Arg => ({
  base: BASE.NONE,
  offset: BigInt(offset),
});
export const inWindow = (offset: number | bigint): Arg => ({
  base: BASE.WINDOW,
  offset: BigInt(offset),
});
export const inScratch = (offset: number): Arg => ({
  base: BASE.SCRATCH,
  offset: BigInt(offset),
});

/** A call with plain numbers as values. */
export const call = (name: string, ...args: (Arg | number | bigint)[]): CallOp => ({
  kind: 'call',
  name,
  args: args.map((one) => (typeof one === 'object' ? one : value(one))),
});

const NUMBERS: Record<Arch, ReadonlyMap<string, number>> = {
  'x86-64': new Map(SYSCALLS_X86_64.map(({ name, number }) => [name, number])),
  i386: new Map(SYSCALLS_I386.map(({ name, number }) => [name, number])),
};

/** i386's `mmap` takes a block in memory; the guest builds it (OP.BLOCK_CALL). */
export function callNumber(arch: Arch, name: string): number {
  const number = NUMBERS[arch].get(name);
  if (number === undefined) throw new Error(`${arch} has no system call ${name}`);
  return number;
}
