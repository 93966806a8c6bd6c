/** read, write and their kin. Compare fs/read_write.c. */

import { SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET } from '../../../abi/linux/fcntl.js';
import type { Addr } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { int, type SyscallResult, uint } from '../../../kernel/syscall.js';
import { structIn, wordOut } from '../../../kernel/user-memory.js';
import type { Abi } from '../abi.js';
import { allowedWrite } from '../file-size.js';
import { MAX_RW_COUNT, readInto, writeFrom } from '../fs/file-io.js';
import { Directory } from '../fs/inode.js';
import type { OpenFile } from '../fs/open-file.js';
import { Pipe } from '../fs/pipe.js';
import type { Task } from '../process/task.js';
import { accessOk, twoWords } from './arguments.js';
import type { HandlerTable } from './handler.js';
import { pipeTransfer, type Vector } from './pipe.js';

const UIO_MAXIOV = 1024;

type Direction = 'read' | 'write';

/** vfs_read() and vfs_write(): the descriptor's mode, the buffer, then the transfer. */
function transfer(
  task: Task,
  direction: Direction,
  file: OpenFile,
  vectors: readonly Vector[],
  at: number | undefined,
): SyscallResult {
  const allowed = direction === 'read' ? file.readable : file.writable;
  if (!allowed) return fail('EBADF');
  if (!vectors.every(({ addr, length }) => accessOk(task, addr, length))) return fail('EFAULT');
  if (file.inode instanceof Directory) return fail('EISDIR');
  const asked = vectors.reduce((sum, { length }) => sum + Number(length), 0);
  const room = direction === 'write' ? allowedWrite(task, file, asked, at) : ok(asked);
  if (!room.ok) return room;
  const most = Math.min(room.value, MAX_RW_COUNT);
  if (isPipe(file)) return pipeTransfer(task, direction, file, vectors, most);
  let done = 0;
  const { meter } = task.kernel;
  const buffers = { memory: task.mm, meter };
  meter.charge('vector', vectors.length);
  for (const { addr, length } of vectors) {
    const count = Math.min(Number(length), most - done);
    const where = at === undefined ? undefined : at + done;
    const moved = (direction === 'read' ? readInto : writeFrom)(file, buffers, addr, count, where);
    if (!moved.ok && done === 0) return moved;
    if (!moved.ok) break;
    done += moved.value;
    if (moved.value < count) break;
  }
  if (direction === 'write' && done > 0) file.inode.modified = task.kernel.clock.nanoseconds;
  return ok(done);
}

function isPipe(file: OpenFile): file is OpenFile & { readonly inode: Pipe } {
  return file.inode instanceof Pipe;
}

function simple(
  task: Task,
  direction: Direction,
  fd: bigint,
  addr: Addr,
  length: bigint,
): SyscallResult {
  const file = task.files.get(int(fd));
  if (!file.ok) return file;
  return transfer(task, direction, file.value, [{ addr, length }], undefined);
}

function positioned(
  task: Task,
  direction: Direction,
  [fd, addr, length]: readonly [bigint, bigint, bigint],
  position: bigint,
): SyscallResult {
  if (position < 0n) return fail('EINVAL');
  const file = task.files.get(int(fd));
  if (!file.ok) return file;
  if (!file.value.inode.seekable) return fail('ESPIPE');
  return transfer(task, direction, file.value, [{ addr, length }], Number(position));
}

/** import_iovec(): at most 1024, no length below zero, all lengths together cut to MAX_RW_COUNT. */
function vectorsIn(task: Task, abi: Abi, addr: Addr, count: bigint): Result<Vector[]> {
  if (count > BigInt(UIO_MAXIOV)) return fail('EINVAL');
  const { word } = abi;
  const read = structIn(task.mm, addr, Number(count) * 2 * word);
  if (!read.ok) return read;
  const vectors: Vector[] = [];
  for (let i = 0; i < Number(count); i++) {
    const length = read.value.signedWord((2 * i + 1) * word, word);
    if (length < 0n) return fail('EINVAL');
    vectors.push({ addr: read.value.word(2 * i * word, word), length });
  }
  return ok(vectors);
}

