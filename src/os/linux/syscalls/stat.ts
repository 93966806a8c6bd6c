/** The stat family, access and readlink. Compare fs/stat.c and arch/x86/kernel/sys_ia32.c. */
import {
  AT_EACCESS,
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_NO_AUTOMOUNT,
  AT_SYMLINK_NOFOLLOW,
  S_IFREG,
} from '../../../abi/linux/fcntl.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { encodeText } from '../../../base/text.js';
import { int, type SyscallResult, uint } from '../../../kernel/syscall.js';
import type { Abi } from '../abi.js';
import { type Inode, Symlink } from '../fs/inode.js';
import { permits } from '../fs/mode.js';
import { encodeStat, encodeStat32, encodeStat64OfI386, encodeStatx } from '../fs/stat.js';
import type { Task } from '../process/task.js';
import type { HandlerTable } from './handler.js';
import { inodeOf, lookupInode } from './lookup.js';

const CWD = BigInt(AT_FDCWD);
const STAT_FLAGS = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;
/** AT_STATX_SYNC_TYPE. */
const STATX_SYNC = 0x6000;
/** STATX__RESERVED. */
const STATX_RESERVED = 0x80000000;

type Encoder = (inode: Inode) => Result<Uint8Array>;

function show(task: Task, found: Result<Inode>, buffer: bigint, encode: Encoder): SyscallResult {
  if (!found.ok) return found;
  const bytes = encode(found.value);
  return bytes.ok ? task.mm.copyOut(buffer, bytes.value) : bytes;
}

function statAt(
  task: Task,
  [dirfd, path, buffer]: readonly [bigint, bigint, bigint],
  flags: number,
  encode: Encoder,
): SyscallResult {
  if (flags & ~STAT_FLAGS) return fail('EINVAL');
  return show(task, lookupInode(task, dirfd, path, flags), buffer, encode);
}

const plain = (abi: Abi): Encoder => (abi.word === 8 ? encodeStat : encodeStat32);

function statx(task: Task, args: readonly [bigint, bigint, bigint, bigint, bigint]): SyscallResult {
  const [dirfd, path, flags, mask, buffer] = args;
  if (uint(mask) & STATX_RESERVED) return fail('EINVAL');
  if ((uint(flags) & STATX_SYNC) === STATX_SYNC) return fail('EINVAL');
  if (uint(flags) & ~(STAT_FLAGS | STATX_SYNC)) return fail('EINVAL');
  return show(task, lookupInode(task, dirfd, path, uint(flags)), buffer, encodeStatx);
}

function access(
  task: Task,
  dirfd: bigint,
  path: bigint,
  mode: number,
  flags: number,
): SyscallResult {
  if (mode & ~7) return fail('EINVAL');
  if (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return fail('EINVAL');
  const found = lookupInode(task, dirfd, path, flags);
  if (!found.ok) return found;
  if (mode & 1 && found.value.mount.noexec && found.value.type === S_IFREG) {
    return fail('EACCES');
  }
  if (!permits(found.value, mode)) return fail('EACCES');
  if (mode & 2 && found.value.mount.readOnly) return fail('EROFS');
  return ok(0);
}

/** Cut to the buffer, without a NUL. */
function readlink(
  task: Task,
  dirfd: bigint,
  [path, buffer, size]: readonly [bigint, bigint, bigint],
): SyscallResult {
  if (int(size) <= 0) return fail('EINVAL');
  const found = lookupInode(task, dirfd, path, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
  if (!found.ok) return found;
  if (!(found.value instanceof Symlink)) return fail('EINVAL');
  const target = encodeText(found.value.target).subarray(0, int(size));
  const copied = task.mm.copyOut(buffer, target);
  return copied.ok ? ok(target.length) : copied;
}

export const statCalls: HandlerTable = {
  stat: (task, [path, buffer], abi) => statAt(task, [CWD, path, buffer], 0, plain(abi)),
  lstat: (task, [path, buffer], abi) =>
    statAt(task, [CWD, path, buffer], AT_SYMLINK_NOFOLLOW, plain(abi)),
  fstat: (task, [fd, buffer], abi) => show(task, inodeOf(task, int(fd)), buffer, plain(abi)),
  newfstatat: (task, [dirfd, path, buffer, flags], abi) =>
    statAt(task, [dirfd, path, buffer], uint(flags), plain(abi)),
  stat64: (task, [path, buffer]) => statAt(task, [CWD, path, buffer], 0, encodeStat64OfI386),
  lstat64: (task, [path, buffer]) =>
    statAt(task, [CWD, path, buffer], AT_SYMLINK_NOFOLLOW, encodeStat64OfI386),
  fstat64: (task, [fd, buffer]) => show(task, inodeOf(task, int(fd)), buffer, encodeStat64OfI386),
  fstatat64: (task, [dirfd, path, buffer, flags]) =>
    statAt(task, [dirfd, path, buffer], uint(flags), encodeStat64OfI386),
  statx: (task, [dirfd, path, flags, mask, buffer]) =>
    statx(task, [dirfd, path, flags, mask, buffer]),
  access: (task, [path, mode]) => access(task, CWD, path, int(mode), 0),
  faccessat: (task, [dirfd, path, mode]) => access(task, dirfd, path, int(mode), 0),
  faccessat2: (task, [dirfd, path, mode, flags]) =>
    access(task, dirfd, path, int(mode), int(flags)),
  readlink: (task, [path, buffer, size]) => readlink(task, CWD, [path, buffer, size]),
  readlinkat: (task, [dirfd, path, buffer, size]) => readlink(task, dirfd, [path, buffer, size]),
};
