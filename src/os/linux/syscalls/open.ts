/** open, close, dup. Compare fs/open.c and fs/file.c. */
import {
  AT_FDCWD,
  O_CLOEXEC,
  O_CREAT,
  O_LARGEFILE,
  O_TRUNC,
  O_WRONLY,
} from '../../../abi/linux/fcntl.js';
import { RLIMIT_NOFILE } from '../../../abi/linux/process.js';
import { fail, ok } from '../../../base/result.js';
import { int, type SyscallResult, uint } from '../../../kernel/syscall.js';
import { checkOpenFlags, openPath } from '../fs/open.js';
import type { Task } from '../process/task.js';
import { pathIn, startOf } from './arguments.js';
import type { HandlerTable } from './handler.js';

/** CLOSE_RANGE_CLOEXEC; CLOSE_RANGE_UNSHARE means nothing without threads. */
const CLOSE_RANGE_CLOEXEC = 4;
const CLOSE_RANGE_FLAGS = 6;

function open(
  task: Task,
  dirfd: bigint,
  pathname: bigint,
  given: number,
  mode: bigint,
): SyscallResult {
  const flags = checkOpenFlags(given);
  if (!flags.ok) return flags;
  const path = pathIn(task.mm, pathname);
  if (!path.ok) return path;
  const start = startOf(task, dirfd, path.value);
  if (!start.ok) return start;
  const request = {
    flags: flags.value,
    permissions: int(mode) & 0o7777 & ~task.umask,
    now: task.kernel.clock.nanoseconds,
  };
  const file = openPath(task.kernel.files, start.value, path.value, request);
  if (!file.ok) return file;
  return task.files.install(file.value, (flags.value & O_CLOEXEC) !== 0);
}

/** Files of a 64-bit kernel's own open are large without asking. */
function large(task: Task, flags: bigint, word: 4 | 8): number {
  return int(flags) | (word === 8 && task.mm.layout.kernelBits === 64 ? O_LARGEFILE : 0);
}

function duplicate(task: Task, from: bigint, to: bigint, flags: number): SyscallResult {
  if (flags & ~O_CLOEXEC) return fail('EINVAL');
  if (int(from) === int(to)) return fail('EINVAL');
  if (uint(to) >= Number(task.limits.soft(RLIMIT_NOFILE))) return fail('EBADF');
  const file = task.files.any(int(from));
  if (!file.ok) return file;
  task.files.replace(uint(to), file.value, (flags & O_CLOEXEC) !== 0);
  return ok(uint(to));
}

function closeRange(task: Task, first: number, last: number, flags: number): SyscallResult {
  if (flags & ~CLOSE_RANGE_FLAGS || first > last) return fail('EINVAL');
  for (const [fd] of [...task.files.entries()]) {
    if (fd < first || fd > last) continue;
    if (flags & CLOSE_RANGE_CLOEXEC) task.files.setCloseOnExec(fd, true);
    else task.files.close(fd);
  }
  return ok(0);
}

const CWD = BigInt(AT_FDCWD);

export const openCalls: HandlerTable = {
  open: (task, [path, flags, mode], { word }) =>
    open(task, CWD, path, large(task, flags, word), mode),
  openat: (task, [dirfd, path, flags, mode], { word }) =>
    open(task, dirfd, path, large(task, flags, word), mode),
  creat: (task, [path, mode], { word }) =>
    open(task, CWD, path, large(task, BigInt(O_CREAT | O_WRONLY | O_TRUNC), word), mode),
  close: (task, [fd]) => task.files.close(int(fd)),
  close_range: (task, [first, last, flags]) =>
    closeRange(task, uint(first), uint(last), uint(flags)),
  dup: (task, [fd]) => {
    const file = task.files.any(int(fd));
    return file.ok ? task.files.install(file.value, false) : file;
  },
  dup2: (task, [from, to]) => {
    if (int(from) !== int(to)) return duplicate(task, from, to, 0);
    const file = task.files.any(int(from));
    return file.ok ? ok(int(from)) : file;
  },
  dup3: (task, [from, to, flags]) => duplicate(task, from, to, int(flags)),
};
