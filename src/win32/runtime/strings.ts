/** msvcrt: strings, memory, numbers. */
import type { Addr } from '../../base/address.js';
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { latinBytes, latinText } from '../process/memory-io.js';

const MAX_BLOCK = 1 << 30;
const ERANGE = 34;

function bytesAt(call: ApiCall, index: number, unit: 1 | 2 = 1): Uint8Array {
  const address = call.word(index);
  const bytes = call.memory.stringBytes(address, unit);
  // Where the string cannot be read, the look at its first byte faults.
  return bytes ?? call.memory.read(address, 1);
}

function textAt(call: ApiCall, index: number): string {
  return latinText(bytesAt(call, index));
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const difference = a[index]! - b[index]!;
    if (difference !== 0) return Math.sign(difference);
  }
  return Math.sign(a.length - b.length);
}

function copy(call: ApiCall): bigint {
  const length = Number(call.word(2));
  if (length > 0)
    call.memory.write(call.word(0), call.memory.read(call.word(1), Math.min(length, MAX_BLOCK)));
  return call.word(0);
}

function allocate(call: ApiCall, size: bigint, zero: boolean): bigint {
  const { heaps, space } = call.process;
  const address = heaps.allocate(heaps.process, size);
  if (address === undefined) return 0n;
  if (zero) space.vm.pages.poke(address, new Uint8Array(Number(size)));
  return address;
}

function reallocate(call: ApiCall): bigint {
  const { heaps, space } = call.process;
  const [old, size] = [call.word(0), call.word(1)];
  if (old === 0n) return allocate(call, size, false);
  if (size === 0n) {
    heaps.release(heaps.process, old);
    return 0n;
  }
  const before = heaps.sizeOf(heaps.process, old);
  if (before === undefined) return 0n;
  if (heaps.resize(heaps.process, old, size)) return old;
  const moved = heaps.allocate(heaps.process, size);
  if (moved === undefined) return 0n;
  const bytes = space.vm.pages.peek(old, Number(before < size ? before : size));
  if (bytes !== undefined) space.vm.pages.poke(moved, bytes);
  heaps.release(heaps.process, old);
  return moved;
}

/** Digits of a base, and where they end. */
function parseNumber(call: ApiCall, isSigned: boolean): bigint {
  const text = textAt(call, 0);
  const radix = call.int(2);
  const match = /^[ \t\n\v\f\r]*([+-]?)(0[xX](?=[0-9a-fA-F]))?/.exec(text)!;
  const hex = match[2] !== undefined && (radix === 0 || radix === 16);
  let at = match[0].length - (match[2] !== undefined && !hex ? 2 : 0);
  const base = radix !== 0 ? radix : hex ? 16 : text[at] === '0' ? 8 : 10;
  const start = at;
  let value = 0n;
  while (at < text.length && digit(text[at]!) < base) {
    value = value * BigInt(base) + BigInt(digit(text[at]!));
    at++;
  }
  if (call.word(1) !== 0n) {
    call.memory.setWord(call.word(1), call.word(0) + BigInt(at === start ? 0 : at));
  }
  const negative = match[1] === '-' ? -value : value;
  const most = isSigned ? 0x7fff_ffffn : 0xffff_ffffn;
  if (value > most) {
    call.memory.setU32(
      call.process.datum('errno', () => new Uint8Array(4)),
      ERANGE,
    );
    return isSigned && match[1] === '-' ? -0x8000_0000n : most;
  }
  return BigInt.asUintN(32, negative);
}

function digit(letter: string): number {
  const code = Number.parseInt(letter, 36);
  return Number.isNaN(code) ? 99 : code;
}

function found(call: ApiCall, index: number): bigint {
  return index < 0 ? 0n : call.word(0) + BigInt(index);
}

/** struct lconv: ten strings, then bytes. */
function localeConventions(call: ApiCall): Addr {
  const { process } = call;
  const empty = process.datum('lconv empty', () => latinBytes(''));
  const point = process.datum('lconv point', () => latinBytes('.'));
  return process.datum('lconv', () => {
    const { word } = process;
    const bytes = new Uint8Array(10 * word + 8).fill(127, 10 * word);
    const view = new DataView(bytes.buffer);
    for (let index = 0; index < 10; index++) {
      const value = index === 0 ? point : empty;
      if (word === 8) view.setBigUint64(index * 8, value, true);
      else view.setUint32(index * 4, Number(value), true);
    }
    return bytes;
  });
}

const ERRORS: Readonly<Record<number, string>> = {
  0: 'No error',
  2: 'No such file or directory',
  12: 'Not enough space',
  13: 'Permission denied',
  22: 'Invalid argument',
  34: 'Result too large',
};

