/**
 * RUNTIME_FUNCTION and UNWIND_INFO: what the prologue of a 64-bit function did, for whoever undoes it. Read by RVA from
 * wherever they lie: a file, or memory that a program wrote. Microsoft, "x64 exception handling".
 */
import { Struct } from '../../base/struct.js';
import type { PeDirectory } from './image.js';

/** Bytes at an RVA; undefined: they cannot be read. */
export type ReadAtRva = (rva: number, length: number) => Uint8Array | undefined;

/** RVAs. */
export interface PeRuntimeFunction {
  readonly begin: number;
  readonly end: number;
  readonly unwind: number;
  /** Where the entry itself lies. */
  readonly entry: number;
}

/** Bytes of a RUNTIME_FUNCTION. */
export const FUNCTION_BYTES = 12;

export function runtimeFunctionAt(read: ReadAtRva, entry: number): PeRuntimeFunction | undefined {
  const bytes = read(entry, FUNCTION_BYTES);
  if (bytes === undefined) return undefined;
  const fields = new Struct(bytes);
  return { begin: fields.u32(0), end: fields.u32(4), unwind: fields.u32(8), entry };
}

/** The function in a sorted table; undefined: it is a leaf function, or the table cannot be read. */
export function findRuntimeFunction(
  read: ReadAtRva,
  table: PeDirectory,
  rva: number,
): PeRuntimeFunction | undefined {
  let low = 0;
  let high = Math.floor(table.size / FUNCTION_BYTES);
  while (low < high) {
    const middle = (low + high) >> 1;
    const found = runtimeFunctionAt(read, table.rva + middle * FUNCTION_BYTES);
    if (found === undefined) return undefined;
    if (rva < found.begin) high = middle;
    else if (rva >= found.end) low = middle + 1;
    else return found;
  }
  return undefined;
}

/** What one instruction of the prologue did. Registers by Windows' numbers: rax rcx rdx rbx rsp rbp rsi rdi r8 ... */
export type PrologueStep =
  | { readonly kind: 'push'; readonly register: number }
  | { readonly kind: 'allocate'; readonly bytes: number }
  /** The frame register is set. */
  | { readonly kind: 'set-frame' }
  /** `at`: bytes above the fixed part of the frame's lowest. */
  | { readonly kind: 'save'; readonly register: number; readonly at: number }
  | { readonly kind: 'save-xmm'; readonly register: number; readonly at: number }
  /** The processor pushed a frame itself, with an error code or without. */
  | { readonly kind: 'machine-frame'; readonly hasErrorCode: boolean };

export type UnwindCode = PrologueStep & {
  /** Bytes of the prologue that have run when it is done. */
  readonly end: number;
};

export interface UnwindInfo {
  /** UNW_FLAG_*. */
  readonly flags: number;
  /** Bytes. */
  readonly prologue: number;
  /** The last step first. */
  readonly codes: readonly UnwindCode[];
  /** 0: the function has none. */
  readonly frameRegister: number;
  /** Of the frame register above the fixed part of the frame's lowest byte. */
  readonly frameOffset: number;
  /** RVA behind the codes: the handler's RVA and its data, or the RUNTIME_FUNCTION of the chain. */
  readonly tail: number;
}

export const UNW_FLAG_EHANDLER = 1;
export const UNW_FLAG_UHANDLER = 2;
export const UNW_FLAG_CHAININFO = 4;

/** Parts that one function's information may be spread over; more are a circle. */
export const MAX_CHAIN = 32;

/** Undefined: it cannot be read, or has a code that nobody knows. */
export function unwindInfoAt(read: ReadAtRva, rva: number): UnwindInfo | undefined {
  const head = read(rva, 4);
  if (head === undefined) return undefined;
  const [version = 0, prologue = 0, count = 0, frame = 0] = head;
  const length = (count + (count % 2)) * 2;
  const bytes = read(rva + 4, length);
  const codes = bytes && codesOf(new Struct(bytes), count);
  if (codes === undefined) return undefined;
  return {
    flags: version >> 3,
    prologue,
    codes,
    frameRegister: frame & 15,
    frameOffset: (frame >> 4) * 16,
    tail: rva + 4 + length,
  };
}

function codesOf(slots: Struct, count: number): UnwindCode[] | undefined {
  const codes: UnwindCode[] = [];
  for (let index = 0; index < count; ) {
    const end = slots.u8(index * 2);
    const what = slots.u8(index * 2 + 1);
    const operand = (slot: number): number =>
      index + slot < count ? slots.u16((index + slot) * 2) : 0;
    const found = stepOf(what & 15, what >> 4, operand);
    if (found === undefined) return undefined;
    const [used, step] = found;
    codes.push({ end, ...step });
    index += used;
  }
  return codes;
}

/** The slots of two bytes that the code takes, and what it says. */
function stepOf(
  operation: number,
  info: number,
  operand: (slot: number) => number,
): readonly [slots: number, PrologueStep] | undefined {
  const far = (): number => operand(1) + operand(2) * 0x10000;
  switch (operation) {
    case 0:
      return [1, { kind: 'push', register: info }];
    case 1:
      return info === 0
        ? [2, { kind: 'allocate', bytes: operand(1) * 8 }]
        : [3, { kind: 'allocate', bytes: far() }];
    case 2:
      return [1, { kind: 'allocate', bytes: info * 8 + 8 }];
    case 3:
      return [1, { kind: 'set-frame' }];
    case 4:
      return [2, { kind: 'save', register: info, at: operand(1) * 8 }];
    case 5:
      return [3, { kind: 'save', register: info, at: far() }];
    case 8:
      return [2, { kind: 'save-xmm', register: info, at: operand(1) * 16 }];
    case 9:
      return [3, { kind: 'save-xmm', register: info, at: far() }];
    case 10:
      return [1, { kind: 'machine-frame', hasErrorCode: info === 1 }];
    default:
      return undefined;
  }
}
