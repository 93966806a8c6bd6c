/**
 * What each opcode does with its memory operand: how many bytes it has, and whether it is read, written or both.
 * Data: opcode tables of the Intel SDM, volume 2, appendix A, and the instructions' own pages. Not in the tables:
 * encodings that take no memory (lea, nop, prefetches, clflush), privileged ones, VEX.
 */
import { decode, type Opcode, regOf } from './instruction.js';

/** 'rw': read and written; '': an address, and no access. */
export type OperandAccess = 'r' | 'w' | 'rw' | '';

export interface MemoryOperand {
  readonly bytes: number;
  readonly access: OperandAccess;
}

type By<T> = T | ((code: Opcode) => T);
/** [first, last, bytes, access]: the first range that holds the opcode counts. */
type Row = readonly [number, number, By<number>, By<OperandAccess>];

/** As the instruction's size says: 2, 4 or 8. */
export const whole = ({ operandSize, rexW }: Opcode): number => (rexW ? 8 : operandSize ? 2 : 4);
/** Of one-byte opcodes in pairs: the even one moves a byte. */
const paired = (code: Opcode): number => (code.opcode & 1 ? whole(code) : 1);
/** Of pushes, pops and near jumps, which have no 32-bit form in 64-bit mode. */
export const stacked = ({ wide, operandSize, rexW }: Opcode): number =>
  operandSize && !rexW ? 2 : wide ? 8 : 4;
const near = ({ wide, operandSize }: Opcode): number => (wide ? 8 : operandSize ? 2 : 4);
const pointer = (code: Opcode): number => whole(code) + 2;
/** ps, pd, ss, sd: as the prefix says. */
const packedOrScalar = ({ repeat }: Opcode): number =>
  repeat === 0xf3 ? 4 : repeat === 0xf2 ? 8 : 16;
/** Of MMX, of SSE with 66 (or F3: movdqu). */
const mmxOrSse = ({ operandSize, repeat }: Opcode): number =>
  operandSize || repeat === 0xf3 ? 16 : 8;
/** movd and movq, pextr and pinsr: general registers. */
const general = ({ rexW }: Opcode): number => (rexW ? 8 : 4);
/** x87 environments and states, which a 16-bit operand size makes shorter. */
const environment = ({ operandSize, rexW }: Opcode): number => (operandSize && !rexW ? 14 : 28);
const state = (code: Opcode): number => environment(code) + 80;

/** By the middle field of ModRM. */
const byReg =
  <T>(...values: readonly T[]) =>
  (code: Opcode): T =>
    values[regOf(code)]!;
const computed =
  (...values: readonly By<number>[]) =>
  (code: Opcode): number => {
    const value = values[regOf(code)] ?? 0;
    return typeof value === 'number' ? value : value(code);
  };

