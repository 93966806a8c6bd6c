/** msvcrt: streams by character, line and block; files that a program opens. */
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { latinBytes, latinText, wideText } from '../process/memory-io.js';
import type { Win32Process } from '../process/process.js';
import { EINVAL, ENOENT, errnoAddress, errorText, setErrno } from './errors.js';
import {
  closeDescriptor,
  O_APPEND,
  O_BINARY,
  O_CREAT,
  O_RDWR,
  O_TEXT,
  O_TRUNC,
  O_WRONLY,
  openDescriptor,
} from './io.js';
import { dataAddress } from './iob.js';
import { EOF, IOEOF, IOERR, IOREAD, IORW, IOWRT, STREAMS, Stream, streamSize } from './stream.js';

const MAX_TRANSFER = 64 << 20;
const IONBF = 4;
/** More than any line that a program reads at once. */
const MAX_LINE = 1 << 20;

export function streamOf(call: ApiCall, index: number): Stream {
  return new Stream(call.process, call.word(index));
}

export function standardStream(process: Win32Process, index: number): Stream {
  const at = dataAddress(process, '_iob') + BigInt(index * streamSize(process.word));
  return new Stream(process, at);
}

/** stdout and stderr; streams of files that the program opened are written at each call. */
export function flushAll(process: Win32Process): void {
  if (process.modules.find('msvcrt.dll') === undefined) return;
  for (let index = 1; index < STREAMS; index++) standardStream(process, index).flush();
}

/** Flags of open() for a mode of fopen(). Undefined: it is none. */
export function modeFlags(mode: string): number | undefined {
  const first = mode.trimStart()[0];
  const both = mode.includes('+');
  const kind = mode.includes('b') ? O_BINARY : O_TEXT;
  switch (first) {
    case 'r':
      return kind | (both ? O_RDWR : 0);
    case 'w':
      return kind | O_CREAT | O_TRUNC | (both ? O_RDWR : O_WRONLY);
    case 'a':
      return kind | O_CREAT | O_APPEND | (both ? O_RDWR : O_WRONLY);
    default:
      return undefined;
  }
}

/** A FILE for a descriptor; 0 without memory. */
function makeStream(process: Win32Process, descriptor: number, flags: number): bigint {
  const address = process.allocate(streamSize(process.word));
  if (address === undefined) return 0n;
  const rights = flags & O_RDWR ? IORW : flags & O_WRONLY ? IOWRT : IOREAD;
  return Stream.make(process, address, descriptor, rights).address;
}

function open(call: ApiCall, wide: boolean): bigint {
  const [path, mode] = [call.text(0, wide), call.text(1, wide)];
  const flags = mode === undefined ? undefined : modeFlags(mode);
  if (path === undefined || flags === undefined) {
    setErrno(call.process, EINVAL);
    return 0n;
  }
  const descriptor = openDescriptor(call.process, path, flags);
  return descriptor === undefined ? 0n : makeStream(call.process, descriptor, flags);
}

function reopen(call: ApiCall): bigint {
  const [path, mode] = [call.text(0), call.text(1)];
  const flags = mode === undefined ? undefined : modeFlags(mode);
  const stream = streamOf(call, 2);
  stream.flush();
  if (path === undefined || flags === undefined) return 0n;
  const { process } = call;
  const number = stream.descriptor;
  closeDescriptor(process, number);
  const opened = openDescriptor(process, path, flags);
  if (opened === undefined) return 0n;
  const made = process.descriptors.remove(opened)!;
  process.descriptors.copy(made, number);
  const rights = flags & O_RDWR ? IORW : flags & O_WRONLY ? IOWRT : IOREAD;
  return Stream.make(process, call.word(2), number, rights).address;
}

function temporary(call: ApiCall): bigint {
  const { process } = call;
  const flags = O_RDWR | O_CREAT | O_TRUNC | O_BINARY;
  const path = `C:\\s${(process.nextCookie++).toString(36)}.tmp`;
  const descriptor = openDescriptor(process, path, flags);
  // As a file without a name: nobody else finds it.
  process.system.files.remove(path);
  return descriptor === undefined ? 0n : makeStream(process, descriptor, flags);
}

function close(call: ApiCall): number {
  const stream = streamOf(call, 0);
  stream.flush();
  const closed = closeDescriptor(call.process, stream.descriptor);
  stream.flags = 0;
  const { heaps } = call.process;
  heaps.release(heaps.process, call.word(0));
  return closed ? 0 : EOF;
}

