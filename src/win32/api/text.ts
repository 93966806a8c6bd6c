/** kernel32: code pages and strings. The code page of this system is 1252, of one byte per character. */
import { ERROR } from '../../abi/windows/status.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { wideBytes, wideText } from '../process/memory-io.js';

const CP_UTF8 = 65001;
const MAX_TEXT = 1 << 20;

/** Bytes of an argument whose length may be -1: with its terminator. */
function source(call: ApiCall, at: number, length: number, unit: 1 | 2): Uint8Array | undefined {
  if (length >= 0) return call.memory.tryRead(call.word(at), Math.min(length, MAX_TEXT) * unit);
  const bytes = call.memory.stringBytes(call.word(at), unit);
  if (bytes === undefined) return undefined;
  const whole = new Uint8Array(bytes.length + unit);
  whole.set(bytes);
  return whole;
}

function toWide(call: ApiCall): bigint {
  const bytes = source(call, 2, call.int(3), 1);
  if (bytes === undefined || call.int(3) === 0) return call.fail(ERROR.INVALID_PARAMETER);
  const utf8 = call.dword(0) === CP_UTF8;
  const text = new TextDecoder(utf8 ? 'utf-8' : 'windows-1252').decode(bytes);
  const room = call.int(5);
  if (room === 0) return BigInt(text.length);
  if (room < text.length) return call.fail(ERROR.INSUFFICIENT_BUFFER);
  call.memory.write(call.word(4), wideBytes(text, false));
  return BigInt(text.length);
}

function toBytes(call: ApiCall): bigint {
  const bytes = source(call, 2, call.int(3), 2);
  if (bytes === undefined || call.int(3) === 0) return call.fail(ERROR.INVALID_PARAMETER);
  const text = wideText(bytes);
  const encoded =
    call.dword(0) === CP_UTF8 ? new TextEncoder().encode(text) : Uint8Array.from(text, oneByte);
  const room = call.int(5);
  if (room === 0) return BigInt(encoded.length);
  if (room < encoded.length) return call.fail(ERROR.INSUFFICIENT_BUFFER);
  call.memory.write(call.word(4), encoded);
  return BigInt(encoded.length);
}

function oneByte(letter: string): number {
  const code = letter.charCodeAt(0);
  return code < 256 ? code : 0x3f;
}

function measure(call: ApiCall, unit: 1 | 2): number {
  const bytes = call.word(0) === 0n ? undefined : call.memory.stringBytes(call.word(0), unit);
  return (bytes?.length ?? 0) / unit;
}

export const textApi: ApiSet = {
  MultiByteToWideChar: api(
    'dword CodePage, flags dwFlags, ptr lpMultiByteStr, int cbMultiByte, out lpWideCharStr, int cchWideChar',
    toWide,
  ),
  WideCharToMultiByte: api(
    'dword CodePage, flags dwFlags, ptr lpWideCharStr, int cchWideChar, out lpMultiByteStr, int cbMultiByte, str lpDefaultChar, out lpUsedDefaultChar',
    toBytes,
  ),
  IsDBCSLeadByteEx: api('dword CodePage, dword TestChar', () => 0n),
  IsDBCSLeadByte: api('dword TestChar', () => 0n),
  GetACP: api('', () => 1252n),
  GetOEMCP: api('', () => 437n),
  lstrlenA: api('str lpString', (call) => measure(call, 1)),
  lstrlenW: api('wstr lpString', (call) => measure(call, 2)),
};
