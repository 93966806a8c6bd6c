/** That files are on the disk, and how they will be read: nothing to do here but the checks. Compare fs/sync.c, mm/fadvise.c. */
import { S_IFIFO } from '../../../abi/linux/fcntl.js';
import { fail, ok } from '../../../base/result.js';
import { int, type SyscallResult } from '../../../kernel/syscall.js';
import { Directory } from '../fs/inode.js';
import { RegularFile } from '../fs/regular-file.js';
import type { Task } from '../process/task.js';
import { twoWords } from './arguments.js';
import type { HandlerTable } from './handler.js';
import { inodeAtDescriptor } from './lookup.js';

/** Everything is where it is to be at once. EINVAL: what has no disk behind it. */
function synced(task: Task, fd: bigint): SyscallResult {
  const inode = inodeAtDescriptor(task, fd);
  if (!inode.ok) return inode;
  const stored = inode.value instanceof RegularFile || inode.value instanceof Directory;
  return stored ? ok(0) : fail('EINVAL');
}

/** POSIX_FADV_NOREUSE is the last one. */
const MOST_ADVICE = 5;

function fadvise(task: Task, fd: bigint, length: bigint, advice: number): SyscallResult {
  const inode = inodeAtDescriptor(task, fd);
  if (!inode.ok) return inode;
  if (inode.value.type === S_IFIFO) return fail('ESPIPE');
  return length < 0n || advice < 0 || advice > MOST_ADVICE ? fail('EINVAL') : ok(0);
}

export const syncCalls: HandlerTable = {
  fsync: (task, [fd]) => synced(task, fd),
  fdatasync: (task, [fd]) => synced(task, fd),
  syncfs: (task, [fd]) => {
    const inode = inodeAtDescriptor(task, fd);
    return inode.ok ? ok(0) : inode;
  },
  sync: () => ok(0),
  fadvise64: (task, [fd, , length, low, advice], { word }) =>
    word === 8
      ? fadvise(task, fd, BigInt.asIntN(64, length), int(low))
      : fadvise(task, fd, low, int(advice)),
  fadvise64_64: (task, [fd, , , low, high, advice]) =>
    fadvise(task, fd, twoWords(low, high), int(advice)),
};
