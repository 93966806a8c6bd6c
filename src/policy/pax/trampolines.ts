/**
 * EMUTRAMP: code sequences that PaX recognises at a refused fetch and carries out itself, so that
 * nested functions of gcc and closures of libffi work on a stack or heap that cannot execute.
 * PaX 4.9 arch/x86/mm/fault.c:pax_handle_fetch_fault_32(), pax_handle_fetch_fault_64(). Bytes that
 * cannot be read match nothing.
 */
import type { Addr } from '../../base/address.js';
import type { TrampolineEmulator, TrampolineResult } from '../effects.js';

type ByteAt = (address: Addr) => number | undefined;

/** Reads `size` bytes at pc + offset, little-endian. */
type Peek = (offset: number, size: number) => bigint | undefined;

interface Pattern {
  readonly name: string;
  readonly length: number;
  match(peek: Peek, pc: Addr): Omit<TrampolineResult, 'name'> | undefined;
}

const MASK32 = 0xffff_ffffn;

/** True when the bytes at `offset` are exactly these. */
function at(peek: Peek, offset: number, ...bytes: readonly number[]): boolean {
  return bytes.every((byte, index) => peek(offset + index, 1) === BigInt(byte));
}

/** jmp rel32 that ends at pc + 10. */
function jump32(pc: Addr, relative: bigint): Addr {
  return (pc + relative + 10n) & MASK32;
}

const PATTERNS_32: readonly Pattern[] = [
  {
    name: 'libffi',
    length: 10,
    match(peek, pc) {
      if (!at(peek, 0, 0xb8) || !at(peek, 5, 0xe9)) return undefined;
      return { registers: { eax: peek(1, 4)! }, pc: jump32(pc, peek(6, 4)!) };
    },
  },
  {
    name: 'gcc 1',
    length: 12,
    match(peek) {
      if (!at(peek, 0, 0xb9) || !at(peek, 5, 0xb8) || !at(peek, 10, 0xff, 0xe0)) return undefined;
      const target = peek(6, 4)!;
      return { registers: { ecx: peek(1, 4)!, eax: target }, pc: target };
    },
  },
  {
    name: 'gcc 2',
    length: 10,
    match(peek, pc) {
      if (!at(peek, 0, 0xb9) || !at(peek, 5, 0xe9)) return undefined;
      return { registers: { ecx: peek(1, 4)! }, pc: jump32(pc, peek(6, 4)!) };
    },
  },
];

const PATTERNS_64: readonly Pattern[] = [
  {
    name: 'libffi',
    length: 24,
    match(peek) {
      const flag = peek(20, 1);
      if (!at(peek, 0, 0x49, 0xbb) || !at(peek, 10, 0x49, 0xba)) return undefined;
      if ((flag !== 0xf8n && flag !== 0xf9n) || !at(peek, 21, 0x49, 0xff, 0xe3)) return undefined;
      const target = peek(2, 8)!;
      return { registers: { r11: target, r10: peek(12, 8)! }, pc: target, carry: flag === 0xf9n };
    },
  },
  {
    name: 'gcc 1',
    length: 19,
    match(peek) {
      if (!at(peek, 0, 0x41, 0xbb) || !at(peek, 6, 0x49, 0xba)) return undefined;
      if (!at(peek, 16, 0x49, 0xff, 0xe3)) return undefined;
      const target = peek(2, 4)!;
      return { registers: { r11: target, r10: peek(8, 8)! }, pc: target };
    },
  },
  {
    name: 'gcc 2',
    length: 23,
    match(peek) {
      if (!at(peek, 0, 0x49, 0xbb) || !at(peek, 10, 0x49, 0xba)) return undefined;
      if (!at(peek, 20, 0x49, 0xff, 0xe3)) return undefined;
      const target = peek(2, 8)!;
      return { registers: { r11: target, r10: peek(12, 8)! }, pc: target };
    },
  },
];

export const emulateGccAndLibffi: TrampolineEmulator = (arch, pc, byteAt) => {
  const patterns = arch === 'i386' ? PATTERNS_32 : PATTERNS_64;
  const top = arch === 'i386' ? 1n << 32n : 1n << 64n;
  for (const pattern of patterns) {
    // Code that wraps round the top of the address space is left alone.
    if (pc + BigInt(pattern.length) > top || !readable(byteAt, pc, pattern.length)) continue;
    const result = pattern.match(peekAt(byteAt, pc), pc);
    if (result !== undefined) return { ...result, name: pattern.name };
  }
  return undefined;
};

function readable(byteAt: ByteAt, pc: Addr, length: number): boolean {
  for (let i = 0; i < length; i++) if (byteAt(pc + BigInt(i)) === undefined) return false;
  return true;
}

function peekAt(byteAt: ByteAt, pc: Addr): Peek {
  return (offset, size) => {
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) {
      const byte = byteAt(pc + BigInt(offset + i));
      if (byte === undefined) return undefined;
      value = (value << 8n) | BigInt(byte);
    }
    return value;
  };
}