function transfer(call: ApiCall, writes: boolean): number {
  const [size, count] = [Number(call.word(1)), Number(call.word(2))];
  const length = size * count;
  if (length === 0 || length > MAX_TRANSFER) return 0;
  const stream = streamOf(call, 3);
  if (writes) return Math.floor(stream.write(call.memory.read(call.word(0), length)) / size);
  const bytes = stream.read(length);
  call.memory.write(call.word(0), bytes);
  return Math.floor(bytes.length / size);
}

/** fgets and fgetws: up to a line end, which stays; undefined at the end of the file. */
function line(stream: Stream, most: number, keepsEnd: boolean): string | undefined {
  const out: number[] = [];
  while (out.length < Math.min(most, MAX_LINE)) {
    const character = stream.get();
    if (character === EOF) break;
    if (character === 10 && !keepsEnd) return latinText(Uint8Array.from(out));
    out.push(character);
    if (character === 10) break;
  }
  return out.length === 0 ? undefined : latinText(Uint8Array.from(out));
}

function wideLine(text: string): Uint8Array {
  const units = Uint16Array.from(`${text}\0`, (letter) => letter.charCodeAt(0));
  return new Uint8Array(units.buffer);
}

export function textAt(call: ApiCall, index: number, unit: 1 | 2 = 1): string {
  const address = call.word(index);
  // Where the string cannot be read, the look at its first byte faults.
  const bytes = call.memory.stringBytes(address, unit) ?? call.memory.read(address, unit);
  return unit === 1 ? latinText(bytes) : wideText(bytes);
}

function put(stream: Stream, text: string): number {
  const bytes = latinBytes(text, false);
  return stream.write(bytes) === bytes.length ? 0 : EOF;
}

function position(call: ApiCall): bigint {
  return streamOf(call, 0).tell() ?? -1n;
}

function complain(call: ApiCall): bigint {
  const { process, memory } = call;
  const text = errorText(memory.u32(errnoAddress(process)));
  const prefix = call.word(0) === 0n ? '' : textAt(call, 0);
  put(standardStream(process, 2), `${prefix === '' ? '' : `${prefix}: `}${text}\n`);
  return 0n;
}

/** A character that the shortcut in the guest left to the host. */
const putOf = (at: number) => (call: ApiCall) => streamOf(call, at).put(call.dword(0) & 0xff);
const get = (call: ApiCall) => streamOf(call, 0).get();
const unget = (call: ApiCall) => streamOf(call, 1).unget(call.int(0));
const seek = (call: ApiCall, offset: bigint, origin: number) =>
  origin <= 2 && streamOf(call, 0).seek(offset, origin) ? 0 : -1;

