/** kernel32: files and standard handles. */
import { ERROR } from '../../abi/windows/status.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { latinBytes, wideBytes } from '../process/memory-io.js';
import { readFrom, writeTo } from './file-transfer.js';
import { isMapped, openFile } from './open-file.js';
import { asksToInherit } from './shared-objects.js';

/** Longest transfer of one call. */
const MAX_TRANSFER = 64 << 20;

export function handleOf(call: ApiCall, index: number): number {
  return Number(call.word(index) & 0xffff_ffffn);
}

function createFile(call: ApiCall, wide: boolean): bigint {
  const { process } = call;
  const invalid = process.wide ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
  const fails = (error: number): bigint => {
    call.setError(error);
    return invalid;
  };
  const path = call.text(0, wide);
  if (path === undefined) return invalid;
  const object = openFile(process, path, call.dword(1), call.dword(4));
  if (typeof object === 'number') return fails(object);
  const handle = process.handles.add(object, asksToInherit(call, 3));
  return handle === undefined ? fails(ERROR.NOT_ENOUGH_MEMORY) : BigInt(handle);
}

function writeFile(call: ApiCall): bigint {
  const object = call.process.handles.get(handleOf(call, 0));
  const count = Math.min(call.dword(2), MAX_TRANSFER);
  if (call.word(3) !== 0n) call.memory.setU32(call.word(3), 0);
  if (object === undefined) return call.fail(ERROR.INVALID_HANDLE);
  const bytes = call.memory.tryRead(call.word(1), count);
  if (bytes === undefined) {
    useUpGuards(call, call.word(1), count);
    return call.fail(ERROR.INVALID_USER_BUFFER);
  }
  const written = writeTo(call, object, bytes);
  if (written === undefined) return call.fail(ERROR.ACCESS_DENIED);
  if (call.word(3) !== 0n) call.memory.setU32(call.word(3), written);
  return 1n;
}

/** The kernel's look at a buffer touches its guard pages, without an exception. */
function useUpGuards({ process, memory }: ApiCall, address: bigint, count: number): void {
  const refusal = memory.refusal(address, count, 'read');
  if (refusal !== undefined && memory.isGuarded(refusal)) {
    process.useUpGuard(refusal);
  }
}

function readFile(call: ApiCall): bigint {
  const object = call.process.handles.get(handleOf(call, 0));
  if (call.word(3) !== 0n) call.memory.setU32(call.word(3), 0);
  if (object === undefined) return call.fail(ERROR.INVALID_HANDLE);
  const count = Math.min(call.dword(2), MAX_TRANSFER);
  if (call.memory.refusal(call.word(1), count, 'write') !== undefined) {
    return call.fail(ERROR.NOACCESS);
  }
  const bytes = readFrom(call, object, count);
  if (bytes === undefined) return call.fail(ERROR.ACCESS_DENIED);
  call.memory.write(call.word(1), bytes);
  if (call.word(3) !== 0n) call.memory.setU32(call.word(3), bytes.length);
  return 1n;
}

const STD_HANDLES: Readonly<Record<number, number>> = { [-10]: 0x10, [-11]: 0x14, [-12]: 0x18 };
export const TEMP_FOLDER = 'C:\\users\\guest\\Temp\\';

/** A text into a buffer of `room` characters: its length, or the room it needs. */
export function textOut(
  call: ApiCall,
  at: bigint,
  room: number,
  text: string,
  wide: boolean,
): number {
  if (room <= text.length) return text.length + 1;
  call.memory.write(at, wide ? wideBytes(text) : latinBytes(text));
  return text.length;
}

function tempFileName(call: ApiCall): bigint {
  const { process, memory } = call;
  const folder = call.text(0);
  const prefix = call.text(1);
  if (folder === undefined || prefix === undefined) return 0n;
  const unique = call.dword(2) === 0 ? process.nextCookie++ & 0xffff || 1 : call.dword(2) & 0xffff;
  const path = `${folder.replace(/\\?$/, '\\')}${prefix.slice(0, 3)}${unique.toString(16).padStart(4, '0')}.tmp`;
  if (call.dword(2) === 0) process.system.files.create(path);
  memory.write(call.word(3), latinBytes(path));
  return BigInt(unique);
}