function vectored(
  task: Task,
  direction: Direction,
  [fd, addr, count]: readonly [bigint, bigint, bigint],
  abi: Abi,
  position?: bigint,
): SyscallResult {
  if (position !== undefined && position < 0n) return fail('EINVAL');
  const file = task.files.get(int(fd));
  if (!file.ok) return file;
  if (position !== undefined && !file.value.inode.seekable) return fail('ESPIPE');
  const allowed = direction === 'read' ? file.value.readable : file.value.writable;
  if (!allowed) return fail('EBADF');
  const vectors = vectorsIn(task, abi, addr, count);
  if (!vectors.ok) return vectors;
  const at = position === undefined ? undefined : Number(position);
  return transfer(task, direction, file.value, vectors.value, at);
}

/** Compare fs/read_write.c:generic_file_llseek_size() and fs/char_dev.c's null_lseek(). */
function seek(task: Task, fd: number, offset: bigint, whence: number): Result<bigint> {
  const file = task.files.get(fd);
  if (!file.ok) return file;
  if (whence < SEEK_SET || whence > SEEK_HOLE) return fail('EINVAL');
  const { inode } = file.value;
  if (!inode.seekable) return fail('ESPIPE');
  const target = inode.seeksToStart ? ok(0n) : seekTarget(file.value, offset, whence);
  if (!target.ok) return target;
  if (target.value < 0n || target.value > inode.largestOffset) return fail('EINVAL');
  file.value.position = Number(target.value);
  return target;
}

function seekTarget({ inode, position }: OpenFile, offset: bigint, whence: number): Result<bigint> {
  const size = BigInt(inode.size);
  switch (whence) {
    case SEEK_CUR:
      return ok(BigInt(position) + offset);
    case SEEK_END:
      return ok(size + offset);
    case SEEK_DATA:
      return offset < 0n || offset >= size ? fail('ENXIO') : ok(offset);
    case SEEK_HOLE:
      return offset < 0n || offset >= size ? fail('ENXIO') : ok(size);
    default:
      return ok(offset);
  }
}

function lseek(task: Task, fd: bigint, offset: bigint, whence: bigint, abi: Abi): SyscallResult {
  const signed = BigInt.asIntN(abi.word * 8, offset);
  const result = seek(task, int(fd), signed, uint(whence));
  if (!result.ok || abi.word === 8) return result;
  return result.value > 0x7fffffffn ? fail('EOVERFLOW') : result;
}

export const readWriteCalls: HandlerTable = {
  read: (task, [fd, buffer, count]) => simple(task, 'read', fd, buffer, count),
  write: (task, [fd, buffer, count]) => simple(task, 'write', fd, buffer, count),
  pread64: (task, [fd, buffer, count, low, high], { word }) =>
    positioned(task, 'read', [fd, buffer, count], offsetOf(low, high, word)),
  pwrite64: (task, [fd, buffer, count, low, high], { word }) =>
    positioned(task, 'write', [fd, buffer, count], offsetOf(low, high, word)),
  readv: (task, [fd, vector, count], abi) => vectored(task, 'read', [fd, vector, count], abi),
  writev: (task, [fd, vector, count], abi) => vectored(task, 'write', [fd, vector, count], abi),
  preadv: (task, [fd, vector, count, low, high], abi) =>
    vectored(task, 'read', [fd, vector, count], abi, offsetOf(low, high, abi.word)),
  pwritev: (task, [fd, vector, count, low, high], abi) =>
    vectored(task, 'write', [fd, vector, count], abi, offsetOf(low, high, abi.word)),
  lseek: (task, [fd, offset, whence], abi) => lseek(task, fd, offset, whence, abi),
  _llseek: (task, [fd, high, low, result, whence]) => {
    const target = seek(task, int(fd), twoWords(low, high), uint(whence));
    return target.ok ? wordOut(task.mm, result, 8, target.value) : target;
  },
};

function offsetOf(low: bigint, high: bigint, word: 4 | 8): bigint {
  return word === 8 ? BigInt.asIntN(64, low) : twoWords(low, high);
}
