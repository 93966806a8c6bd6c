/**
 * CONTEXT and EXCEPTION_RECORD: how a program sees the processor's state when something was raised. Layouts: winnt.h.
 */
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import type { Engine } from '../../engine/engine.js';

export const EXCEPTION_NONCONTINUABLE = 1;
export const EXCEPTION_UNWINDING = 2;
export const EXCEPTION_EXIT_UNWIND = 4;
export const EXCEPTION_STACK_INVALID = 8;
export const EXCEPTION_NESTED_CALL = 0x10;
export const EXCEPTION_TARGET_UNWIND = 0x20;

const MAX_PARAMETERS = 15;

export interface ExceptionRecord {
  readonly code: number;
  readonly flags: number;
  readonly address: Addr;
  readonly parameters: readonly bigint[];
}

interface RecordShape {
  readonly size: number;
  readonly word: 4 | 8;
  readonly record: number;
  readonly address: number;
  readonly count: number;
  readonly parameters: number;
}

const RECORD_64: RecordShape = {
  size: 0x98,
  word: 8,
  record: 8,
  address: 0x10,
  count: 0x18,
  parameters: 0x20,
};
const RECORD_32: RecordShape = {
  size: 0x50,
  word: 4,
  record: 8,
  address: 0xc,
  count: 0x10,
  parameters: 0x14,
};

export function recordSize(wide: boolean): number {
  return (wide ? RECORD_64 : RECORD_32).size;
}

export function encodeRecord(record: ExceptionRecord, wide: boolean): Uint8Array {
  const shape = wide ? RECORD_64 : RECORD_32;
  const parameters = record.parameters.slice(0, MAX_PARAMETERS);
  const out = new Struct(shape.size)
    .setU32(0, record.code)
    .setU32(4, record.flags)
    .setWord(shape.address, shape.word, record.address)
    .setU32(shape.count, parameters.length);
  for (const [index, value] of parameters.entries()) {
    out.setWord(shape.parameters + index * shape.word, shape.word, value);
  }
  return out.bytes;
}

export function decodeRecord(bytes: Uint8Array, wide: boolean): ExceptionRecord {
  const shape = wide ? RECORD_64 : RECORD_32;
  const record = new Struct(bytes);
  const count = Math.min(record.u32(shape.count), MAX_PARAMETERS);
  return {
    code: record.u32(0),
    flags: record.u32(4),
    address: record.word(shape.address, shape.word),
    parameters: Array.from({ length: count }, (_, index) =>
      record.word(shape.parameters + index * shape.word, shape.word),
    ),
  };
}

/** Where a general register lies in the CONTEXT. */
const REGISTERS_64: readonly (readonly [string, number])[] = [
  ['rax', 0x78],
  ['rcx', 0x80],
  ['rdx', 0x88],
  ['rbx', 0x90],
  ['rsp', 0x98],
  ['rbp', 0xa0],
  ['rsi', 0xa8],
  ['rdi', 0xb0],
  ['r8', 0xb8],
  ['r9', 0xc0],
  ['r10', 0xc8],
  ['r11', 0xd0],
  ['r12', 0xd8],
  ['r13', 0xe0],
  ['r14', 0xe8],
  ['r15', 0xf0],
  ['rip', 0xf8],
];
const REGISTERS_32: readonly (readonly [string, number])[] = [
  ['edi', 0x9c],
  ['esi', 0xa0],
  ['ebx', 0xa4],
  ['edx', 0xa8],
  ['ecx', 0xac],
  ['eax', 0xb0],
  ['ebp', 0xb4],
  ['eip', 0xb8],
  ['esp', 0xc4],
];
const SEGMENTS_64 = ['cs', 'ds', 'es', 'fs', 'gs', 'ss'] as const;
const SEGMENTS_32: readonly (readonly [string, number])[] = [
  ['gs', 0x8c],
  ['fs', 0x90],
  ['es', 0x94],
  ['ds', 0x98],
  ['cs', 0xbc],
  ['ss', 0xc8],
];
const SIZE_64 = 0x4d0;
const SIZE_32 = 0x2cc;
const XMM_64 = 0x1a0;
const MXCSR_64 = 0x34;
const EFLAGS_64 = 0x44;
const EFLAGS_32 = 0xc0;
const CONTEXT_ALL_64 = 0x0010_000f;
const CONTEXT_ALL_32 = 0x0001_003f;
/** Flags that code in user mode may have: arithmetic, TF, DF, AC and ID; IF is on and bit 1 always. */
const USER_FLAGS = 0x0024_0dd5n;
const FIXED_FLAGS = 0x202n;

export function contextSize(wide: boolean): number {
  return wide ? SIZE_64 : SIZE_32;
}

export function registerOffset(name: string): number {
  const found = [...REGISTERS_64, ...REGISTERS_32].find(([known]) => known === name);
  return found?.[1] ?? 0;
}

/** The processor's state as a CONTEXT. */
export function captureContext(engine: Engine, wide: boolean): Struct {
  const out = new Struct(contextSize(wide));
  if (wide) {
    out.setU32(0x30, CONTEXT_ALL_64);
    for (const [name, at] of REGISTERS_64) out.setU64(at, engine.readRegister(name));
    for (const [index, name] of SEGMENTS_64.entries()) {
      out.setU16(0x38 + index * 2, Number(engine.readRegister(name) & 0xffffn));
    }
    const mxcsr = Number(engine.readRegister('mxcsr'));
    out.setU32(EFLAGS_64, Number(engine.readRegister('eflags'))).setU32(MXCSR_64, mxcsr);
    out.setU16(0x100, Number(engine.readRegister('fpcw'))).setU32(0x118, mxcsr);
    for (let index = 0; index < 16; index++) {
      const value = engine.readRegister(`xmm${index}`);
      out.setU64(XMM_64 + index * 16, value).setU64(XMM_64 + index * 16 + 8, value >> 64n);
    }
    return out;
  }
  out.setU32(0, CONTEXT_ALL_32);
  for (const [name, at] of [...REGISTERS_32, ...SEGMENTS_32]) {
    out.setU32(at, Number(engine.readRegister(name)));
  }
  return out.setU32(EFLAGS_32, Number(engine.readRegister('eflags')));
}

/** The processor goes on as the CONTEXT says: what a program may not choose (segments, IF) stays as it is. */
export function restoreContext(engine: Engine, context: Struct, wide: boolean): void {
  const flags = BigInt(context.u32(wide ? EFLAGS_64 : EFLAGS_32));
  if (wide) {
    for (const [name, at] of REGISTERS_64) engine.writeRegister(name, context.u64(at));
    engine.writeRegister('mxcsr', BigInt(context.u32(MXCSR_64)) & 0xffffn);
    for (let index = 0; index < 16; index++) {
      const low = context.u64(XMM_64 + index * 16);
      engine.writeRegister(`xmm${index}`, low | (context.u64(XMM_64 + index * 16 + 8) << 64n));
    }
  } else {
    for (const [name, at] of REGISTERS_32) engine.writeRegister(name, BigInt(context.u32(at)));
  }
  engine.writeRegister('eflags', (flags & USER_FLAGS) | FIXED_FLAGS);
}

export function contextWord(context: Struct, name: string, wide: boolean): bigint {
  return context.word(registerOffset(name), wide ? 8 : 4);
}

export function setContextWord(context: Struct, name: string, value: bigint, wide: boolean): void {
  context.setWord(registerOffset(name), wide ? 8 : 4, value);
}