export const stringsApi: ApiSet = {
  malloc: cdecl('size size', (call) => allocate(call, call.word(0), false)),
  calloc: cdecl('size count, size size', (call) =>
    allocate(call, call.word(0) * call.word(1), true),
  ),
  realloc: cdecl('ptr memory, size size', reallocate),
  free: cdecl('ptr memory', (call) => {
    const { heaps } = call.process;
    heaps.release(heaps.process, call.word(0));
    return 0n;
  }),
  memcpy: cdecl('ptr to, ptr from, size count', copy),
  memmove: cdecl('ptr to, ptr from, size count', copy),
  memset: cdecl('ptr to, int value, size count', (call) => {
    const length = Math.min(Number(call.word(2)), MAX_BLOCK);
    if (length > 0) call.memory.write(call.word(0), new Uint8Array(length).fill(call.dword(1)));
    return call.word(0);
  }),
  memcmp: cdecl('ptr a, ptr b, size count', (call) => {
    const length = Math.min(Number(call.word(2)), MAX_BLOCK);
    if (length === 0) return 0n;
    return compare(call.memory.read(call.word(0), length), call.memory.read(call.word(1), length));
  }),
  memchr: cdecl('ptr memory, int value, size count', (call) => {
    const bytes = call.memory.tryRead(call.word(0), Math.min(Number(call.word(2)), MAX_BLOCK));
    return found(call, bytes?.indexOf(call.dword(1) & 0xff) ?? -1);
  }),
  strlen: cdecl('str text', (call) => bytesAt(call, 0).length),
  wcslen: cdecl('wstr text', (call) => bytesAt(call, 0, 2).length / 2),
  strcmp: cdecl('str a, str b', (call) => compare(bytesAt(call, 0), bytesAt(call, 1))),
  strcoll: cdecl('str a, str b', (call) => compare(bytesAt(call, 0), bytesAt(call, 1))),
  strncmp: cdecl('str a, str b, size count', (call) => {
    const count = Number(call.word(2));
    return compare(bytesAt(call, 0).subarray(0, count), bytesAt(call, 1).subarray(0, count));
  }),
  strcpy: cdecl('out to, str from', (call) => {
    call.memory.write(call.word(0), latinBytes(textAt(call, 1)));
    return call.word(0);
  }),
  strcat: cdecl('out to, str from', (call) => {
    const end = call.word(0) + BigInt(bytesAt(call, 0).length);
    call.memory.write(end, latinBytes(textAt(call, 1)));
    return call.word(0);
  }),
  strchr: cdecl('str text, int character', (call) => {
    const bytes = bytesAt(call, 0);
    const wanted = call.dword(1) & 0xff;
    return found(call, wanted === 0 ? bytes.length : bytes.indexOf(wanted));
  }),
  strstr: cdecl('str text, str part', (call) =>
    found(call, textAt(call, 0).indexOf(textAt(call, 1))),
  ),
  strerror: cdecl('int number', (call) => {
    const text = ERRORS[call.int(0)] ?? 'Unknown error';
    return call.process.datum(`error ${text}`, () => latinBytes(text));
  }),
  strtoul: cdecl('str text, out end, int radix', (call) => parseNumber(call, false)),
  strtol: cdecl('str text, out end, int radix', (call) => parseNumber(call, true)),
  atoi: cdecl('str text', (call) => {
    const match = /^\s*([+-]?\d+)/.exec(textAt(call, 0));
    return BigInt.asIntN(32, BigInt(match?.[1]?.replace('+', '') ?? '0'));
  }),
  localeconv: cdecl('', localeConventions),
  setlocale: cdecl('int category, str locale', (call) =>
    call.process.datum('locale C', () => latinBytes('C')),
  ),
  ___lc_codepage_func: cdecl('', () => 0n),
  ___mb_cur_max_func: cdecl('', () => 1n),
  iswctype: cdecl(
    'int character, int type',
    (call) => characterType(call.dword(0)) & call.dword(1),
  ),
  towlower: cdecl('int character', (call) =>
    String.fromCharCode(call.dword(0) & 0xffff)
      .toLowerCase()
      .charCodeAt(0),
  ),
  towupper: cdecl('int character', (call) =>
    String.fromCharCode(call.dword(0) & 0xffff)
      .toUpperCase()
      .charCodeAt(0),
  ),
};

/** Bits of ctype.h: upper 1, lower 2, digit 4, space 8, punctuation 16, control 32, blank 64, hexadecimal 128. */
function characterType(code: number): number {
  const letter = String.fromCharCode(code & 0xffff);
  if (/[A-Z]/.test(letter)) return 0x101 | (/[A-F]/.test(letter) ? 0x80 : 0);
  if (/[a-z]/.test(letter)) return 0x102 | (/[a-f]/.test(letter) ? 0x80 : 0);
  if (/[0-9]/.test(letter)) return 0x84;
  if (letter === ' ') return 0x48;
  if (/[\t-\r]/.test(letter)) return letter === '\t' ? 0x68 : 0x28;
  if (code < 32 || code === 127) return 0x20;
  return code < 127 ? 0x10 : 0;
}
