/** getdents64. Compare fs/readdir.c:filldir64(). */
import { S_IFMT } from '../../../abi/linux/fcntl.js';
import { fail, ok } from '../../../base/result.js';
import { Struct } from '../../../base/struct.js';
import { cString } from '../../../base/text.js';
import { int, type SyscallResult, uint } from '../../../kernel/syscall.js';
import { Directory, type Inode } from '../fs/inode.js';
import type { Task } from '../process/task.js';
import type { HandlerTable } from './handler.js';

/** struct linux_dirent64 up to d_name. */
const HEADER = 19;

function record(name: string, inode: Inode, next: number): Uint8Array {
  const text = cString(name);
  const length = Math.ceil((HEADER + text.length) / 8) * 8;
  return new Struct(length)
    .setU64(0, BigInt(inode.number))
    .setU64(8, BigInt(next))
    .setU16(16, length)
    .setU8(18, (inode.mode & S_IFMT) >> 12)
    .set(HEADER, text).bytes;
}

/** The position counts entries. EINVAL: not even one fits. */
function getdents64(task: Task, fd: number, buffer: bigint, size: number): SyscallResult {
  const file = task.files.get(fd);
  if (!file.ok) return file;
  const { inode } = file.value;
  if (!(inode instanceof Directory)) return fail('ENOTDIR');
  const entries: (readonly [string, Inode])[] = [
    ['.', inode],
    ['..', inode.parent ?? inode],
    ...inode.list(),
  ];
  task.kernel.meter.charge('object', entries.length);
  let done = 0;
  for (let at = file.value.position; at < entries.length; at++) {
    const [name, entry] = entries[at]!;
    const bytes = record(name, entry, at + 1);
    if (done + bytes.length > size) return done === 0 ? fail('EINVAL') : ok(done);
    const copied = task.mm.copyOut(buffer + BigInt(done), bytes);
    if (!copied.ok) return done === 0 ? copied : ok(done);
    done += bytes.length;
    file.value.position = at + 1;
  }
  return ok(done);
}

export const directoryCalls: HandlerTable = {
  getdents64: (task, [fd, buffer, size]) => getdents64(task, int(fd), buffer, uint(size)),
};
