/** Numbers in text: strtol, strtod and their relations, and back. */
import { Struct } from '../../base/struct.js';
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { latinBytes, wideBytes } from '../process/memory-io.js';
import { ERANGE, setErrno } from './errors.js';
import { textAt } from './stdio.js';

export interface Parsed<T> {
  readonly value: T;
  /** Characters used; 0: there is no number. */
  readonly length: number;
}

/** A number of any size: sign and prefix as strtol reads them. */
export function parseInteger(text: string, radix: number): Parsed<bigint> {
  const match = /^[ \t\n\v\f\r]*([+-]?)(0[xX](?=[0-9a-fA-F]))?/.exec(text)!;
  const hex = match[2] !== undefined && (radix === 0 || radix === 16);
  const start = match[0].length - (match[2] !== undefined && !hex ? 2 : 0);
  const base = radix !== 0 ? radix : hex ? 16 : text[start] === '0' ? 8 : 10;
  let at = start;
  let value = 0n;
  // What is longer than any number is out of range, whatever follows.
  let isInRange = true;
  for (; at < text.length; at++) {
    const next = digit(text.charCodeAt(at));
    if (next >= base) break;
    if (!isInRange) continue;
    value = value * BigInt(base) + BigInt(next);
    isInRange = value < 1n << 80n;
  }
  return { value: match[1] === '-' ? -value : value, length: at === start ? 0 : at };
}

function digit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return code < 0x80 && letter >= 0x61 && letter <= 0x7a ? letter - 0x61 + 10 : 99;
}

export function parseReal(text: string): Parsed<number> {
  const match = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?/.exec(text);
  if (match === null) return { value: 0, length: 0 };
  return { value: Number(match[0].trim().replace(/[dD]/, 'e')), length: match[0].length };
}

export function doubleBits(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value, true);
  return new Struct(new Uint8Array(view.buffer)).u64(0);
}

interface Width {
  readonly bits: 32 | 64;
  readonly signed: boolean;
}

/** The end is told, what does not fit is the nearest that does, with ERANGE. */
function integer(call: ApiCall, unit: 1 | 2, { bits, signed }: Width): bigint {
  const { value, length } = parseInteger(textAt(call, 0, unit), call.int(2));
  tellEnd(call, length, unit);
  const most = signed ? (1n << BigInt(bits - 1)) - 1n : (1n << BigInt(bits)) - 1n;
  const least = signed ? -most - 1n : -most;
  if (value > most || value < least) {
    setErrno(call.process, ERANGE);
    return value > most ? most : signed ? least : most;
  }
  return BigInt.asUintN(bits, value);
}

function tellEnd(call: ApiCall, length: number, unit: 1 | 2): void {
  if (call.word(1) !== 0n) call.memory.setWord(call.word(1), call.word(0) + BigInt(length * unit));
}

function real(call: ApiCall, unit: 1 | 2): bigint {
  const { value, length } = parseReal(textAt(call, 0, unit));
  tellEnd(call, length, unit);
  if (!Number.isFinite(value)) setErrno(call.process, ERANGE);
  return doubleBits(value);
}

const plain = (unit: 1 | 2, bits: 32 | 64) => (call: ApiCall) =>
  BigInt.asIntN(bits, parseInteger(textAt(call, 0, unit), 10).value);
const plainReal = (unit: 1 | 2) => (call: ApiCall) =>
  doubleBits(parseReal(textAt(call, 0, unit)).value);

/** itoa and its relations: only a decimal number has a sign. */
function toText(call: ApiCall, value: bigint, bits: number, signed: boolean, unit: 1 | 2): bigint {
  const radix = call.int(2);
  if (radix < 2 || radix > 36) return 0n;
  const shown = signed && radix === 10 ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  const text = shown.toString(radix);
  call.memory.write(call.word(1), unit === 1 ? latinBytes(text) : wideBytes(text));
  return call.word(1);
}

const LONG: Width = { bits: 32, signed: true };
const ULONG: Width = { bits: 32, signed: false };
const INT64: Width = { bits: 64, signed: true };
const UINT64: Width = { bits: 64, signed: false };
const TEXT = 'str text, out end, int radix';
const WIDE_TEXT = 'wstr text, out end, int radix';
const BACK = 'int value, out text, int radix';
const BACK_64 = 'u64 value, out text, int radix';

export const numbersApi: ApiSet = {
  strtol: cdecl(TEXT, (call) => integer(call, 1, LONG)),
  strtoul: cdecl(TEXT, (call) => integer(call, 1, ULONG)),
  wcstol: cdecl(WIDE_TEXT, (call) => integer(call, 2, LONG)),
  wcstoul: cdecl(WIDE_TEXT, (call) => integer(call, 2, ULONG)),
  _strtoi64: cdecl(TEXT, (call) => integer(call, 1, INT64), 'u64'),
  _strtoui64: cdecl(TEXT, (call) => integer(call, 1, UINT64), 'u64'),
  _wcstoi64: cdecl(WIDE_TEXT, (call) => integer(call, 2, INT64), 'u64'),
  _wcstoui64: cdecl(WIDE_TEXT, (call) => integer(call, 2, UINT64), 'u64'),
  strtod: cdecl('str text, out end', (call) => real(call, 1), 'f64'),
  wcstod: cdecl('wstr text, out end', (call) => real(call, 2), 'f64'),
  atoi: cdecl('str text', plain(1, 32)),
  atol: cdecl('str text', plain(1, 32)),
  _atoi64: cdecl('str text', plain(1, 64), 'u64'),
  _wtoi: cdecl('wstr text', plain(2, 32)),
  _wtol: cdecl('wstr text', plain(2, 32)),
  _wtoi64: cdecl('wstr text', plain(2, 64), 'u64'),
  atof: cdecl('str text', plainReal(1), 'f64'),
  _wtof: cdecl('wstr text', plainReal(2), 'f64'),
  _itoa: cdecl(BACK, (call) => toText(call, BigInt(call.int(0)), 32, true, 1)),
  _ltoa: cdecl(BACK, (call) => toText(call, BigInt(call.int(0)), 32, true, 1)),
  _ultoa: cdecl(BACK, (call) => toText(call, BigInt(call.dword(0)), 32, false, 1)),
  _itow: cdecl(BACK, (call) => toText(call, BigInt(call.int(0)), 32, true, 2)),
  _ltow: cdecl(BACK, (call) => toText(call, BigInt(call.int(0)), 32, true, 2)),
  _ultow: cdecl(BACK, (call) => toText(call, BigInt(call.dword(0)), 32, false, 2)),
  _i64toa: cdecl(BACK_64, (call) => toText(call, call.u64(0), 64, true, 1)),
  _ui64toa: cdecl(BACK_64, (call) => toText(call, call.u64(0), 64, false, 1)),
};