export const filesApi: ApiSet = {
  GetStdHandle: api('int nStdHandle', (call) => BigInt(STD_HANDLES[call.int(0)] ?? 0)),
  CreateFileA: api(
    'str lpFileName, flags dwDesiredAccess, flags dwShareMode, ptr lpSecurityAttributes, dword dwCreationDisposition, flags dwFlagsAndAttributes, handle hTemplateFile',
    (call) => createFile(call, false),
  ),
  CreateFileW: api(
    'wstr lpFileName, flags dwDesiredAccess, flags dwShareMode, ptr lpSecurityAttributes, dword dwCreationDisposition, flags dwFlagsAndAttributes, handle hTemplateFile',
    (call) => createFile(call, true),
  ),
  WriteFile: api(
    'handle hFile, ptr lpBuffer, dword nNumberOfBytesToWrite, out lpNumberOfBytesWritten, ptr lpOverlapped',
    writeFile,
  ),
  WriteConsoleA: api(
    'handle hConsoleOutput, ptr lpBuffer, dword nNumberOfCharsToWrite, out lpNumberOfCharsWritten, ptr lpReserved',
    writeFile,
  ),
  ReadFile: api(
    'handle hFile, out lpBuffer, dword nNumberOfBytesToRead, out lpNumberOfBytesRead, ptr lpOverlapped',
    readFile,
  ),
  CloseHandle: api('handle hObject', (call) =>
    call.process.handles.close(handleOf(call, 0)) === undefined
      ? call.fail(ERROR.INVALID_HANDLE)
      : 1n,
  ),
  GetFileType: api('handle hFile', (call) => {
    const kind = call.process.handles.get(handleOf(call, 0))?.kind;
    if (kind === undefined) return call.fail(ERROR.INVALID_HANDLE);
    // FILE_TYPE_DISK, FILE_TYPE_CHAR, FILE_TYPE_PIPE: what the host reads and writes is a pipe.
    return kind === 'file' ? 1n : kind === 'null' ? 2n : 3n;
  }),
  GetFileSize: api('handle hFile, out lpFileSizeHigh', (call) => {
    const object = call.process.handles.get(handleOf(call, 0));
    if (object?.kind !== 'file') {
      call.setError(ERROR.INVALID_HANDLE);
      return 0xffff_ffffn;
    }
    if (call.word(1) !== 0n) call.memory.setU32(call.word(1), 0);
    return object.file.length;
  }),
  GetFileSizeEx: api('handle hFile, out lpFileSize', (call) => {
    const object = call.process.handles.get(handleOf(call, 0));
    if (object?.kind !== 'file') return call.fail(ERROR.INVALID_HANDLE);
    call.memory.setU64(call.word(1), BigInt(object.file.length));
    return 1n;
  }),
  SetFilePointerEx: api(
    'handle hFile, u64 liDistanceToMove, out lpNewFilePointer, dword dwMoveMethod',
    (call) => {
      const object = call.process.handles.get(handleOf(call, 0));
      if (object?.kind !== 'file') return call.fail(ERROR.INVALID_HANDLE);
      const from = [0, object.position, object.file.length][call.dword(3)] ?? 0;
      const target = BigInt(from) + BigInt.asIntN(64, call.u64(1));
      if (target < 0n || target > BigInt(Number.MAX_SAFE_INTEGER)) {
        return call.fail(ERROR.INVALID_PARAMETER);
      }
      object.position = Number(target);
      if (call.word(2) !== 0n) call.memory.setU64(call.word(2), target);
      return 1n;
    },
  ),
  SetEndOfFile: api('handle hFile', (call) => {
    const object = call.process.handles.get(handleOf(call, 0));
    if (object?.kind !== 'file') return call.fail(ERROR.INVALID_HANDLE);
    const shrinks = object.position < object.file.length;
    if (shrinks && isMapped(call.process, object.file)) return call.fail(ERROR.USER_MAPPED_FILE);
    return object.file.resize(object.position) ? 1n : call.fail(ERROR.NOT_ENOUGH_MEMORY);
  }),
  FlushFileBuffers: api('handle hFile', (call) =>
    call.process.handles.get(handleOf(call, 0)) === undefined
      ? call.fail(ERROR.INVALID_HANDLE)
      : 1n,
  ),
  SetFilePointer: api(
    'handle hFile, int lDistanceToMove, ptr lpDistanceToMoveHigh, dword dwMoveMethod',
    (call) => {
      const object = call.process.handles.get(handleOf(call, 0));
      if (object?.kind !== 'file') {
        call.setError(ERROR.INVALID_HANDLE);
        return 0xffff_ffffn;
      }
      const from = [0, object.position, object.file.length][call.dword(3)] ?? 0;
      object.position = Math.max(0, from + call.int(1));
      return object.position;
    },
  ),
  GetConsoleMode: api('handle hConsoleHandle, out lpMode', (call) =>
    call.fail(ERROR.INVALID_HANDLE),
  ),
  GetTempPathA: api('dword nBufferLength, out lpBuffer', (call) =>
    textOut(call, call.word(1), call.dword(0), TEMP_FOLDER, false),
  ),
  GetTempFileNameA: api(
    'str lpPathName, str lpPrefixString, dword uUnique, out lpTempFileName',
    tempFileName,
  ),
};
