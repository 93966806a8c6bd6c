/**
 * The little that the adapter must know of the instruction at which a run ended, where Unicorn differs
 * from hardware: opcode tables of the Intel SDM, volume 2, appendix A.
 */

export interface Opcode {
  /** 0: one byte; 1: after 0F. */
  readonly map: 0 | 1;
  readonly opcode: number;
  readonly modrm: number;
  /** After `modrm`; means something where that says so. */
  readonly sib: number;
  readonly operandSize: boolean;
  readonly rexW: boolean;
  /** The prefix that names a segment, or 0. */
  readonly segment: number;
  /** F2 or F3, else 0. */
  readonly repeat: number;
}

/** `bytes` may end early: what is missing reads as 0. */
export function decode(bytes: Uint8Array, wide: boolean): Opcode {
  let at = 0;
  let operandSize = false;
  let rexW = false;
  let segment = 0;
  let repeat = 0;
  for (; isPrefix(bytes[at] ?? 0, wide); at++) {
    const prefix = bytes[at] ?? 0;
    if (prefix === 0x66) operandSize = true;
    if (prefix === 0xf2 || prefix === 0xf3) repeat = prefix;
    if (SEGMENTS.includes(prefix)) segment = prefix;
    rexW = wide && (prefix & 0xf8) === 0x48;
  }
  const map = bytes[at] === 0x0f ? 1 : 0;
  at += map;
  const [opcode = 0, modrm = 0, sib = 0] = bytes.subarray(at);
  return { map, opcode, modrm, sib, operandSize, rexW, segment, repeat };
}

const SEGMENTS = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];

function isPrefix(byte: number, wide: boolean): boolean {
  if (wide && (byte & 0xf0) === 0x40) return true; // REX
  return [0x66, 0x67, 0xf0, 0xf2, 0xf3].includes(byte) || SEGMENTS.includes(byte);
}

/** Bytes of a store that the engine makes as eight and the rest; 0 for any other instruction. */
export function wideStoreBytes(bytes: Uint8Array, wide: boolean): number {
  const { map, opcode, modrm, operandSize, repeat } = decode(bytes, wide);
  if (modrm >> 6 === 3) return 0;
  const reg = (modrm >> 3) & 7;
  if (map === 0) return opcode === 0xdb && reg === 7 ? 10 : 0; // fstp m80
  const whole =
    (repeat === 0 && [0x11, 0x29, 0x2b].includes(opcode)) || // movups, movaps, movntps and their pd
    (opcode === 0x7f && (operandSize || repeat === 0xf3)) || // movdqa, movdqu
    (opcode === 0xe7 && operandSize); // movntdq
  return whole ? 16 : 0;
}

/**
 * Does the engine read a memory operand that is written? Hardware asks for the right to write at once;
 * the engine reads first, and so reports a refused page as a read.
 */
export function isReadModifyWrite(bytes: Uint8Array, wide: boolean): boolean {
  const { map, opcode, modrm } = decode(bytes, wide);
  if (modrm >> 6 === 3) return false;
  const reg = (modrm >> 3) & 7;
  return map === 0 ? modifiesOneByte(opcode, reg) : modifiesTwoByte(opcode, reg);
}

function modifiesOneByte(opcode: number, reg: number): boolean {
  // add or adc sbb and sub xor with a memory destination; cmp (38, 39) only reads.
  if (opcode < 0x38) return (opcode & 7) <= 1;
  if (opcode >= 0x80 && opcode <= 0x83) return reg !== 7;
  if (opcode === 0x86 || opcode === 0x87) return true; // xchg
  if (opcode === 0xc0 || opcode === 0xc1 || (opcode >= 0xd0 && opcode <= 0xd3)) return true; // shifts
  if (opcode === 0xf6 || opcode === 0xf7) return reg === 2 || reg === 3; // not, neg
  return (opcode === 0xfe || opcode === 0xff) && reg <= 1; // inc, dec
}

function modifiesTwoByte(opcode: number, reg: number): boolean {
  if ([0xa4, 0xa5, 0xac, 0xad].includes(opcode)) return true; // shld, shrd
  if ([0xab, 0xb3, 0xbb].includes(opcode)) return true; // bts, btr, btc
  if (opcode >= 0x90 && opcode <= 0x9f) return true; // setcc: see patch-flags.ts
  if ([0xb0, 0xb1, 0xc0, 0xc1].includes(opcode)) return true; // cmpxchg, xadd
  if (opcode === 0xba) return reg >= 5;
  return opcode === 0xc7 && reg === 1; // cmpxchg8b
}

/** A far call or jump through a register, which there is not: the engine takes a pointer from nowhere. */
export function isUndefinedFarTransfer(bytes: Uint8Array, wide: boolean): boolean {
  const { map, opcode, modrm } = decode(bytes, wide);
  const reg = (modrm >> 3) & 7;
  return map === 0 && opcode === 0xff && modrm >> 6 === 3 && (reg === 3 || reg === 5);
}

/** `icebp` (INT1), which the engine does not know. */
export const ICEBP = 0xf1;
