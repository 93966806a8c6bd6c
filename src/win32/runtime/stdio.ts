/**
 * msvcrt: streams. What the program puts character by character gathers in the stream's buffer, in the guest's own
 * memory; everything else goes out at once, after what is in the buffer.
 */
import { Struct } from '../../base/struct.js';
import { readFrom, writeTo } from '../api/files.js';
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import type { HandleObject } from '../process/handles.js';
import { latinBytes, latinText } from '../process/memory-io.js';
import type { Win32Process } from '../process/process.js';
import { type FormatArguments, format } from './format.js';
import { dataAddress } from './iob.js';
import { descriptorOffset, fileBytes, fileSize, STREAMS } from './stdio-files.js';

const EOF = -1;
const MAX_TRANSFER = 64 << 20;
/** Handles of descriptors 0, 1 and 2; others are handles themselves. */
const STANDARD = [0x10, 0x14, 0x18];

function objectOf(
  { process }: { readonly process: Win32Process },
  descriptor: number,
): HandleObject | undefined {
  return process.handles.get(STANDARD[descriptor] ?? descriptor);
}

/** Writes what the buffer of a stream holds. `_cnt` is 0 afterwards: the next character asks for room. */
export function flushStream(process: Win32Process, stream: bigint): void {
  const { word, memory } = process;
  const fields = memory.tryRead(stream, 2 * word + 8);
  if (fields === undefined) return;
  const file = new Struct(fields);
  const [next, base] = [file.word(0, word), file.word(word === 8 ? 16 : 8, word)];
  if (base === 0n || next <= base || next - base > BigInt(BUFFER_BYTES)) return;
  const bytes = memory.tryRead(base, Number(next - base));
  file.setWord(0, word, base).setU32(word, 0);
  memory.tryWrite(stream, file.bytes.subarray(0, word + 4));
  if (bytes === undefined) return;
  const descriptor = memory.u32(stream + descriptorOffset(word));
  write({ process }, objectOf({ process }, descriptor), bytes);
}

/** stdin, stdout and stderr; streams of files the program opened are written at each call. */
export function flushAll(process: Win32Process): void {
  const iob = dataAddress(process, '_iob');
  if (process.modules.find('msvcrt.dll') === undefined) return;
  for (let index = 1; index < STREAMS; index++) {
    flushStream(process, iob + BigInt(index * fileSize(process.word)));
  }
}

/** A character for which there was no room: stdout gets a buffer, others are written at once. */
function putCharacter(call: ApiCall, at: number): number {
  const { process, memory } = call;
  const { word } = process;
  const stream = call.word(at);
  const character = call.dword(0) & 0xff;
  const object = streamObject(call, at);
  if (object === undefined) return EOF;
  const buffered = object.kind === 'output' && object.fd === 1;
  if (!buffered) {
    memory.setU32(stream + BigInt(word), 0);
    return write(call, object, Uint8Array.of(character)) === 1 ? character : EOF;
  }
  const base = process.datum(`buffer ${stream}`, () => new Uint8Array(BUFFER_BYTES));
  const file = new Struct(word + 4).setWord(0, word, base + 1n).setU32(word, BUFFER_BYTES - 1);
  memory.write(stream, file.bytes);
  memory.setWord(stream + (word === 8 ? 16n : 8n), base);
  memory.write(base, Uint8Array.of(character));
  return character;
}

const BUFFER_BYTES = 4096;

function streamObject(call: ApiCall, index: number): HandleObject | undefined {
  const { word } = call.process;
  const stream = call.word(index);
  flushStream(call.process, stream);
  return objectOf(call, call.memory.u32(stream + descriptorOffset(word)));
}

/** Text streams write a line end as CR and LF. */
function write(
  call: { readonly process: Win32Process },
  object: HandleObject | undefined,
  bytes: Uint8Array,
): number {
  const text = object?.kind === 'output';
  const out = text ? withCarriageReturns(bytes) : bytes;
  const written = writeTo(call, object, out);
  return written === undefined
    ? 0
    : written >= out.length
      ? bytes.length
      : Math.min(written, bytes.length);
}

