/**
 * Sequences as the bytes that the guest reads.
 * Header: magic, flags (1: a process per sequence), count, 0 (four words); the scratch page.
 * Each sequence: count of operations, its number, 0, 0; then 64 bytes per operation:
 * kind, -, system call (16 bits), six bases, slot, five unused; six 64-bit offsets.
 */
import type { Arch } from '../../src/base/address.js';
import { BASE, MAX_OPERATIONS, OP } from './guest.js';
import { type Arg, callNumber, inScratch, type Op, type Sequence, value } from './operation.js';

const OP_LENGTH = 64;
const SCRATCH_LENGTH = 4096;

/** Strings that operations point to, by place in the scratch page. */
const STRINGS = {
  maps: '/proc/self/maps',
  smaps: '/proc/self/smaps',
  zero: '/dev/zero',
  data: 'data.bin',
  temporary: 'work.bin',
  directory: '.',
  absent: 'absent',
  memory: '/proc/self/mem',
  shared: 'shared',
  other: 'other',
  null: '/dev/null',
  long: 'n'.repeat(250),
  fitting: 'f'.repeat(249),
} as const;

export type StringName = keyof typeof STRINGS;

const PLACES = new Map<StringName, number>();
let end = 16;
for (const [name, text] of Object.entries(STRINGS)) {
  PLACES.set(name as StringName, end);
  end += (text.length + 16) & ~15;
}

/** Contents for pwrite64: 64 pieces of 8 bytes that are harmless to execute. */
export const PIECES = 0xa00;

export function stringAt(name: StringName): Arg {
  return inScratch(PLACES.get(name) ?? 0);
}

export function nameAt(place: bigint): string | undefined {
  for (const [name, at] of PLACES) if (BigInt(at) === place) return STRINGS[name];
  return undefined;
}

/** nop, clc, stc, cmc, cld, cdq: one byte each, the same on both architectures, changing nothing used. */
const HARMLESS = [0x90, 0xf8, 0xf9, 0xf5, 0xfc, 0x99];

/** Eight bytes to tell one store from another: `ret`, then `index` in harmless instructions. */
export function mark(index: number): bigint {
  let word = 0n;
  let rest = index;
  for (let place = 1; place < 8; place++) {
    word |= BigInt(HARMLESS[rest % HARMLESS.length] ?? 0) << BigInt(place * 8);
    rest = Math.floor(rest / HARMLESS.length);
  }
  return word | 0xc3n;
}

function scratchPage(): Uint8Array {
  const page = new Uint8Array(SCRATCH_LENGTH);
  const view = new DataView(page.buffer);
  for (const [name, at] of PLACES) page.set(new TextEncoder().encode(STRINGS[name]), at);
  for (let i = 0; i < 64; i++) view.setBigUint64(PIECES + 8 * i, mark(200_000 + i), true);
  return page;
}

export interface NumberedSequence {
  readonly id: number;
  readonly ops: Sequence;
}

export function encodeScript(
  arch: Arch,
  sequences: readonly NumberedSequence[],
  options: { readonly fork: boolean },
): Uint8Array {
  const length = sequences.reduce((sum, { ops }) => sum + 16 + ops.length * OP_LENGTH, 0);
  const bytes = new Uint8Array(16 + SCRATCH_LENGTH + length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x4547554a, true);
  view.setUint32(4, options.fork ? 1 : 0, true);
  view.setUint32(8, sequences.length, true);
  bytes.set(scratchPage(), 16);
  let at = 16 + SCRATCH_LENGTH;
  for (const { id, ops } of sequences) {
    if (ops.length > MAX_OPERATIONS) throw new Error(`sequence ${id} has ${ops.length} operations`);
    view.setUint32(at, ops.length, true);
    view.setUint32(at + 4, id, true);
    at += 16;
    for (const op of ops) {
      encodeOp(arch, op, new DataView(bytes.buffer, at, OP_LENGTH));
      at += OP_LENGTH;
    }
  }
  return bytes;
}

function encodeOp(arch: Arch, op: Op, view: DataView): void {
  const { kind, number, args } = parts(arch, op);
  view.setUint8(0, kind);
  view.setUint16(2, number, true);
  args.forEach(({ base, offset }, index) => {
    view.setUint8(4 + index, base);
    view.setBigUint64(16 + 8 * index, BigInt.asUintN(64, offset), true);
  });
  if (op.kind === 'call' && op.keep !== undefined) view.setUint8(10, op.keep);
}

function parts(arch: Arch, op: Op): { kind: number; number: number; args: readonly Arg[] } {
  switch (op.kind) {
    case 'call': {
      const kind = arch === 'i386' && op.name === 'mmap' ? OP.BLOCK_CALL : OP.CALL;
      return { kind, number: callNumber(arch, op.name), args: op.args };
    }
    case 'read':
      return { kind: OP.READ, number: 0, args: [op.address] };
    case 'exec':
      return { kind: OP.EXEC, number: 0, args: [op.address] };
    case 'write':
      return {
        kind: OP.WRITE,
        number: 0,
        args: [op.address, { base: BASE.NONE, offset: op.value }],
      };
    case 'dump':
      return { kind: OP.DUMP, number: 0, args: [stringAt(op.file)] };
    case 'sweep':
      return { kind: OP.SWEEP, number: 0, args: [op.address, value(op.pages)] };
    case 'fork':
      return { kind: OP.FORK, number: 0, args: [] };
    case 'exit':
      return { kind: OP.EXIT, number: 0, args: [] };
  }
}
