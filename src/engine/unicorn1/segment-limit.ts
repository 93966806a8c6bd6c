/**
 * The limit of the flat 32-bit segments: an access whose last byte would lie past 0xffffffff is #GP, or
 * #SS by the stack segment, before any page is looked at. The engine wraps round instead; it comes to a
 * page fault there all the same, because the last page belongs to the kernel, and that fault is put right.
 * Intel SDM, volume 3, section 5.3.
 */
import type { Addr } from '../../base/address.js';
import { decode, type Opcode } from '../../x86/instruction.js';
import { operandBytes } from '../../x86/operands.js';
import { VECTOR_GP, VECTOR_SS } from './api.js';

const END = 1n << 32n;
/** Nothing that an instruction moves at once is longer. */
const LONGEST = 16n;
/** Prefixes. */
const SEGMENT_SS = 0x36;
const SEGMENT_FS = 0x64;
const SEGMENT_GS = 0x65;

/** The exception that a refused access of the instruction at `code` is, if it crosses the end. */
export function pastSegment(code: Uint8Array, address: Addr): number | undefined {
  if (address < END - LONGEST || address + BigInt(operandBytes(code, false)) <= END)
    return undefined;
  const opcode = decode(code, false);
  // Thread-local storage has a base, round which it may wrap.
  if (opcode.segment === SEGMENT_FS || opcode.segment === SEGMENT_GS) return undefined;
  return usesStack(opcode) ? VECTOR_SS : VECTOR_GP;
}

/** Does it go by the stack segment? A bad address is #SS then. */
export function usesStack(code: Opcode): boolean {
  if (pushesOrPops(code)) return true;
  if (!hasModrm(code)) return false;
  // In 64-bit mode only FS and GS are more than a word.
  const named = code.wide
    ? code.segment === SEGMENT_FS || code.segment === SEGMENT_GS
    : code.segment !== 0;
  if (named) return code.segment === SEGMENT_SS;
  const { modrm, sib, rex } = code;
  // With REX.B it is r12 or r13.
  if (rex & 1) return false;
  const [mode, base] = [modrm >> 6, modrm & 7];
  if (base !== 4) return base === 5 && mode !== 0;
  return (sib & 7) === 4 || ((sib & 7) === 5 && mode !== 0);
}

/** Without a memory operand of their own: push, pop, call, ret, leave and their like. */
function pushesOrPops({ map, opcode }: Opcode): boolean {
  if (map > 1) return false;
  if (map === 1) return [0xa0, 0xa1, 0xa8, 0xa9].includes(opcode);
  if (opcode < 0x40) return (opcode & 7) >= 6;
  if (opcode <= 0x61) return opcode >= 0x50;
  return [
    ...[0x68, 0x6a, 0x9a, 0x9c, 0x9d],
    ...[0xc2, 0xc3, 0xc8, 0xc9, 0xca, 0xcb, 0xcf, 0xe8],
  ].includes(opcode);
}

/** Strings and moves to and from a plain offset have none; they go by DS or ES. */
function hasModrm({ map, opcode }: Opcode): boolean {
  return map === 1 || !((opcode >= 0xa0 && opcode <= 0xaf) || opcode === 0xd7);
}