const ONE_BYTE: readonly Row[] = [
  // add or adc sbb and sub xor cmp, with the memory first or second; the rest takes none.
  [
    0x00,
    0x3f,
    (code) => ((code.opcode & 7) < 4 ? paired(code) : whole(code)),
    ({ opcode }) => ((opcode & 7) > 3 ? '' : (opcode & 7) > 1 || opcode >= 0x38 ? 'r' : 'rw'),
  ],
  // bound, arpl or movsxd
  [0x62, 0x62, (code) => 2 * whole(code), ({ wide }) => (wide ? '' : 'r')],
  [
    0x63,
    0x63,
    ({ wide, operandSize, rexW }) => (wide && (rexW || !operandSize) ? 4 : 2),
    ({ wide }) => (wide ? 'r' : 'rw'),
  ],
  [0x69, 0x69, whole, 'r'],
  [0x6b, 0x6b, whole, 'r'],
  [0x80, 0x83, paired, byReg('rw', 'rw', 'rw', 'rw', 'rw', 'rw', 'rw', 'r')],
  [0x84, 0x85, paired, 'r'],
  [0x86, 0x87, paired, 'rw'],
  [0x88, 0x89, paired, 'w'],
  [0x8a, 0x8b, paired, 'r'],
  [0x8c, 0x8c, 2, 'w'],
  [0x8e, 0x8e, 2, 'r'],
  [0x8f, 0x8f, stacked, byReg('w', '', '', '', '', '', '', '')],
  [0xa0, 0xa1, paired, 'r'],
  [0xa2, 0xa3, paired, 'w'],
  [0xa4, 0xaf, paired, ''],
  [0xc0, 0xc1, paired, 'rw'],
  [0xc4, 0xc5, pointer, ({ wide }) => (wide ? '' : 'r')],
  [0xc6, 0xc7, paired, byReg('w', '', '', '', '', '', '', '')],
  [0xd0, 0xd3, paired, 'rw'],
  [0xd7, 0xd7, 1, ''],
  [0xd8, 0xd8, 4, 'r'],
  [
    0xd9,
    0xd9,
    computed(4, 0, 4, 4, environment, 2, environment, 2),
    byReg('r', '', 'w', 'w', 'r', 'r', 'w', 'w'),
  ],
  [0xda, 0xda, 4, 'r'],
  [0xdb, 0xdb, computed(4, 4, 4, 4, 0, 10, 0, 10), byReg('r', 'w', 'w', 'w', '', 'r', '', 'w')],
  [0xdc, 0xdc, 8, 'r'],
  [
    0xdd,
    0xdd,
    computed(8, 8, 8, 8, state, 0, state, 2),
    byReg('r', 'w', 'w', 'w', 'r', '', 'w', 'w'),
  ],
  [0xde, 0xde, 2, 'r'],
  [0xdf, 0xdf, computed(2, 2, 2, 2, 10, 8, 10, 8), byReg('r', 'w', 'w', 'w', 'r', 'r', 'w', 'w')],
  [0xf6, 0xf7, paired, byReg('r', 'r', 'rw', 'rw', 'r', 'r', 'r', 'r')],
  [0xfe, 0xfe, 1, byReg('rw', 'rw', '', '', '', '', '', '')],
  [
    0xff,
    0xff,
    computed(whole, whole, near, pointer, near, pointer, stacked, 0),
    byReg('rw', 'rw', 'r', 'r', 'r', 'r', 'r', ''),
  ],
];

