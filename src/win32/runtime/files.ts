/** msvcrt: files by descriptor and by name. */
import { Struct } from '../../base/struct.js';
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { EACCES, ENOENT, setErrno } from './errors.js';
import {
  closeDescriptor,
  descriptorOf,
  isDevice,
  lengthOf,
  O_BINARY,
  O_TEXT,
  openDescriptor,
  readDescriptor,
  seekDescriptor,
  writeDescriptor,
} from './io.js';
import { textAt } from './stdio.js';

const MAX_TRANSFER = 64 << 20;
const FAILED = -1;
const S_IFREG = 0x8000;
const S_IFCHR = 0x2000;
const S_IFDIR = 0x4000;
const S_IFIFO = 0x1000;
const ALL_RIGHTS = 0o777;
const FILE_RIGHTS = 0o666;

function fails(call: ApiCall, errno: number): number {
  setErrno(call.process, errno);
  return FAILED;
}

function open(call: ApiCall, unit: 1 | 2): number {
  return openDescriptor(call.process, textAt(call, 0, unit), call.dword(1)) ?? FAILED;
}

/** How a struct stat is laid out: bits of the size and of the times. */
interface StatShape {
  readonly size: 32 | 64;
  readonly times: 32 | 64;
}

function encodeStat(mode: number, length: number, { size, times }: StatShape): Uint8Array {
  const sizeAt = size === 64 ? 24 : 20;
  const timesAt = size === 64 ? 32 : 24;
  const out = new Struct(timesAt + 3 * (times / 8));
  out.setU16(6, mode).setU16(8, 1);
  if (size === 64) out.setU64(sizeAt, BigInt(length));
  else out.setU32(sizeAt, length);
  return out.bytes;
}

function statPath(call: ApiCall, shape: StatShape, unit: 1 | 2): number {
  const path = textAt(call, 0, unit);
  const { files } = call.process.system;
  const file = files.find(path);
  if (file === undefined && !files.isFolder(path)) return fails(call, ENOENT);
  const mode = file === undefined ? S_IFDIR | ALL_RIGHTS : S_IFREG | modeOf(path);
  call.memory.write(call.word(1), encodeStat(mode, file?.length ?? 0, shape));
  return 0;
}

/** Programs may be executed. */
function modeOf(path: string): number {
  return /\.(exe|com|bat|cmd)$/i.test(path) ? ALL_RIGHTS : FILE_RIGHTS;
}

function statDescriptor(call: ApiCall, shape: StatShape): number {
  if (descriptorOf(call.process, call.int(0)) === undefined) return FAILED;
  const length = lengthOf(call.process, call.int(0));
  const kind =
    length !== undefined ? S_IFREG : isDevice(call.process, call.int(0)) ? S_IFCHR : S_IFIFO;
  call.memory.write(call.word(1), encodeStat(kind | FILE_RIGHTS, length ?? 0, shape));
  return 0;
}

const ALL_64: StatShape = { size: 64, times: 64 };
const ALL_32: StatShape = { size: 32, times: 32 };
const SIZE_64: StatShape = { size: 64, times: 32 };
const TIMES_64: StatShape = { size: 32, times: 64 };
/** Names without a number have times of the platform's word. */
const plain = ({ process }: ApiCall): StatShape => (process.wide ? TIMES_64 : ALL_32);
const longer = ({ process }: ApiCall): StatShape => (process.wide ? ALL_64 : SIZE_64);

const PATH = 'str path, out status';
const NUMBER = 'int descriptor, out status';

function seek(call: ApiCall, offset: bigint, origin: number): bigint {
  return seekDescriptor(call.process, call.int(0), offset, origin) ?? -1n;
}

function access(call: ApiCall, unit: 1 | 2): number {
  const { files } = call.process.system;
  const path = textAt(call, 0, unit);
  return files.find(path) !== undefined || files.isFolder(path) ? 0 : fails(call, ENOENT);
}

