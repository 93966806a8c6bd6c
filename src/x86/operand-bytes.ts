/**
 * How many bytes an instruction moves at once at its memory operand, or on the stack where it has none. The
 * engine keeps that to itself when an access misses its TLB, and hardware looks at the length first: an
 * access past the end of a segment is no page fault. Opcode tables of the Intel SDM, volume 2, appendix A;
 * how x87 cuts its operands was measured (test/os/linux/programs/top.c).
 */
import { decode, type Opcode } from './instruction.js';

type Bytes = number | ((opcode: Opcode) => number);

/** The operand as the instruction's size says: 2, 4 or 8. */
const whole = ({ operandSize, rexW }: Opcode): number => (rexW ? 8 : operandSize ? 2 : 4);
const regOf = ({ modrm }: Opcode): number => (modrm >> 3) & 7;
/** Of one-byte opcodes in pairs: the even one moves a byte. */
const paired = (code: Opcode): number => (code.opcode & 1 ? whole(code) : 1);
const pointer = (code: Opcode): number => whole(code) + 2;
/** ps, pd, ss, sd: as the prefix says. */
const packedOrScalar = ({ repeat }: Opcode): number =>
  repeat === 0xf3 ? 4 : repeat === 0xf2 ? 8 : 16;
/** Of MMX, of SSE with 66 (or F3: movdqu). */
const mmxOrSse = ({ operandSize, repeat }: Opcode): number =>
  operandSize || repeat === 0xf3 ? 16 : 8;

/** x87, in pieces: environments and states four bytes at a time, ten-byte numbers eight and two. */
function float(code: Opcode): number {
  const reg = regOf(code);
  switch (code.opcode) {
    case 0xd9:
      return reg === 5 || reg === 7 ? 2 : 4;
    case 0xdb:
      return reg < 4 ? 4 : 8;
    case 0xdc:
      return 8;
    case 0xdd:
      return reg === 7 ? 2 : reg < 4 ? 8 : 4;
    case 0xde:
      return 2;
    case 0xdf:
      return reg < 4 ? 2 : 8;
    default:
      return 4;
  }
}

/** [first, last, bytes]: the first range that holds the opcode counts; none: `whole`. */
const ONE_BYTE: readonly (readonly [number, number, Bytes])[] = [
  [0x00, 0x3f, (code) => ((code.opcode & 7) < 4 ? paired(code) : whole(code))],
  [0x62, 0x62, (code) => 2 * whole(code)],
  [0x63, 0x63, 2],
  [0x69, 0x6b, whole],
  [0x80, 0x8b, paired],
  [0x8c, 0x8c, 2],
  [0x8e, 0x8e, 2],
  [0xa0, 0xaf, paired],
  [0xc0, 0xc1, paired],
  [0xc4, 0xc5, pointer],
  [0xc6, 0xc7, paired],
  [0xd0, 0xd3, paired],
  [0xd7, 0xd7, 1],
  [0xd8, 0xdf, float],
  [0xf6, 0xf7, paired],
  [0xfe, 0xfe, 1],
  [0xff, 0xff, (code) => ([3, 5].includes(regOf(code)) ? pointer(code) : whole(code))],
];

/** After 0F. None: `mmxOrSse`. */
const TWO_BYTE: readonly (readonly [number, number, Bytes])[] = [
  [0x10, 0x11, packedOrScalar],
  // movddup 8, movsldup and movshdup 16, the halves 8.
  [0x12, 0x12, ({ repeat }) => (repeat === 0xf3 ? 16 : 8)],
  [0x13, 0x13, 8],
  [0x14, 0x15, 16],
  [0x16, 0x16, ({ repeat }) => (repeat === 0xf3 ? 16 : 8)],
  [0x17, 0x17, 8],
  [0x28, 0x29, 16],
  // From integers, from floats.
  [0x2a, 0x2a, (code) => (code.repeat === 0 ? 8 : whole({ ...code, operandSize: false }))],
  [0x2b, 0x2b, 16],
  [0x2c, 0x2d, (code) => (code.repeat === 0 && !code.operandSize ? 8 : packedOrScalar(code))],
  [0x2e, 0x2f, ({ operandSize }) => (operandSize ? 8 : 4)],
  [0x40, 0x4f, whole],
  [0x5a, 0x5a, (code) => (code.repeat === 0 && !code.operandSize ? 8 : packedOrScalar(code))],
  [0x5b, 0x5b, 16],
  [0x51, 0x5f, packedOrScalar],
  [0x60, 0x62, ({ operandSize }) => (operandSize ? 16 : 4)],
  [0x6e, 0x6e, ({ rexW }) => (rexW ? 8 : 4)],
  [0x70, 0x70, ({ operandSize, repeat }) => (operandSize || repeat !== 0 ? 16 : 8)],
  [0x7e, 0x7e, ({ rexW, repeat }) => (rexW || repeat === 0xf3 ? 8 : 4)],
  [0x90, 0x9f, 1],
  [0xa0, 0xad, whole],
  // fxsave and fxrstor, which begin wherever the CPU likes; ldmxcsr and stmxcsr; clflush.
  [0xae, 0xae, (code) => (regOf(code) < 2 ? 16 : regOf(code) < 4 ? 4 : 1)],
  [0xb0, 0xb0, 1],
  [0xb2, 0xb2, pointer],
  [0xb4, 0xb5, pointer],
  [0xb6, 0xb6, 1],
  [0xb7, 0xb7, 2],
  [0xbe, 0xbe, 1],
  [0xbf, 0xbf, 2],
  [0xaf, 0xbd, whole],
  [0xc0, 0xc0, 1],
  [0xc1, 0xc1, whole],
  [0xc2, 0xc2, packedOrScalar],
  [0xc3, 0xc3, whole],
  [0xc4, 0xc4, 2],
  [0xc6, 0xc6, 16],
  [0xc7, 0xc7, ({ rexW }) => (rexW ? 16 : 8)],
  [0xd6, 0xd6, 8],
  [0xe6, 0xe6, ({ repeat }) => (repeat === 0xf3 ? 8 : 16)],
  [0xf0, 0xf0, 16],
];

/** `bytes` may end early. */
export function operandBytes(bytes: Uint8Array, wide: boolean): number {
  const code = decode(bytes, wide);
  const ranges = code.map === 0 ? ONE_BYTE : TWO_BYTE;
  const rest = code.map === 0 ? whole : mmxOrSse;
  const found = ranges.find(([first, last]) => code.opcode >= first && code.opcode <= last);
  const [, , size] = found ?? [0, 0, rest];
  return typeof size === 'number' ? size : size(code);
}
