/** msvcrt's descriptors at work: bytes in and out, with the line ends of text files; seeking. */
import { ERROR } from '../../abi/windows/status.js';
import { readFrom, writeTo } from '../api/file-transfer.js';
import { openFile } from '../api/open-file.js';
import type { Descriptor } from '../process/descriptors.js';
import type { HandleObject } from '../process/handles.js';
import type { Win32Process } from '../process/process.js';
import { EBADF, EMFILE, errnoOf, setErrno } from './errors.js';

export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_APPEND = 8;
export const O_CREAT = 0x100;
export const O_TRUNC = 0x200;
export const O_EXCL = 0x400;
export const O_TEXT = 0x4000;
export const O_BINARY = 0x8000;

const CR = 13;
const LF = 10;
const CTRL_Z = 26;
const GENERIC_READ = 0x8000_0000;
const GENERIC_WRITE = 0x4000_0000;
const CREATE_NEW = 1;
const CREATE_ALWAYS = 2;
const OPEN_EXISTING = 3;
const OPEN_ALWAYS = 4;
const TRUNCATE_EXISTING = 5;

export function descriptorOf(process: Win32Process, number: number): Descriptor | undefined {
  const descriptor = process.descriptors.get(number);
  if (descriptor === undefined) setErrno(process, EBADF);
  return descriptor;
}

function objectOf({ handles }: Win32Process, { handle }: Descriptor): HandleObject | undefined {
  return handles.get(handle);
}

function disposition(flags: number): number {
  if (!(flags & O_CREAT)) return flags & O_TRUNC ? TRUNCATE_EXISTING : OPEN_EXISTING;
  if (flags & O_EXCL) return CREATE_NEW;
  return flags & O_TRUNC ? CREATE_ALWAYS : OPEN_ALWAYS;
}

/** _open: the descriptor, or undefined with errno. */
export function openDescriptor(
  process: Win32Process,
  path: string,
  flags: number,
): number | undefined {
  const rights = flags & (O_WRONLY | O_RDWR);
  const access = (rights === O_WRONLY ? 0 : GENERIC_READ) | (rights === 0 ? 0 : GENERIC_WRITE);
  const object = openFile(process, path, access >>> 0, disposition(flags));
  if (typeof object === 'number') {
    setErrno(process, errnoOf(object));
    process.lastError = object;
    return undefined;
  }
  const handle = process.handles.add(object);
  const number =
    handle === undefined
      ? undefined
      : process.descriptors.add(handle, !(flags & O_BINARY), (flags & O_APPEND) !== 0);
  if (number === undefined) setErrno(process, EMFILE);
  return number;
}

export function closeDescriptor(process: Win32Process, number: number): boolean {
  const descriptor = descriptorOf(process, number);
  if (descriptor === undefined) return false;
  process.descriptors.remove(number);
  process.handles.close(descriptor.handle);
  return true;
}

/** Bytes of the program's that were taken; undefined with errno where none can be. */
export function writeDescriptor(
  process: Win32Process,
  number: number,
  bytes: Uint8Array,
): number | undefined {
  const descriptor = descriptorOf(process, number);
  if (descriptor === undefined) return undefined;
  const object = objectOf(process, descriptor);
  if (descriptor.append && object?.kind === 'file') object.position = object.file.length;
  const out = descriptor.text ? withCarriageReturns(bytes) : bytes;
  const written = writeTo({ process }, object, out);
  if (written === undefined) {
    setErrno(process, errnoOf(object === undefined ? ERROR.INVALID_HANDLE : ERROR.ACCESS_DENIED));
    return undefined;
  }
  return written >= out.length ? bytes.length : Math.min(written, bytes.length);
}

function withCarriageReturns(bytes: Uint8Array): Uint8Array {
  let lines = 0;
  for (let next = bytes.indexOf(LF); next >= 0; next = bytes.indexOf(LF, next + 1)) lines++;
  if (lines === 0) return bytes;
  const out = new Uint8Array(bytes.length + lines);
  let at = 0;
  for (const byte of bytes) {
    if (byte === LF) out[at++] = CR;
    out[at++] = byte;
  }
  return out;
}

/** Up to `length` bytes as the program sees them; none at the end; undefined with errno. */
export function readDescriptor(
  process: Win32Process,
  number: number,
  length: number,
): Uint8Array | undefined {
  const descriptor = descriptorOf(process, number);
  if (descriptor === undefined) return undefined;
  const object = objectOf(process, descriptor);
  const raw = (count: number): Uint8Array | undefined =>
    rawBytes(process, descriptor, object, count);
  const first = raw(length);
  if (first === undefined) setErrno(process, EBADF);
  if (first === undefined || !descriptor.text || first.length === 0) return first;
  return asText(descriptor, object, first, raw);
}

function rawBytes(
  process: Win32Process,
  descriptor: Descriptor,
  object: HandleObject | undefined,
  count: number,
): Uint8Array | undefined {
  if (count === 0) return new Uint8Array();
  const { carried } = descriptor;
  if (carried === undefined) return readFrom({ process }, object, count);
  descriptor.carried = undefined;
  return Uint8Array.of(carried);
}

function asText(
  descriptor: Descriptor,
  object: HandleObject | undefined,
  raw: Uint8Array,
  more: (count: number) => Uint8Array | undefined,
): Uint8Array {
  const out: number[] = [];
  for (let at = 0; at < raw.length; at++) {
    const byte = raw[at]!;
    if (byte === CTRL_Z && object?.kind === 'file') {
      object.position -= raw.length - at;
      break;
    }
    if (byte !== CR) {
      out.push(byte);
      continue;
    }
    const isLast = at + 1 === raw.length;
    const next = isLast ? more(1)?.[0] : raw[at + 1];
    if (next === LF) {
      out.push(LF);
      if (!isLast) at++;
      continue;
    }
    out.push(CR);
    if (isLast && next !== undefined) giveBack(descriptor, object, next);
  }
  return Uint8Array.from(out);
}

function giveBack(descriptor: Descriptor, object: HandleObject | undefined, byte: number): void {
  if (object?.kind === 'file') object.position--;
  else descriptor.carried = byte;
}

/** The new position, or undefined: it cannot be had. */
export function seekDescriptor(
  process: Win32Process,
  number: number,
  offset: bigint,
  origin: number,
): bigint | undefined {
  const descriptor = descriptorOf(process, number);
  const object = descriptor === undefined ? undefined : objectOf(process, descriptor);
  if (descriptor === undefined || object?.kind !== 'file') return undefined;
  const from = [0, object.position, object.file.length][origin];
  const target = BigInt(from ?? -1) + offset;
  if (from === undefined || target < 0n || target > BigInt(Number.MAX_SAFE_INTEGER)) {
    return undefined;
  }
  object.position = Number(target);
  return target;
}

export function lengthOf(process: Win32Process, number: number): number | undefined {
  const descriptor = descriptorOf(process, number);
  const object = descriptor === undefined ? undefined : objectOf(process, descriptor);
  return object?.kind === 'file' ? object.file.length : undefined;
}

export function isDevice(process: Win32Process, number: number): boolean {
  const descriptor = process.descriptors.get(number);
  return descriptor !== undefined && objectOf(process, descriptor)?.kind === 'null';
}