const TWO_BYTE: readonly Row[] = [
  // sldt str lldt ltr verr verw; sgdt sidt smsw
  [0x00, 0x00, 2, byReg('w', 'w', '', '', 'r', 'r', '', '')],
  [
    0x01,
    0x01,
    computed(
      (c) => (c.wide ? 10 : 6),
      (c) => (c.wide ? 10 : 6),
      0,
      0,
      2,
      0,
      0,
      0,
    ),
    byReg('w', 'w', '', '', 'w', '', '', ''),
  ],
  [0x02, 0x03, 2, 'r'],
  [0x0d, 0x0d, 1, ''],
  [0x10, 0x10, packedOrScalar, 'r'],
  [0x11, 0x11, packedOrScalar, 'w'],
  // movlps, movddup 8; movsldup 16; the same with h
  [0x12, 0x12, ({ repeat }) => (repeat === 0xf3 ? 16 : 8), 'r'],
  [0x13, 0x13, 8, 'w'],
  [0x14, 0x15, 16, 'r'],
  [0x16, 0x16, ({ repeat }) => (repeat === 0xf3 ? 16 : 8), 'r'],
  [0x17, 0x17, 8, 'w'],
  [0x18, 0x1f, 1, ''],
  [0x28, 0x28, 16, 'r'],
  [0x29, 0x29, 16, 'w'],
  // From integers, from floats.
  [0x2a, 0x2a, (code) => (code.repeat === 0 ? 8 : general(code)), 'r'],
  // movntps and, of AMD, movntss and movntsd.
  [0x2b, 0x2b, packedOrScalar, 'w'],
  [0x2c, 0x2d, (code) => (code.repeat === 0 && !code.operandSize ? 8 : packedOrScalar(code)), 'r'],
  [0x2e, 0x2f, ({ operandSize }) => (operandSize ? 8 : 4), 'r'],
  [0x40, 0x4f, whole, 'r'],
  [0x51, 0x59, packedOrScalar, 'r'],
  [0x5a, 0x5a, (code) => (code.repeat === 0 && !code.operandSize ? 8 : packedOrScalar(code)), 'r'],
  [0x5b, 0x5b, 16, 'r'],
  [0x5c, 0x5f, packedOrScalar, 'r'],
  [0x60, 0x62, ({ operandSize }) => (operandSize ? 16 : 4), 'r'],
  [0x63, 0x6d, mmxOrSse, 'r'],
  [0x6e, 0x6e, general, 'r'],
  [0x6f, 0x6f, mmxOrSse, 'r'],
  [0x70, 0x70, ({ operandSize, repeat }) => (operandSize || repeat !== 0 ? 16 : 8), 'r'],
  [0x74, 0x76, mmxOrSse, 'r'],
  [0x7c, 0x7d, 16, 'r'],
  [
    0x7e,
    0x7e,
    (code) => (code.repeat === 0xf3 ? 8 : general(code)),
    ({ repeat }) => (repeat === 0xf3 ? 'r' : 'w'),
  ],
  [0x7f, 0x7f, mmxOrSse, 'w'],
  [0x90, 0x9f, 1, 'w'],
  // bt, shld, bts, shrd; of a register offset see memory-access.ts.
  [0xa3, 0xa3, whole, 'r'],
  [0xa4, 0xa5, whole, 'rw'],
  [0xab, 0xad, whole, 'rw'],
  // fxsave fxrstor ldmxcsr stmxcsr xsave xrstor xsaveopt; clflush
  [
    0xae,
    0xae,
    computed(512, 512, 4, 4, 576, 576, 576, 1),
    byReg('w', 'r', 'r', 'w', 'rw', 'r', 'rw', ''),
  ],
  [0xaf, 0xaf, whole, 'r'],
  [0xb0, 0xb0, 1, 'rw'],
  [0xb1, 0xb1, whole, 'rw'],
  [0xb2, 0xb2, pointer, 'r'],
  [0xb3, 0xb3, whole, 'rw'],
  [0xb4, 0xb5, pointer, 'r'],
  [0xb6, 0xb6, 1, 'r'],
  [0xb7, 0xb7, 2, 'r'],
  [0xb8, 0xb8, whole, 'r'],
  [0xba, 0xba, whole, byReg('', '', '', '', 'r', 'rw', 'rw', 'rw')],
  [0xbb, 0xbb, whole, 'rw'],
  [0xbc, 0xbd, whole, 'r'],
  [0xbe, 0xbe, 1, 'r'],
  [0xbf, 0xbf, 2, 'r'],
  [0xc0, 0xc0, 1, 'rw'],
  [0xc1, 0xc1, whole, 'rw'],
  [0xc2, 0xc2, packedOrScalar, 'r'],
  [0xc3, 0xc3, general, 'w'],
  [0xc4, 0xc4, 2, 'r'],
  [0xc6, 0xc6, 16, 'r'],
  // cmpxchg8b, cmpxchg16b
  [0xc7, 0xc7, ({ rexW }) => (rexW ? 16 : 8), byReg('', 'rw', '', '', '', '', '', '')],
  [0xd0, 0xd0, 16, 'r'],
  [0xd1, 0xd5, mmxOrSse, 'r'],
  [0xd6, 0xd6, 8, ({ operandSize, repeat }) => (operandSize && repeat === 0 ? 'w' : '')],
  [0xd8, 0xe5, mmxOrSse, 'r'],
  [0xe6, 0xe6, ({ repeat }) => (repeat === 0xf3 ? 8 : 16), 'r'],
  [0xe7, 0xe7, mmxOrSse, 'w'],
  [0xe8, 0xef, mmxOrSse, 'r'],
  [0xf0, 0xf0, 16, 'r'],
  [0xf1, 0xf6, mmxOrSse, 'r'],
  // maskmovq, maskmovdqu: see memory-access.ts.
  [0xf7, 0xf7, mmxOrSse, ''],
  [0xf8, 0xfe, mmxOrSse, 'r'],
];