function withCarriageReturns(bytes: Uint8Array): Uint8Array {
  const lines = bytes.reduce((sum, byte) => sum + (byte === 10 ? 1 : 0), 0);
  if (lines === 0) return bytes;
  const out = new Uint8Array(bytes.length + lines);
  let at = 0;
  for (const byte of bytes) {
    if (byte === 10) out[at++] = 13;
    out[at++] = byte;
  }
  return out;
}

/** Arguments of a va_list, or those behind the named ones. */
function argumentsFrom(call: ApiCall, next: (words: number) => bigint): FormatArguments {
  const { wide, memory } = { wide: call.process.wide, memory: call.memory };
  const long = (): bigint => (wide ? next(1) : next(2));
  return {
    word: () => next(1),
    long,
    double: () => {
      const bytes = new Struct(8).setU64(0, long()).bytes;
      return new DataView(bytes.buffer).getFloat64(0, true);
    },
    text: (address, isWide, limit) =>
      memory.text(address, isWide, limit === undefined ? undefined : limit * (isWide ? 2 : 1)),
    store: (address, count) => memory.setU32(address, count),
    pointerDigits: wide ? 16 : 8,
  };
}

function variadic(call: ApiCall): FormatArguments {
  let index = 0;
  return argumentsFrom(call, (words) => {
    const low = call.variadic(index);
    const value = words === 2 ? low | (call.variadic(index + 1) << 32n) : low;
    index += words;
    return value;
  });
}

function vaList(call: ApiCall, at: number): FormatArguments {
  const { word } = call.process;
  let address = call.word(at);
  return argumentsFrom(call, (words) => {
    const low = call.memory.word(address);
    const value = words === 2 ? low | (call.memory.word(address + 4n) << 32n) : low;
    address += BigInt(words * word);
    return value;
  });
}

function formatted(call: ApiCall, at: number, args: FormatArguments): string {
  return format(latinText(call.memory.stringBytes(call.word(at), 1) ?? new Uint8Array()), args);
}

function standardOutput(call: ApiCall): HandleObject | undefined {
  flushAll(call.process);
  return objectOf(call, 1);
}

function print(call: ApiCall, object: HandleObject | undefined, text: string): number {
  write(call, object, latinBytes(text, false));
  return text.length;
}

/** _snprintf's contract: -1 when it did not fit; the terminator only when there is room for it. */
function intoBuffer(call: ApiCall, room: number | undefined, text: string): number {
  const bytes = latinBytes(text);
  if (room === undefined || bytes.length <= room) {
    call.memory.write(call.word(0), bytes);
    return text.length;
  }
  call.memory.write(call.word(0), bytes.subarray(0, room));
  return text.length === room ? room : -1;
}

function getCharacter(call: ApiCall): number {
  const byte = readFrom(call, streamObject(call, 0), 1)?.[0];
  return byte ?? EOF;
}

function transfer(call: ApiCall, writes: boolean): number {
  const [size, count] = [Number(call.word(1)), Number(call.word(2))];
  const length = size * count;
  if (length === 0) return 0;
  if (length > MAX_TRANSFER) return 0;
  const object = streamObject(call, 3);
  if (writes) {
    const bytes = call.memory.read(call.word(0), length);
    return Math.floor(write(call, object, bytes) / size);
  }
  const bytes = readFrom(call, object, length) ?? new Uint8Array();
  call.memory.write(call.word(0), bytes);
  return Math.floor(bytes.length / size);
}

function open(call: ApiCall): bigint {
  const { process } = call;
  const [path, mode] = [call.text(0), call.text(1)];
  if (path === undefined || mode === undefined) return 0n;
  const writes = /[wa+]/.test(mode);
  const known = process.system.files.find(path);
  if (known === undefined && !/[wa]/.test(mode)) return 0n;
  const file = known ?? process.system.files.create(path);
  if (file === undefined) return 0n;
  if (mode.startsWith('w')) file.resize(0);
  const handle = process.handles.add({
    kind: 'file',
    file,
    access: 0x8000_0000 | (writes ? 0x4000_0000 : 0),
    position: mode.startsWith('a') ? file.length : 0,
  });
  const address = handle === undefined ? undefined : process.allocate(64);
  if (handle === undefined || address === undefined) return 0n;
  call.memory.write(address, fileBytes(process.word, handle));
  return address;
}

