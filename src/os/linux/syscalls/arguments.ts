/** Arguments that several families take: paths, directories, transfers, structures of time. */

import { AT_FDCWD } from '../../../abi/linux/fcntl.js';
import type { Addr } from '../../../base/address.js';
import type { Meter } from '../../../base/meter.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { Struct } from '../../../base/struct.js';
import { decodeText } from '../../../base/text.js';
import { int } from '../../../kernel/syscall.js';
import { copyStringIn, structIn, type UserMemory } from '../../../kernel/user-memory.js';
import { Directory } from '../fs/inode.js';
import { PATH_MAX } from '../fs/path-walk.js';
import type { Task } from '../process/task.js';

const NANOSECONDS = 1_000_000_000n;

/** A process's memory, with the meter of what is done in it. */
interface ChargedMemory extends UserMemory {
  readonly frames: { readonly meter: Meter };
}

/** getname(): EFAULT, ENAMETOOLONG, and ENOENT for an empty one unless that is allowed. */
export function pathIn(memory: ChargedMemory, addr: Addr, mayBeEmpty = false): Result<string> {
  const text = copyStringIn(memory, addr, PATH_MAX);
  if (!text.ok) return text;
  memory.frames.meter.charge('text', Math.ceil(text.value.bytes.length / 256));
  if (!text.value.terminated) return fail('ENAMETOOLONG');
  if (text.value.bytes.length === 0 && !mayBeEmpty) return fail('ENOENT');
  return ok(decodeText(text.value.bytes));
}

/** Where a path starts: an absolute one anywhere, for the descriptor is not looked at then. */
export function startOf(task: Task, dirfd: bigint, path: string): Result<Directory> {
  const fd = int(dirfd);
  if (path.startsWith('/')) return ok(task.kernel.files.root);
  if (fd === AT_FDCWD) return ok(task.cwd);
  const file = task.files.any(fd);
  if (!file.ok) return file;
  const { inode } = file.value;
  return inode instanceof Directory ? ok(inode) : fail('ENOTDIR');
}

/** access_ok() of a 64-bit kernel: a 32-bit address always passes, a 64-bit one below the user's end. */
export function accessOk({ mm }: Task, addr: Addr, length: bigint): boolean {
  const top = mm.layout.kernelBits === 64 ? 0x7fff_ffff_f000n : mm.layout.taskSize;
  return addr + length <= top;
}

/** struct timespec of 8 or 16 bytes as nanoseconds. EINVAL for one that is none. */
export function timespecIn(memory: UserMemory, addr: Addr, word: 4 | 8): Result<bigint> {
  const read = structIn(memory, addr, 2 * word);
  if (!read.ok) return read;
  const seconds = read.value.signedWord(0, word);
  const nanoseconds = read.value.signedWord(word, word);
  if (seconds < 0n || nanoseconds < 0n || nanoseconds >= NANOSECONDS) return fail('EINVAL');
  return ok(seconds * NANOSECONDS + nanoseconds);
}

/** Two signed words: seconds and a fraction. */
export function timeOut(
  memory: UserMemory,
  addr: Addr,
  word: 4 | 8,
  [seconds, fraction]: readonly [bigint, bigint],
): Result<0> {
  const struct = new Struct(2 * word).setWord(0, word, seconds).setWord(word, word, fraction);
  return memory.copyOut(addr, struct.bytes);
}

/** A 64-bit value in two registers, as i386 passes it. */
export function twoWords(low: bigint, high: bigint): bigint {
  return BigInt.asIntN(64, (high << 32n) | BigInt.asUintN(32, low));
}
