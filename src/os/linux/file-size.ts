/** RLIMIT_FSIZE: files grow no further than it allows; who tries gets SIGXFSZ as well as EFBIG. */
import { S_IFREG } from '../../abi/linux/fcntl.js';
import { RLIMIT_FSIZE } from '../../abi/linux/process.js';
import { SI_CODE, signalNumber } from '../../abi/linux/signal.js';
import { fail, ok, type Result } from '../../base/result.js';
import type { Inode } from './fs/inode.js';
import { USER_ID } from './fs/mode.js';
import type { OpenFile } from './fs/open-file.js';
import { RLIM_INFINITY } from './process/limits.js';
import type { Task } from './process/task.js';
import { senderInfo } from './signals/siginfo.js';

/** How much of a write is allowed. Compare fs/read_write.c:generic_write_check_limits(). */
export function allowedWrite(
  task: Task,
  file: OpenFile,
  count: number,
  at: number | undefined,
): Result<number> {
  const limit = task.limits.soft(RLIMIT_FSIZE);
  if (limit === RLIM_INFINITY || file.inode.type !== S_IFREG || count === 0) return ok(count);
  const start = BigInt(file.appending ? file.inode.size : (at ?? file.position));
  if (start >= limit) return tooLarge(task);
  const room = limit - start;
  return ok(BigInt(count) < room ? count : Number(room));
}

/** Compare fs/attr.c:inode_newsize_ok(): only growing is limited. */
export function allowedSize(task: Task, inode: Inode, size: bigint): Result<0> {
  const limit = task.limits.soft(RLIMIT_FSIZE);
  const grows = size > BigInt(inode.size);
  return grows && limit !== RLIM_INFINITY && size > limit ? tooLarge(task) : ok(0);
}

function tooLarge(task: Task): Result<never> {
  task.signals.sendHere(senderInfo(signalNumber('SIGXFSZ'), SI_CODE.SI_USER, task.pid, USER_ID));
  return fail('EFBIG');
}