export const stdioApi: ApiSet = {
  __iob_func: cdecl('', (call) => dataAddress(call.process, '_iob')),
  printf: cdecl('str format', (call) =>
    print(call, standardOutput(call), formatted(call, 0, variadic(call))),
  ),
  fprintf: cdecl('ptr stream, str format', (call) =>
    print(call, streamObject(call, 0), formatted(call, 1, variadic(call))),
  ),
  vprintf: cdecl('str format, ptr arguments', (call) =>
    print(call, standardOutput(call), formatted(call, 0, vaList(call, 1))),
  ),
  vfprintf: cdecl('ptr stream, str format, ptr arguments', (call) =>
    print(call, streamObject(call, 0), formatted(call, 1, vaList(call, 2))),
  ),
  sprintf: cdecl('out buffer, str format', (call) =>
    intoBuffer(call, undefined, formatted(call, 1, variadic(call))),
  ),
  vsprintf: cdecl('out buffer, str format, ptr arguments', (call) =>
    intoBuffer(call, undefined, formatted(call, 1, vaList(call, 2))),
  ),
  _snprintf: cdecl('out buffer, size count, str format', (call) =>
    intoBuffer(call, Number(call.word(1)), formatted(call, 2, variadic(call))),
  ),
  _vsnprintf: cdecl('out buffer, size count, str format, ptr arguments', (call) =>
    intoBuffer(call, Number(call.word(1)), formatted(call, 2, vaList(call, 3))),
  ),
  puts: cdecl('str text', (call) => {
    print(call, standardOutput(call), `${formattedText(call, 0)}\n`);
    return 0n;
  }),
  fputs: cdecl('str text, ptr stream', (call) => {
    print(call, streamObject(call, 1), formattedText(call, 0));
    return 0n;
  }),
  putchar: cdecl('int character', (call) => {
    print(call, standardOutput(call), String.fromCharCode(call.dword(0) & 0xff));
    return call.dword(0) & 0xff;
  }),
  fputc: cdecl('int character, ptr stream', (call) => putCharacter(call, 1)),
  putc: cdecl('int character, ptr stream', (call) => putCharacter(call, 1)),
  getc: cdecl('ptr stream', getCharacter),
  fgetc: cdecl('ptr stream', getCharacter),
  ungetc: cdecl('int character, ptr stream', (call) => {
    const object = streamObject(call, 1);
    if (object?.kind !== 'file' || object.position === 0) return EOF;
    object.position--;
    return call.dword(0);
  }),
  fwrite: cdecl('ptr buffer, size size, size count, ptr stream', (call) => transfer(call, true)),
  fread: cdecl('out buffer, size size, size count, ptr stream', (call) => transfer(call, false)),
  fflush: cdecl('ptr stream', (call) => {
    if (call.word(0) === 0n) flushAll(call.process);
    else flushStream(call.process, call.word(0));
    return 0n;
  }),
  setvbuf: cdecl('ptr stream, ptr buffer, int mode, size size', () => 0n),
  fopen: cdecl('str path, str mode', open),
  fclose: cdecl('ptr stream', (call) => {
    const { word } = call.process;
    call.process.handles.close(call.memory.u32(call.word(0) + descriptorOffset(word)));
    return 0n;
  }),
  _fileno: cdecl('ptr stream', (call) =>
    call.memory.u32(call.word(0) + descriptorOffset(call.process.word)),
  ),
  _write: cdecl('int descriptor, ptr buffer, dword count', (call) => {
    const bytes = call.memory.read(call.word(1), Math.min(call.dword(2), MAX_TRANSFER));
    const object = objectOf(call, call.int(0));
    return object === undefined ? EOF : write(call, object, bytes);
  }),
  _read: cdecl('int descriptor, out buffer, dword count', (call) => {
    const bytes = readFrom(
      call,
      objectOf(call, call.int(0)),
      Math.min(call.dword(2), MAX_TRANSFER),
    );
    if (bytes === undefined) return EOF;
    call.memory.write(call.word(1), bytes);
    return bytes.length;
  }),
  _isatty: cdecl('int descriptor', () => 0n),
};

function formattedText(call: ApiCall, at: number): string {
  return latinText(call.memory.stringBytes(call.word(at), 1) ?? new Uint8Array());
}
