/** One run of code: the state that it starts from, and what became of it. Bytes to and from the runner. */

import { siCodeName, signalName } from '../abi/linux/signal.js';
import type { Addr } from '../base/address.js';
import { MayexecError, unknownValue } from '../base/errors.js';
import { checkOptionNames, type OptionNames } from '../base/options.js';
import { Struct } from '../base/struct.js';
import { type BufferPointer, type BufferText, pointerIn } from '../kit/bed/buffers.js';
import { type CaseLayout, ENDED_BY_RETURN, ENDED_BY_SIGNAL, FX_LENGTH } from './case-layout.js';

/** A register that holds the address of a buffer, `offset` bytes into it. */
export interface CasePointer {
  readonly buffer: string;
  readonly offset?: number;
}

/** A pointer is written as in a call: `@dst+4`, or `pointerTo('dst', 4)`. */
export type CaseValue = number | bigint | CasePointer | BufferPointer | BufferText;

/** What is not given is zero; of flags, MXCSR and the x87 control word what a program starts with. */
export interface CpuCase {
  /** General registers by name, all but the stack pointer; 64-bit values wrap. */
  readonly registers?: Readonly<Record<string, CaseValue>>;
  /** CF 1, PF 4, AF 0x10, ZF 0x40, SF 0x80, DF 0x400, OF 0x800; other bits do not count. */
  readonly flags?: number | bigint;
  /** xmm0 and up, 128 bits each. */
  readonly vectors?: readonly bigint[];
  readonly mxcsr?: number;
  /** Contents of buffers by name; shorter ones are filled up with zeros. */
  readonly buffers?: Readonly<Record<string, Uint8Array>>;
}

export interface CaseState {
  /** General registers, the stack pointer among them. */
  readonly registers: Readonly<Record<string, bigint>>;
  /** The seven flags that a case sets. */
  readonly flags: bigint;
  readonly vectors: readonly bigint[];
  readonly mxcsr: number;
  readonly x87: {
    readonly control: number;
    readonly status: number;
    /** One bit a register, set when it is in use. */
    readonly tags: number;
    /** 80 bits each. */
    readonly registers: readonly bigint[];
  };
}

export type CaseEnd =
  | { readonly kind: 'return' }
  /** Addresses as the kernel tells them; `pc` at the instruction. */
  | {
      readonly kind: 'signal';
      readonly signal: string;
      readonly code: string;
      readonly address: Addr;
      readonly pc: Addr;
    }
  /** No handler ran: its memory was overwritten, or the case made a system call (on the host: SIGKILL, or SIGSYS where a seccomp filter was in force). */
  | { readonly kind: 'killed'; readonly signal: string }
  /** It did not end within half a second of CPU time (host), or within the limit of blocks (sandbox). */
  | { readonly kind: 'limit' };

export interface CaseRecord {
  readonly end: CaseEnd;
  /** Undefined when it was killed. */
  readonly state: CaseState | undefined;
  readonly buffers: Readonly<Record<string, Uint8Array>>;
}

export interface PlacedBuffer {
  readonly name: string;
  readonly address: Addr;
  /** Bytes. */
  readonly length: number;
}

export const COMPARED_FLAGS = 0xcd5n;
const MXCSR_DEFAULT = 0x1f80;
const FPCW_DEFAULT = 0x37f;
const FX = { control: 0, status: 2, tags: 4, mxcsr: 24, x87: 32, vectors: 160 } as const;

const CASE: OptionNames<CpuCase> = {
  registers: true,
  flags: true,
  vectors: true,
  mxcsr: true,
  buffers: true,
};
const POINTER: OptionNames<CasePointer> = { buffer: true, offset: true };

/** @throws MayexecError for an unknown name, register or buffer, and contents that do not fit. */
export function encodeCase(
  given: CpuCase,
  layout: CaseLayout,
  buffers: readonly PlacedBuffer[],
): Uint8Array {
  checkOptionNames('a case', given, CASE);
  const { IN_FLAGS, IN_FX, IN_BUFFERS } = layout.constants;
  const block = new Struct(IN_BUFFERS + lengthOf(buffers));
  for (const [name, value] of Object.entries(given.registers ?? {})) {
    const index = layout.registers.indexOf(name);
    if (index < 0) throw unknownValue('register', name, layout.registers);
    block.setWord(index * layout.word, layout.word, wordOf(value, buffers));
  }
  block.setWord(IN_FLAGS, layout.word, (BigInt(given.flags ?? 0) & COMPARED_FLAGS) | 2n);
  block.setU16(IN_FX + FX.control, FPCW_DEFAULT);
  block.setU32(IN_FX + FX.mxcsr, given.mxcsr ?? MXCSR_DEFAULT);
  const vectors = given.vectors ?? [];
  if (vectors.length > layout.vectors) {
    throw new MayexecError(`${vectors.length} vectors are given: there are ${layout.vectors}`);
  }
  for (const [index, value] of vectors.entries()) {
    block.setU64(IN_FX + FX.vectors + index * 16, value);
    block.setU64(IN_FX + FX.vectors + index * 16 + 8, value >> 64n);
  }
  let at = IN_BUFFERS;
  for (const name of Object.keys(given.buffers ?? {})) bufferOf(buffers, name);
  for (const { name, length } of buffers) {
    const bytes = given.buffers?.[name] ?? new Uint8Array();
    if (bytes.length > length) {
      throw new MayexecError(`buffer '${name}' has ${length} bytes, but ${bytes.length} are given`);
    }
    block.set(at, bytes);
    at += length;
  }
  return block.bytes;
}

