/** utimensat and its elders. A file has one time here, that of its last change. Compare fs/utimes.c. */
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW } from '../../../abi/linux/fcntl.js';
import type { Addr } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { BOOT_NANOSECONDS } from '../../../kernel/clock.js';
import { int, type SyscallResult, uint } from '../../../kernel/syscall.js';
import { structIn } from '../../../kernel/user-memory.js';
import type { Abi } from '../abi.js';
import type { Inode } from '../fs/inode.js';
import { MAY_WRITE, permits, USER_ID } from '../fs/mode.js';
import type { Task } from '../process/task.js';
import type { HandlerTable } from './handler.js';
import { inodeAtDescriptor, inodeAtPath, lookupInode } from './lookup.js';

const CWD = BigInt(AT_FDCWD);
const UTIME_NOW = 0x3fff_ffffn;
const UTIME_OMIT = 0x3fff_fffen;
const NANOSECONDS = 1_000_000_000n;

/** The time of the last change since boot; null: it stays as it is. Undefined: now, for which the right to write does. */
type NewTime = { readonly modified: bigint } | null | undefined;

function setTime(task: Task, inode: Inode, time: NewTime): SyscallResult {
  if (time === null) return ok(0);
  if (inode.mount.readOnly) return fail('EROFS');
  const own = inode.uid === USER_ID;
  if (time === undefined && !own && !permits(inode, MAY_WRITE)) return fail('EACCES');
  if (time !== undefined && !own) return fail('EPERM');
  inode.modified = time?.modified ?? task.kernel.clock.nanoseconds;
  return ok(0);
}

/** The second of two: a file here has one time. `unit`: nanoseconds of the fraction. */
function timesIn(task: Task, at: Addr, word: 4 | 8, unit: bigint): Result<NewTime> {
  if (at === 0n) return ok(undefined);
  const given = structIn(task.mm, at, 4 * word);
  if (!given.ok) return given;
  const times: NewTime[] = [];
  for (const index of [0, 1]) {
    const seconds = given.value.signedWord(2 * index * word, word);
    const fraction = given.value.signedWord((2 * index + 1) * word, word);
    const special = unit === 1n && (fraction === UTIME_NOW || fraction === UTIME_OMIT);
    if (!special && (fraction < 0n || fraction * unit >= NANOSECONDS)) return fail('EINVAL');
    if (special) times.push(fraction === UTIME_OMIT ? null : undefined);
    else times.push({ modified: seconds * NANOSECONDS + fraction * unit - BOOT_NANOSECONDS });
  }
  return ok(times[1]);
}

function utimens(
  task: Task,
  [dirfd, path, times, flags]: readonly [bigint, Addr, Addr, number],
  word: 4 | 8,
  unit: bigint,
): SyscallResult {
  const time = timesIn(task, times, word, unit);
  if (!time.ok) return time;
  if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return fail('EINVAL');
  const noPath = path === 0n && int(dirfd) !== AT_FDCWD;
  if (noPath && flags !== 0) return fail('EINVAL');
  const inode = noPath ? inodeAtDescriptor(task, dirfd) : lookupInode(task, dirfd, path, flags);
  return inode.ok ? setTime(task, inode.value, time.value) : inode;
}

function utime(task: Task, path: Addr, times: Addr, { word }: Abi): SyscallResult {
  let time: NewTime;
  if (times !== 0n) {
    const given = structIn(task.mm, times, 2 * word);
    if (!given.ok) return given;
    time = { modified: given.value.signedWord(word, word) * NANOSECONDS - BOOT_NANOSECONDS };
  }
  const inode = inodeAtPath(task, path);
  return inode.ok ? setTime(task, inode.value, time) : inode;
}

export const fileTimeCalls: HandlerTable = {
  utimensat: (task, [dirfd, path, times, flags], { word }) =>
    utimens(task, [dirfd, path, times, uint(flags)], word, 1n),
  utimensat_time64: (task, [dirfd, path, times, flags]) =>
    utimens(task, [dirfd, path, times, uint(flags)], 8, 1n),
  futimesat: (task, [dirfd, path, times], { word }) =>
    utimens(task, [dirfd, path, times, 0], word, 1000n),
  utimes: (task, [path, times], { word }) => utimens(task, [CWD, path, times, 0], word, 1000n),
  utime: (task, [path, times], abi) => utime(task, path, times, abi),
};
