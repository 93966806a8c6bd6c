/**
 * A single instruction with the state that it starts from, and the state that a CPU left: bytes to and from the
 * program guest/instructions-x86-64.s, which runs each under the trap flag.
 */

/** Addresses and offsets that the program knows by these names. */
export const PLACES = {
  CODE_PAGE: 0x3000_0000,
  CODE: 0x3000_0100,
  /** Two pages; behind them nothing is mapped. */
  DATA_PAGES: 0x4000_0000,
  INPUT: 0x5000_0000,
  OUTPUT: 0x6000_0000,
  CASE_LENGTH: 1216,
  CASE_FLAGS: 128,
  CASE_EXTENDED: 136,
  CASE_CODE: 144,
  CASE_DATA: 160,
  CASE_FX: 384,
  RECORD_LENGTH: 1280,
  RECORD_FX: 448,
} as const;

/** What of the data pages a case sets and a record holds: around their boundary, and their end. */
export const WINDOWS = [
  { start: PLACES.DATA_PAGES + 4096 - 64, length: 128 },
  { start: PLACES.DATA_PAGES + 8192 - 64, length: 64 },
] as const;
export const DATA_LENGTH = 192;

export const REGISTERS = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');

export interface InstructionCase {
  /** At most 16 bytes; what follows is NOPs. */
  readonly code: Uint8Array;
  /** In the order of REGISTERS. */
  readonly registers: readonly bigint[];
  readonly flags: number;
  /** As FXSAVE writes it; with 832 bytes as XSAVE does. */
  readonly fx: Uint8Array;
  readonly data: Uint8Array;
}

export interface InstructionRecord {
  readonly registers: readonly bigint[];
  readonly rip: bigint;
  readonly flags: number;
  readonly signal: number;
  readonly code: number;
  readonly address: bigint;
  readonly error: number;
  readonly trap: number;
  readonly data: Buffer;
  readonly fx: Buffer;
  /** Upper halves of ymm0 to ymm15, 16 bytes each; zeros where the CPU has none. */
  readonly upper: Buffer;
}

const FX_LENGTH = 512;
const UPPER = 576;
/** Arithmetic flags and DF; the trap flag is the program's. */
export const FLAGS = 0xcd5;
/** Of ucontext's registers: r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, flags, segments, error, trap. */
const SAVED = [13, 14, 12, 11, 15, 10, 9, 8, 0, 1, 2, 3, 4, 5, 6, 7];
const SAVED_RIP = 16;
const SAVED_FLAGS = 17;
const SAVED_ERROR = 19;
const SAVED_TRAP = 20;
const INFO = 184;
const DATA = 208;

export function encodeCases(cases: readonly InstructionCase[]): Uint8Array {
  const all = Buffer.alloc(8 + cases.length * PLACES.CASE_LENGTH);
  all.writeUInt32LE(cases.length);
  for (const [index, each] of cases.entries()) {
    const at = 8 + index * PLACES.CASE_LENGTH;
    for (const [i, value] of each.registers.entries()) {
      all.writeBigUInt64LE(BigInt.asUintN(64, value), at + 8 * i);
    }
    all.writeUInt32LE((each.flags & FLAGS) | 0x202, at + PLACES.CASE_FLAGS);
    all.writeUInt32LE(each.fx.length > FX_LENGTH ? 1 : 0, at + PLACES.CASE_EXTENDED);
    all.fill(0x90, at + PLACES.CASE_CODE, at + PLACES.CASE_CODE + 16);
    all.set(each.code.subarray(0, 16), at + PLACES.CASE_CODE);
    all.set(each.data.subarray(0, DATA_LENGTH), at + PLACES.CASE_DATA);
    all.set(each.fx, at + PLACES.CASE_FX);
  }
  return all;
}

export function decodeRecords(output: Uint8Array): InstructionRecord[] {
  const bytes = Buffer.from(output.buffer, output.byteOffset, output.length);
  const count = Math.floor(bytes.length / PLACES.RECORD_LENGTH);
  return Array.from({ length: count }, (_, index) => {
    const at = index * PLACES.RECORD_LENGTH;
    const word = (i: number): bigint => bytes.readBigUInt64LE(at + 8 * i);
    const fx = at + PLACES.RECORD_FX;
    return {
      registers: SAVED.map(word),
      rip: word(SAVED_RIP),
      flags: Number(word(SAVED_FLAGS)) & FLAGS,
      error: Number(word(SAVED_ERROR)),
      trap: Number(word(SAVED_TRAP)),
      signal: bytes.readInt32LE(at + INFO),
      code: bytes.readInt32LE(at + INFO + 8),
      address: bytes.readBigUInt64LE(at + INFO + 16),
      data: bytes.subarray(at + DATA, at + DATA + DATA_LENGTH),
      fx: bytes.subarray(fx, fx + FX_LENGTH),
      upper: bytes.subarray(fx + UPPER, fx + UPPER + 256),
    };
  });
}