export const runtimeFilesApi: ApiSet = {
  _open: cdecl('str path, flags flags', (call) => open(call, 1)),
  _wopen: cdecl('wstr path, flags flags', (call) => open(call, 2)),
  _close: cdecl('int descriptor', (call) =>
    closeDescriptor(call.process, call.int(0)) ? 0 : FAILED,
  ),
  _write: cdecl('int descriptor, ptr buffer, dword count', (call) => {
    const bytes = call.memory.read(call.word(1), Math.min(call.dword(2), MAX_TRANSFER));
    return writeDescriptor(call.process, call.int(0), bytes) ?? FAILED;
  }),
  _read: cdecl('int descriptor, out buffer, dword count', (call) => {
    const count = Math.min(call.dword(2), MAX_TRANSFER);
    const bytes = readDescriptor(call.process, call.int(0), count);
    if (bytes === undefined) return FAILED;
    call.memory.write(call.word(1), bytes);
    return bytes.length;
  }),
  _lseek: cdecl('int descriptor, int offset, int origin', (call) =>
    seek(call, BigInt(call.int(1)), call.int(2)),
  ),
  _lseeki64: cdecl(
    'int descriptor, u64 offset, int origin',
    (call) => seek(call, BigInt.asIntN(64, call.u64(1)), call.int(2)),
    'u64',
  ),
  _tell: cdecl('int descriptor', (call) => seek(call, 0n, 1)),
  _filelength: cdecl('int descriptor', (call) => lengthOf(call.process, call.int(0)) ?? FAILED),
  _filelengthi64: cdecl(
    'int descriptor',
    (call) => BigInt(lengthOf(call.process, call.int(0)) ?? FAILED),
    'u64',
  ),
  _isatty: cdecl('int descriptor', (call) => (isDevice(call.process, call.int(0)) ? 0x40 : 0)),
  _setmode: cdecl('int descriptor, flags mode', (call) => {
    const descriptor = descriptorOf(call.process, call.int(0));
    if (descriptor === undefined) return FAILED;
    const old = descriptor.text ? O_TEXT : O_BINARY;
    descriptor.text = (call.dword(1) & O_BINARY) === 0;
    return old;
  }),
  _dup: cdecl('int descriptor', (call) => {
    const descriptor = descriptorOf(call.process, call.int(0));
    if (descriptor === undefined) return FAILED;
    const object = call.process.handles.get(descriptor.handle);
    const handle = object === undefined ? undefined : call.process.handles.add(object);
    if (handle === undefined) return FAILED;
    return call.process.descriptors.add(handle, descriptor.text, descriptor.append) ?? FAILED;
  }),
  _dup2: cdecl('int from, int to', (call) => {
    const { process } = call;
    const descriptor = descriptorOf(process, call.int(0));
    if (descriptor === undefined || call.int(1) < 0 || call.int(1) >= 2048) return FAILED;
    if (process.descriptors.get(call.int(1)) !== undefined) closeDescriptor(process, call.int(1));
    const object = process.handles.get(descriptor.handle);
    const handle = object === undefined ? undefined : process.handles.add(object);
    if (handle === undefined) return FAILED;
    process.descriptors.copy({ ...descriptor, handle }, call.int(1));
    return 0;
  }),
  _get_osfhandle: cdecl('int descriptor', (call) =>
    BigInt(descriptorOf(call.process, call.int(0))?.handle ?? FAILED),
  ),
  _access: cdecl('str path, int mode', (call) => access(call, 1)),
  _waccess: cdecl('wstr path, int mode', (call) => access(call, 2)),
  _mkdir: cdecl('str path', (call) =>
    call.process.system.files.makeFolder(textAt(call, 0)) ? 0 : fails(call, 17),
  ),
  _rmdir: cdecl('str path', (call) =>
    call.process.system.files.removeFolder(textAt(call, 0)) ? 0 : fails(call, EACCES),
  ),
  _getcwd: cdecl('out buffer, int size', (call) => {
    const text = 'C:\\';
    const at = call.word(0) === 0n ? (call.process.allocate(4) ?? 0n) : call.word(0);
    call.memory.write(
      at,
      Uint8Array.from(`${text}\0`, (letter) => letter.charCodeAt(0)),
    );
    return at;
  }),
  _stat: cdecl(PATH, (call) => statPath(call, plain(call), 1)),
  _stati64: cdecl(PATH, (call) => statPath(call, longer(call), 1)),
  _stat32: cdecl(PATH, (call) => statPath(call, ALL_32, 1)),
  _stat64: cdecl(PATH, (call) => statPath(call, ALL_64, 1)),
  _wstat: cdecl('wstr path, out status', (call) => statPath(call, plain(call), 2)),
  _wstat64: cdecl('wstr path, out status', (call) => statPath(call, ALL_64, 2)),
  _fstat: cdecl(NUMBER, (call) => statDescriptor(call, plain(call))),
  _fstati64: cdecl(NUMBER, (call) => statDescriptor(call, longer(call))),
  _fstat32: cdecl(NUMBER, (call) => statDescriptor(call, ALL_32)),
  _fstat64: cdecl(NUMBER, (call) => statDescriptor(call, ALL_64)),
};