/** pmovsx and pmovzx: what fills sixteen bytes when it is widened. */
const widened = ({ opcode }: Opcode): number => [8, 4, 2, 8, 4, 8][opcode & 7]!;

const AFTER_0F38: readonly Row[] = [
  [0x00, 0x1f, mmxOrSse, 'r'],
  [0x20, 0x25, widened, 'r'],
  [0x28, 0x2b, 16, 'r'],
  [0x30, 0x35, widened, 'r'],
  [0x37, 0x41, 16, 'r'],
  [0xc8, 0xdf, 16, 'r'],
  // movbe; crc32 with F2
  [0xf0, 0xf0, (code) => (code.repeat === 0xf2 ? 1 : whole(code)), 'r'],
  [0xf1, 0xf1, whole, ({ repeat }) => (repeat === 0xf2 ? 'r' : 'w')],
  // adcx, adox
  [0xf6, 0xf6, general, 'r'],
];

const AFTER_0F3A: readonly Row[] = [
  [0x08, 0x09, 16, 'r'],
  [0x0a, 0x0a, 4, 'r'],
  [0x0b, 0x0b, 8, 'r'],
  [0x0c, 0x0e, 16, 'r'],
  [0x0f, 0x0f, mmxOrSse, 'r'],
  [0x14, 0x14, 1, 'w'],
  [0x15, 0x15, 2, 'w'],
  [0x16, 0x16, general, 'w'],
  [0x17, 0x17, 4, 'w'],
  [0x20, 0x20, 1, 'r'],
  [0x21, 0x21, 4, 'r'],
  [0x22, 0x22, general, 'r'],
  [0x40, 0x63, 16, 'r'],
  [0xcc, 0xdf, 16, 'r'],
];

const MAPS = [ONE_BYTE, TWO_BYTE, AFTER_0F38, AFTER_0F3A] as const;

function rowOf({ map, opcode }: Opcode): Row | undefined {
  return MAPS[map].find(([first, last]) => opcode >= first && opcode <= last);
}

const value = <T>(by: By<T>, code: Opcode): T =>
  typeof by === 'function' ? (by as (code: Opcode) => T)(code) : by;

/** A plain offset: moves between the accumulator and memory without ModRM. */
export function isPlainOffset({ map, opcode }: Opcode): boolean {
  return map === 0 && opcode >= 0xa0 && opcode <= 0xa3;
}

/** The memory operand that the instruction names; undefined when it names none, or a register instead. */
export function memoryOperand(code: Opcode): MemoryOperand | undefined {
  const row = rowOf(code);
  if (row === undefined || (code.modrm >> 6 === 3 && !isPlainOffset(code))) return undefined;
  const [, , bytes, by] = row;
  const access = value(by, code);
  return access === '' ? undefined : { bytes: value(bytes, code), access };
}

/** x87 environments and states move in pieces of four bytes, ten-byte numbers of eight and two. */
const PIECES: Readonly<Record<number, number>> = { 10: 8, 14: 4, 28: 4, 94: 4, 108: 4, 512: 16 };

/**
 * Bytes that an instruction moves at once at its memory operand, or on the stack where it has none. The engine
 * keeps that to itself when an access misses its TLB, and hardware looks at the length first: an access past the
 * end of a segment is no page fault. `bytes` may end early.
 */
export function operandBytes(bytes: Uint8Array, wide: boolean): number {
  const code = decode(bytes, wide);
  const row = rowOf(code);
  const all = value(row === undefined ? whole : row[2], code);
  return PIECES[all] ?? all;
}
