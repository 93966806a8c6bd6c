/** kernel32: files by name: folders, searches, attributes, paths. */
import { ERROR } from '../../abi/windows/status.js';
import { Struct } from '../../base/struct.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import type { FoundFile } from '../process/handles.js';
import { latinBytes, wideBytes } from '../process/memory-io.js';
import { handleOf, textOut } from './files.js';

const ATTRIBUTE_DIRECTORY = 0x10;
const ATTRIBUTE_ARCHIVE = 0x20;
const INVALID_ATTRIBUTES = 0xffff_ffff;
const ERROR_NO_MORE_FILES = 18;
const ERROR_DIR_NOT_EMPTY = 145;
/** WIN32_FIND_DATA: where the name begins, and its room in characters. */
const NAME_AT = 44;
const NAME_ROOM = 260;

function invalidHandle({ process }: ApiCall): bigint {
  return process.wide ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
}

function writeFound(call: ApiCall, at: bigint, { name, file }: FoundFile, wide: boolean): void {
  const unit = wide ? 2 : 1;
  const out = new Struct(NAME_AT + (NAME_ROOM + 14) * unit)
    .setU32(0, file === undefined ? ATTRIBUTE_DIRECTORY : ATTRIBUTE_ARCHIVE)
    .setU32(32, file?.length ?? 0);
  const cut = name.slice(0, NAME_ROOM - 1);
  out.set(NAME_AT, wide ? wideBytes(cut) : latinBytes(cut));
  call.memory.write(at, out.bytes);
}

/** 256 steps at most of a name and a pattern count as 256 bytes of text do. */
function comparedBy({ process }: ApiCall): (steps: number) => void {
  const { meter } = process.system;
  return (steps) => meter.charge('text', Math.ceil(steps / 256));
}

function findFirst(call: ApiCall, wide: boolean): bigint {
  const pattern = call.text(0, wide);
  if (pattern === undefined) return invalidHandle(call);
  const { files } = call.process.system;
  const names = files.matching(pattern, comparedBy(call));
  const [first] = names;
  if (first === undefined) {
    const known = files.isFolder(files.folderOf(pattern));
    call.setError(known ? ERROR.FILE_NOT_FOUND : ERROR.PATH_NOT_FOUND);
    return invalidHandle(call);
  }
  writeFound(call, call.word(1), first, wide);
  const handle = call.process.handles.add({ kind: 'search', names, next: 1 });
  return handle === undefined ? invalidHandle(call) : BigInt(handle);
}

function findNext(call: ApiCall, wide: boolean): bigint {
  const object = call.process.handles.get(handleOf(call, 0));
  if (object?.kind !== 'search') return call.fail(ERROR.INVALID_HANDLE);
  const next = object.names[object.next];
  if (next === undefined) return call.fail(ERROR_NO_MORE_FILES);
  object.next++;
  writeFound(call, call.word(1), next, wide);
  return 1n;
}

/** Of the call's first argument. Undefined with the error: it cannot be read. */
function path(call: ApiCall, wide: boolean): string | undefined {
  return call.text(0, wide);
}

function makeFolder(call: ApiCall, wide: boolean): bigint {
  const name = path(call, wide);
  if (name === undefined) return 0n;
  const { files } = call.process.system;
  if (!files.isFolder(files.folderOf(name))) return call.fail(ERROR.PATH_NOT_FOUND);
  return files.makeFolder(name) ? 1n : call.fail(ERROR.ALREADY_EXISTS);
}

function removeFolder(call: ApiCall, wide: boolean): bigint {
  const name = path(call, wide);
  if (name === undefined) return 0n;
  const { files } = call.process.system;
  if (!files.isFolder(name)) return call.fail(ERROR.FILE_NOT_FOUND);
  if (files.matching(`${name}\\*`, comparedBy(call)).length > 0)
    return call.fail(ERROR_DIR_NOT_EMPTY);
  return files.removeFolder(name) ? 1n : call.fail(ERROR.ACCESS_DENIED);
}

