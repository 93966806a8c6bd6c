/**
 * Epilogues of 64-bit functions, which no unwind code describes: their shape is fixed, so that code is recognised as
 * one. An optional `add rsp` or `lea rsp`, pops, and a return or a jump out of the function. No handler is asked for an
 * exception in one. Microsoft, "x64 prolog and epilog"; compared with what Wine 8.0 takes for one.
 */
import { Struct } from '../../base/struct.js';
import type { PeRuntimeFunction, ReadAtRva } from './unwind-info.js';

const RSP = 4;

/** What is left of an epilogue. Registers by Windows' numbers. */
export interface Epilogue {
  /** The stack pointer becomes this register's value plus `offset`. */
  readonly register: number;
  readonly offset: number;
  readonly pops: readonly number[];
}

/** `rva`: of the next instruction. Undefined: it begins no epilogue. */
export function epilogueAt(
  read: ReadAtRva,
  rva: number,
  { begin, end }: PeRuntimeFunction,
  frameRegister: number,
): Epilogue | undefined {
  // Longest: lea with 7 bytes, 16 pops of 2 bytes, a jump.
  const code = bytesFrom(read, rva, Math.min(48, end - rva));
  const byte = (at: number): number => code.bytes[at] ?? 0;
  const adjusted = adjustment(code, frameRegister);
  let at = adjusted?.length ?? 0;
  const pops: number[] = [];
  for (; ; at++) {
    const rex = (byte(at) & 0xf0) === 0x40 ? byte(at) : undefined;
    const opcode = byte(rex === undefined ? at : at + 1);
    if ((opcode & 0xf8) !== 0x58) break;
    pops.push((opcode & 7) + ((rex ?? 0) & 1) * 8);
    if (rex !== undefined) at++;
  }
  const leaves = (length: number, distance: number): boolean => {
    const target = rva + at + length + distance;
    return target < begin || target >= end;
  };
  const isEnd =
    byte(at) === 0xc3 ||
    byte(at) === 0xc2 ||
    (byte(at) === 0xf3 && byte(at + 1) === 0xc3) ||
    (byte(at) === 0xeb &&
      at + 2 <= code.bytes.length &&
      leaves(2, (code.bytes[at + 1]! << 24) >> 24)) ||
    (byte(at) === 0xe9 && at + 5 <= code.bytes.length && leaves(5, code.i32(at + 1))) ||
    isJumpThroughMemory(byte(at), byte(at + 1), byte(at + 2));
  if (!isEnd) return undefined;
  return { register: adjusted?.register ?? RSP, offset: adjusted?.offset ?? 0, pops };
}

function bytesFrom(read: ReadAtRva, rva: number, length: number): Struct {
  for (let count = length; count > 0; count--) {
    const bytes = read(rva, count);
    if (bytes !== undefined) return new Struct(bytes);
  }
  return new Struct(0);
}

/** jmp [memory], with REX.W or without, of the addressing modes that an epilogue may have. */
function isJumpThroughMemory(first: number, second: number, third: number): boolean {
  const [opcode, modrm] = (first & 0xf8) === 0x48 ? [second, third] : [first, second];
  return opcode === 0xff && (modrm & 0xf8) === 0x20;
}

/** add rsp, constant; lea rsp, [frame register + constant]. */
function adjustment(
  code: Struct,
  frameRegister: number,
): { readonly length: number; readonly register: number; readonly offset: number } | undefined {
  const [rex = 0, opcode = 0, modrm = 0] = code.bytes;
  const has = (length: number): boolean => code.bytes.length >= length;
  if (rex === 0x48 && opcode === 0x83 && modrm === 0xc4 && has(4)) {
    return { length: 4, register: RSP, offset: (code.u8(3) << 24) >> 24 };
  }
  if (rex === 0x48 && opcode === 0x81 && modrm === 0xc4 && has(7)) {
    return { length: 7, register: RSP, offset: code.i32(3) };
  }
  const base = (modrm & 7) + (rex & 1) * 8;
  const isFrame = frameRegister !== 0 && base === frameRegister && (modrm & 7) !== RSP;
  if ((rex & 0xfe) !== 0x48 || opcode !== 0x8d || ((modrm >> 3) & 7) !== RSP || !isFrame) {
    return undefined;
  }
  if (modrm >> 6 === 1 && has(4)) {
    return { length: 4, register: base, offset: (code.u8(3) << 24) >> 24 };
  }
  return modrm >> 6 === 2 && has(7)
    ? { length: 7, register: base, offset: code.i32(3) }
    : undefined;
}
