/** Where a memory operand lies: ModRM, SIB and displacement (Intel SDM, volume 2, section 2.1.5). */
import type { Addr } from '../base/address.js';
import type { Opcode } from './instruction.js';
import { isPlainOffset } from './operands.js';

/** A register's value by its full name (rax, eax on i386, fs_base, xmm0). */
export type ReadRegister = (name: string) => bigint;

const WIDE = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'];
const NARROW = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'];
/** Of 16-bit addresses, by the last field of ModRM. */
const PAIRS: readonly (readonly string[])[] = [
  ['ebx', 'esi'],
  ['ebx', 'edi'],
  ['ebp', 'esi'],
  ['ebp', 'edi'],
  ['esi'],
  ['edi'],
  ['ebp'],
  ['ebx'],
];
const STACK = 4;
const BASE = 5;
const SEGMENT_BASES: Readonly<Record<number, string>> = { 100: 'fs_base', 101: 'gs_base' };

/** A general register by number, in full. */
export function generalRegister(number: number, wide: boolean): string {
  return wide ? (WIDE[number] ?? `r${number}`) : NARROW[number & 7]!;
}

/** Bits of an address as the instruction computes it. */
export function addressBits({ wide, addressSize }: Opcode): 64 | 32 | 16 {
  return wide ? (addressSize ? 32 : 64) : addressSize ? 16 : 32;
}

/** What a segment prefix adds; the segments without one begin at 0. */
export function segmentBase({ segment }: Opcode, read: ReadRegister): bigint {
  const name = SEGMENT_BASES[segment];
  return name === undefined ? 0n : read(name);
}

/** The whole address: segment and wrapping included. `next` is the address of the next instruction. */
export function effectiveAddress(
  code: Opcode,
  bytes: Uint8Array,
  next: Addr,
  read: ReadRegister,
): Addr {
  const offset = BigInt.asUintN(addressBits(code), offsetOf(code, bytes, next, read));
  return BigInt.asUintN(code.wide ? 64 : 32, segmentBase(code, read) + offset);
}

function offsetOf(code: Opcode, bytes: Uint8Array, next: Addr, read: ReadRegister): bigint {
  const bits = addressBits(code);
  const mode = code.modrm >> 6;
  const base = code.modrm & 7;
  if (isPlainOffset(code)) return numberAt(bytes, code.at, bits / 8);
  if (bits === 16) return pairOf(code, bytes, read);
  const register = (number: number): bigint => read(generalRegister(number, code.wide));
  if (base === STACK) return indexed(code, bytes, register);
  const after = code.at + 1;
  if (mode === 0 && base === BASE) {
    const relative = code.wide ? next : 0n;
    return relative + signedAt(bytes, after, 4);
  }
  return register(base | ((code.rex & 1) << 3)) + displacement(mode, bytes, after);
}

/** Base, index and scale. */
function indexed(
  { modrm, sib, rex, at }: Opcode,
  bytes: Uint8Array,
  register: (number: number) => bigint,
): bigint {
  const mode = modrm >> 6;
  const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
  const scaled = index === STACK ? 0n : register(index) << BigInt(sib >> 6);
  const after = at + 2;
  if ((sib & 7) === BASE && mode === 0) return scaled + signedAt(bytes, after, 4);
  const base = (sib & 7) | ((rex & 1) << 3);
  return register(base) + scaled + displacement(mode, bytes, after);
}

function pairOf({ modrm, at }: Opcode, bytes: Uint8Array, read: ReadRegister): bigint {
  const mode = modrm >> 6;
  const after = at + 1;
  if (mode === 0 && (modrm & 7) === 6) return signedAt(bytes, after, 2);
  const sum = PAIRS[modrm & 7]!.reduce((all, name) => all + read(name), 0n);
  return sum + (mode === 2 ? signedAt(bytes, after, 2) : displacement(mode, bytes, after));
}

function displacement(mode: number, bytes: Uint8Array, at: number): bigint {
  return mode === 1 ? signedAt(bytes, at, 1) : mode === 2 ? signedAt(bytes, at, 4) : 0n;
}

function signedAt(bytes: Uint8Array, at: number, length: number): bigint {
  return BigInt.asIntN(8 * length, numberAt(bytes, at, length));
}

/** Little endian; what is missing reads as 0. */
export function numberAt(bytes: Uint8Array, at: number, length: number): bigint {
  return bytes.subarray(at, at + length).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}