function attributes(call: ApiCall, wide: boolean): number {
  const name = path(call, wide);
  if (name === undefined) return INVALID_ATTRIBUTES;
  const { files } = call.process.system;
  if (files.find(name) !== undefined) return ATTRIBUTE_ARCHIVE;
  if (files.isFolder(name)) return ATTRIBUTE_DIRECTORY;
  call.setError(ERROR.FILE_NOT_FOUND);
  return INVALID_ATTRIBUTES;
}

function move(call: ApiCall, wide: boolean): bigint {
  const [from, to] = [call.text(0, wide), call.text(1, wide)];
  if (from === undefined || to === undefined) return 0n;
  const { files } = call.process.system;
  if (files.find(from) === undefined) return call.fail(ERROR.FILE_NOT_FOUND);
  return files.rename(from, to) ? 1n : call.fail(ERROR.ALREADY_EXISTS);
}

function remove(call: ApiCall, wide: boolean): bigint {
  const name = path(call, wide);
  if (name === undefined) return 0n;
  return call.process.system.files.remove(name) ? 1n : call.fail(ERROR.FILE_NOT_FOUND);
}

/** The folder of every process. */
const CURRENT = 'C:\\';

function fullPath(call: ApiCall, wide: boolean): number {
  const given = path(call, wide);
  if (given === undefined) return 0;
  const plain = given.replaceAll('/', '\\');
  const whole = /^[a-z]:\\/i.test(plain) ? plain : `${CURRENT}${plain.replace(/^(\.?\\)+/, '')}`;
  const length = textOut(call, call.word(2), call.dword(1), whole, wide);
  if (call.word(3) !== 0n && length < call.dword(1)) {
    const last = whole.lastIndexOf('\\') + 1;
    call.memory.setWord(call.word(3), call.word(2) + BigInt(last * (wide ? 2 : 1)));
  }
  return length;
}

export const foldersApi: ApiSet = {
  FindFirstFileA: api('str lpFileName, out lpFindFileData', (call) => findFirst(call, false)),
  FindFirstFileW: api('wstr lpFileName, out lpFindFileData', (call) => findFirst(call, true)),
  FindNextFileA: api('handle hFindFile, out lpFindFileData', (call) => findNext(call, false)),
  FindNextFileW: api('handle hFindFile, out lpFindFileData', (call) => findNext(call, true)),
  FindClose: api('handle hFindFile', (call) =>
    call.process.handles.close(handleOf(call, 0)) === undefined
      ? call.fail(ERROR.INVALID_HANDLE)
      : 1n,
  ),
  CreateDirectoryA: api('str lpPathName, ptr lpSecurityAttributes', (call) =>
    makeFolder(call, false),
  ),
  CreateDirectoryW: api('wstr lpPathName, ptr lpSecurityAttributes', (call) =>
    makeFolder(call, true),
  ),
  RemoveDirectoryA: api('str lpPathName', (call) => removeFolder(call, false)),
  RemoveDirectoryW: api('wstr lpPathName', (call) => removeFolder(call, true)),
  GetFileAttributesA: api('str lpFileName', (call) => attributes(call, false)),
  GetFileAttributesW: api('wstr lpFileName', (call) => attributes(call, true)),
  MoveFileA: api('str lpExistingFileName, str lpNewFileName', (call) => move(call, false)),
  MoveFileW: api('wstr lpExistingFileName, wstr lpNewFileName', (call) => move(call, true)),
  DeleteFileA: api('str lpFileName', (call) => remove(call, false)),
  DeleteFileW: api('wstr lpFileName', (call) => remove(call, true)),
  GetCurrentDirectoryA: api('dword nBufferLength, out lpBuffer', (call) =>
    textOut(call, call.word(1), call.dword(0), CURRENT, false),
  ),
  GetCurrentDirectoryW: api('dword nBufferLength, out lpBuffer', (call) =>
    textOut(call, call.word(1), call.dword(0), CURRENT, true),
  ),
  GetFullPathNameA: api(
    'str lpFileName, dword nBufferLength, out lpBuffer, out lpFilePart',
    (call) => fullPath(call, false),
  ),
  GetFullPathNameW: api(
    'wstr lpFileName, dword nBufferLength, out lpBuffer, out lpFilePart',
    (call) => fullPath(call, true),
  ),
};