export function inputLength(layout: CaseLayout, buffers: readonly PlacedBuffer[]): number {
  return layout.constants.IN_BUFFERS + lengthOf(buffers);
}

export function outputLength(layout: CaseLayout, buffers: readonly PlacedBuffer[]): number {
  return layout.constants.OUT_BUFFERS + lengthOf(buffers);
}

export function decodeRecord(
  bytes: Uint8Array,
  layout: CaseLayout,
  buffers: readonly PlacedBuffer[],
): CaseRecord {
  const record = new Struct(bytes);
  const end = endOf(record, layout);
  const contents: Record<string, Uint8Array> = {};
  let at = layout.constants.OUT_BUFFERS;
  for (const { name, length } of buffers) {
    contents[name] = record.slice(at, length);
    at += length;
  }
  return {
    end,
    state: end.kind === 'killed' || end.kind === 'limit' ? undefined : stateOf(record, layout),
    buffers: contents,
  };
}

function endOf(record: Struct, { word, constants }: CaseLayout): CaseEnd {
  const at = (name: 'OUT_SIGNAL' | 'OUT_CODE' | 'OUT_ADDRESS' | 'OUT_PC'): bigint =>
    record.word(constants[name], word);
  const kind = Number(record.word(0, word));
  if (kind === ENDED_BY_RETURN) return { kind: 'return' };
  const number = Number(at('OUT_SIGNAL'));
  if (kind !== ENDED_BY_SIGNAL) {
    // Of a child that was killed: its wait status. The timer's signal is the host's way of saying 'limit'.
    const killer = nameOf(number & 0x7f);
    return killer === 'SIGPROF' ? { kind: 'limit' } : { kind: 'killed', signal: killer };
  }
  const signal = nameOf(number);
  const code = Number(BigInt.asIntN(32, at('OUT_CODE')));
  return {
    kind: 'signal',
    signal,
    code: siCodeName(signal, code) ?? String(code),
    address: at('OUT_ADDRESS'),
    pc: at('OUT_PC'),
  };
}

function nameOf(signal: number): string {
  return signalName(signal) ?? `signal ${signal}`;
}

function stateOf(record: Struct, layout: CaseLayout): CaseState {
  const { word, constants } = layout;
  const fx = new Struct(record.slice(constants.OUT_FX, FX_LENGTH));
  const registers: Record<string, bigint> = {};
  for (const [index, name] of layout.registers.entries()) {
    registers[name] = record.word(constants.OUT_REGISTERS + index * word, word);
  }
  registers[layout.stackPointer] = record.word(constants.OUT_SP, word);
  const wide = (at: number): bigint => fx.u64(at) | (fx.u64(at + 8) << 64n);
  return {
    registers,
    flags: record.word(constants.OUT_FLAGS, word) & COMPARED_FLAGS,
    vectors: Array.from({ length: layout.vectors }, (_, index) => wide(FX.vectors + index * 16)),
    mxcsr: fx.u32(FX.mxcsr),
    x87: {
      control: fx.u16(FX.control),
      status: fx.u16(FX.status),
      tags: fx.u8(FX.tags),
      registers: Array.from({ length: 8 }, (_, index) =>
        BigInt.asUintN(80, wide(FX.x87 + index * 16)),
      ),
    },
  };
}

function wordOf(value: CaseValue, buffers: readonly PlacedBuffer[]): bigint {
  if (typeof value === 'number' || typeof value === 'bigint') return BigInt(value);
  const { buffer, offset = 0 } = pointerOf(value);
  return bufferOf(buffers, buffer).address + BigInt(offset);
}

function pointerOf(value: Exclude<CaseValue, number | bigint>): CasePointer {
  const named = typeof value === 'string' ? pointerIn(value) : value;
  if (named === undefined) {
    throw new MayexecError(
      `'${value}' is no value: a pointer into a buffer is written '@dst' or '@dst+4'`,
    );
  }
  if ('name' in named) return { buffer: named.name, offset: named.offset };
  checkOptionNames('a register of a case', named, POINTER);
  return named;
}

function bufferOf(buffers: readonly PlacedBuffer[], wanted: string): PlacedBuffer {
  const found = buffers.find(({ name }) => name === wanted);
  const known = buffers.map(({ name }) => name);
  if (found === undefined) throw unknownValue('buffer', wanted, known);
  return found;
}

function lengthOf(buffers: readonly PlacedBuffer[]): number {
  return buffers.reduce((sum, { length }) => sum + length, 0);
}
