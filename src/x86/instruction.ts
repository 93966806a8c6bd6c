/**
 * The decoder of opcodes: prefixes, opcode map, ModRM and SIB, as far as facts about instructions need them
 * (opcode tables of the Intel SDM, volume 2, appendix A). What each opcode does with memory is in operands.ts.
 */

export interface Opcode {
  /** 0: one byte; 1: after 0F; 2: after 0F 38; 3: after 0F 3A. */
  readonly map: 0 | 1 | 2 | 3;
  readonly opcode: number;
  readonly modrm: number;
  /** After `modrm`; means something where that says so. */
  readonly sib: number;
  /** Where `modrm` is, from the first byte. */
  readonly at: number;
  /** Decoded for 64-bit mode. */
  readonly wide: boolean;
  readonly operandSize: boolean;
  readonly addressSize: boolean;
  /** The REX prefix, or 0. */
  readonly rex: number;
  readonly rexW: boolean;
  /** The prefix that names a segment, or 0. */
  readonly segment: number;
  /** F2 or F3, else 0. */
  readonly repeat: number;
}

const SEGMENTS = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];

/** `bytes` may end early: what is missing reads as 0. */
export function decode(bytes: Uint8Array, wide: boolean): Opcode {
  let at = 0;
  let operandSize = false;
  let addressSize = false;
  let rex = 0;
  let segment = 0;
  let repeat = 0;
  for (; isPrefix(bytes[at] ?? 0, wide); at++) {
    const prefix = bytes[at] ?? 0;
    if (prefix === 0x66) operandSize = true;
    if (prefix === 0x67) addressSize = true;
    if (prefix === 0xf2 || prefix === 0xf3) repeat = prefix;
    if (SEGMENTS.includes(prefix)) segment = prefix;
    rex = isRex(prefix, wide) ? prefix : 0;
  }
  const map = mapAt(bytes, at);
  at += Math.min(map, 2);
  const [opcode = 0, modrm = 0, sib = 0] = bytes.subarray(at);
  const prefixes = { operandSize, addressSize, rex, rexW: (rex & 8) !== 0, segment, repeat };
  return { map, opcode, modrm, sib, at: at + 1, wide, ...prefixes };
}

function mapAt(bytes: Uint8Array, at: number): Opcode['map'] {
  if (bytes[at] !== 0x0f) return 0;
  const second = bytes[at + 1];
  return second === 0x38 ? 2 : second === 0x3a ? 3 : 1;
}

function isRex(byte: number, wide: boolean): boolean {
  return wide && (byte & 0xf0) === 0x40;
}

function isPrefix(byte: number, wide: boolean): boolean {
  if (isRex(byte, wide)) return true;
  return [0x66, 0x67, 0xf0, 0xf2, 0xf3].includes(byte) || SEGMENTS.includes(byte);
}

/** The middle field of ModRM: a register, or which instruction of a group. */
export function regOf({ modrm }: Opcode): number {
  return (modrm >> 3) & 7;
}