export const stdioApi: ApiSet = {
  __iob_func: cdecl('', (call) => dataAddress(call.process, '_iob')),
  puts: cdecl('str text', (call) => put(standardStream(call.process, 1), `${textAt(call, 0)}\n`)),
  fputs: cdecl('str text, ptr stream', (call) => put(streamOf(call, 1), textAt(call, 0))),
  fputws: cdecl('wstr text, ptr stream', (call) => put(streamOf(call, 1), textAt(call, 0, 2))),
  _putws: cdecl('wstr text', (call) =>
    put(standardStream(call.process, 1), `${textAt(call, 0, 2)}\n`),
  ),
  putchar: cdecl('int character', (call) =>
    standardStream(call.process, 1).put(call.dword(0) & 0xff),
  ),
  fputc: cdecl('int character, ptr stream', putOf(1)),
  putc: cdecl('int character, ptr stream', putOf(1)),
  fputwc: cdecl('int character, ptr stream', putOf(1)),
  putwc: cdecl('int character, ptr stream', putOf(1)),
  putwchar: cdecl('int character', (call) =>
    standardStream(call.process, 1).put(call.dword(0) & 0xff),
  ),
  getc: cdecl('ptr stream', get),
  fgetc: cdecl('ptr stream', get),
  getchar: cdecl('', (call) => standardStream(call.process, 0).get()),
  getwc: cdecl('ptr stream', (call) => get(call) & 0xffff),
  fgetwc: cdecl('ptr stream', (call) => get(call) & 0xffff),
  getwchar: cdecl('', (call) => standardStream(call.process, 0).get() & 0xffff),
  ungetc: cdecl('int character, ptr stream', unget),
  ungetwc: cdecl('int character, ptr stream', unget),
  fgets: cdecl('out buffer, int size, ptr stream', (call) => {
    const text = line(streamOf(call, 2), call.int(1) - 1, true);
    if (text === undefined) return 0n;
    call.memory.write(call.word(0), latinBytes(text));
    return call.word(0);
  }),
  fgetws: cdecl('out buffer, int size, ptr stream', (call) => {
    const text = line(streamOf(call, 2), call.int(1) - 1, true);
    if (text === undefined) return 0n;
    call.memory.write(call.word(0), wideLine(text));
    return call.word(0);
  }),
  gets: cdecl('out buffer', (call) => {
    const stream = standardStream(call.process, 0);
    const text = line(stream, MAX_LINE, false);
    if (text === undefined) return 0n;
    call.memory.write(call.word(0), latinBytes(text));
    return call.word(0);
  }),
  fwrite: cdecl('ptr buffer, size size, size count, ptr stream', (call) => transfer(call, true)),
  fread: cdecl('out buffer, size size, size count, ptr stream', (call) => transfer(call, false)),
  fflush: cdecl('ptr stream', (call) => {
    if (call.word(0) === 0n) flushAll(call.process);
    else streamOf(call, 0).flush();
    return 0n;
  }),
  _flushall: cdecl('', (call) => {
    flushAll(call.process);
    return STREAMS;
  }),
  setvbuf: cdecl('ptr stream, ptr buffer, int mode, size size', (call) => {
    if (call.int(2) !== IONBF) return 0n;
    streamOf(call, 0).flush();
    streamOf(call, 0).unbuffer();
    return 0n;
  }),
  setbuf: cdecl('ptr stream, ptr buffer', (call) => {
    if (call.word(1) === 0n) {
      streamOf(call, 0).flush();
      streamOf(call, 0).unbuffer();
    }
    return 0n;
  }),
  fopen: cdecl('str path, str mode', (call) => open(call, false)),
  _wfopen: cdecl('wstr path, wstr mode', (call) => open(call, true)),
  _fdopen: cdecl('int descriptor, str mode', (call) => {
    const flags = modeFlags(textAt(call, 1));
    const known = call.process.descriptors.get(call.int(0));
    if (flags === undefined || known === undefined) {
      setErrno(call.process, EINVAL);
      return 0n;
    }
    return makeStream(call.process, call.int(0), flags);
  }),
  freopen: cdecl('str path, str mode, ptr stream', reopen),
  tmpfile: cdecl('', temporary),
  fclose: cdecl('ptr stream', close),
  feof: cdecl('ptr stream', (call) => streamOf(call, 0).flags & IOEOF),
  ferror: cdecl('ptr stream', (call) => streamOf(call, 0).flags & IOERR),
  clearerr: cdecl('ptr stream', (call) => {
    streamOf(call, 0).flags &= ~(IOEOF | IOERR);
    return 0n;
  }),
  rewind: cdecl('ptr stream', (call) => {
    streamOf(call, 0).seek(0n, 0);
    streamOf(call, 0).flags &= ~(IOEOF | IOERR);
    return 0n;
  }),
  ftell: cdecl('ptr stream', position),
  _ftelli64: cdecl('ptr stream', position, 'u64'),
  fseek: cdecl('ptr stream, int offset, int origin', (call) =>
    seek(call, BigInt(call.int(1)), call.int(2)),
  ),
  _fseeki64: cdecl('ptr stream, u64 offset, int origin', (call) =>
    seek(call, BigInt.asIntN(64, call.u64(1)), call.int(2)),
  ),
  fgetpos: cdecl('ptr stream, out position', (call) => {
    const at = streamOf(call, 0).tell();
    if (at === undefined) return EOF;
    call.memory.setU64(call.word(1), at);
    return 0n;
  }),
  fsetpos: cdecl('ptr stream, ptr position', (call) =>
    seek(call, call.memory.struct(call.word(1), 8).i64(0), 0),
  ),
  _fileno: cdecl('ptr stream', (call) => streamOf(call, 0).descriptor),
  perror: cdecl('str message', complain),
  remove: cdecl('str path', (call) => remove(call, textAt(call, 0))),
  _unlink: cdecl('str path', (call) => remove(call, textAt(call, 0))),
  _wremove: cdecl('wstr path', (call) => remove(call, textAt(call, 0, 2))),
  _wunlink: cdecl('wstr path', (call) => remove(call, textAt(call, 0, 2))),
  rename: cdecl('str from, str to', (call) => {
    if (call.process.system.files.rename(textAt(call, 0), textAt(call, 1))) return 0n;
    setErrno(call.process, ENOENT);
    return -1n;
  }),
};

function remove({ process }: ApiCall, path: string): number {
  if (process.system.files.remove(path)) return 0;
  setErrno(process, ENOENT);
  return -1;
}
