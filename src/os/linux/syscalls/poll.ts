/**
 * poll, select and their like. Compare fs/select.c. Time is virtual: a wait with an end lets the others run meanwhile. The signal mask of ppoll and pselect6 counts when the call
 * begins.
 */
import { POLLERR, POLLHUP, POLLNVAL, SELECT_SETS } from '../../../abi/linux/poll.js';
import { RLIMIT_NOFILE } from '../../../abi/linux/process.js';
import type { Addr } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { Struct } from '../../../base/struct.js';
import { int, noReturn, type SyscallResult, uint } from '../../../kernel/syscall.js';
import { structIn, wordIn } from '../../../kernel/user-memory.js';
import type { Abi } from '../abi.js';
import type { Task } from '../process/task.js';
import { hasInterruption } from '../signals/interruption.js';
import { timeOut, timespecIn } from './arguments.js';
import { type HandlerTable, waitForever } from './handler.js';

const MILLISECOND = 1_000_000n;
const SIGSET_SIZE = 8n;
/** struct pollfd: fd, events, revents. */
const POLLFD = 8;

interface Wait {
  /** What is ready now. Undefined: nothing is. */
  readonly ready: () => boolean;
  /** Writes the answer, whatever is ready. */
  readonly answer: () => SyscallResult;
  /** Nanoseconds; undefined: for ever. */
  readonly timeout: bigint | undefined;
}

/** Of the open file, or POLLNVAL. */
function eventsOf(task: Task, fd: number): number {
  const file = task.files.get(fd);
  if (!file.ok) return POLLNVAL;
  return file.value.inode.poll(file.value);
}

function wait(task: Task, { ready, answer, timeout }: Wait): SyscallResult {
  if (ready() || timeout === 0n) return answer();
  const alone = task.processes.scheduler.isAlone(task);
  if (timeout === undefined && alone) return waitForever(task, 'outside');
  if (timeout !== undefined && alone) {
    task.kernel.clock.advance(timeout);
    return answer();
  }
  const { clock } = task.kernel;
  const deadline = timeout === undefined ? undefined : clock.nanoseconds + timeout;
  const isOver = (): boolean => deadline !== undefined && deadline <= clock.nanoseconds;
  task.waiting = {
    retry: () => (ready() || isOver() ? answer() : undefined),
    ready,
    interruptible: true,
    restarts: false,
    wokenBy: 'others',
    deadline,
  };
  return noReturn;
}

function poll(task: Task, at: Addr, count: number, timeout: bigint | undefined): SyscallResult {
  if (BigInt(count) > task.limits.soft(RLIMIT_NOFILE)) return fail('EINVAL');
  const table = structIn(task.mm, at, count * POLLFD);
  if (!table.ok) return table;
  task.kernel.meter.charge('object', count);
  const { value: entries } = table;
  const revents = (index: number): number => {
    const fd = entries.i32(index * POLLFD);
    const wanted = entries.u16(index * POLLFD + 4) | POLLERR | POLLHUP | POLLNVAL;
    return fd < 0 ? 0 : eventsOf(task, fd) & wanted;
  };
  const indexes = Array.from({ length: count }, (_, index) => index);
  const answer = (): SyscallResult => {
    let found = 0;
    for (const index of indexes) {
      const events = revents(index);
      if (events !== 0) found++;
      const told = task.mm.copyOut(
        at + BigInt(index * POLLFD + 6),
        new Struct(2).setU16(0, events).bytes,
      );
      if (!told.ok) return told;
    }
    return ok(found);
  };
  return wait(task, {
    ready: () => indexes.some((index) => revents(index) !== 0),
    answer,
    timeout,
  });
}

/** A mask for the time of the call: a signal that is pending and not in it ends it at once. */
function masked(task: Task, at: Addr, size: bigint, begin: () => SyscallResult): SyscallResult {
  if (at === 0n) return begin();
  if (size !== SIGSET_SIZE) return fail('EINVAL');
  const mask = wordIn(task.mm, at, 8);
  if (!mask.ok) return mask;
  const { signals } = task;
  if ((signals.pendingMask & ~mask.value) === 0n) return begin();
  signals.suspend(mask.value);
  return hasInterruption(task) ? fail('EINTR') : begin();
}

function timespecOr(task: Task, at: Addr, word: 4 | 8): Result<bigint | undefined> {
  return at === 0n ? ok(undefined) : timespecIn(task.mm, at, word);
}

function ppoll(
  task: Task,
  [at, count, time, mask, size]: readonly [Addr, bigint, Addr, Addr, bigint],
  word: 4 | 8,
): SyscallResult {
  const timeout = timespecOr(task, time, word);
  if (!timeout.ok) return timeout;
  return masked(task, mask, size, () => poll(task, at, uint(count), timeout.value));
}

type Sets = readonly [read: Addr, write: Addr, except: Addr];

/** core_sys_select: bits beyond the largest descriptor of the process do not count. */
function select(
  task: Task,
  nfds: number,
  sets: Sets,
  word: 4 | 8,
  timeout: bigint | undefined,
): SyscallResult {
  if (nfds < 0) return fail('EINVAL');
  const count = Math.min(nfds, Number(task.limits.soft(RLIMIT_NOFILE)));
  const bytes = Math.ceil(count / (8 * word)) * word;
  const wanted: Uint8Array[] = [];
  for (const at of sets) {
    const set = at === 0n ? ok(new Struct(bytes)) : structIn(task.mm, at, bytes);
    if (!set.ok) return set;
    wanted.push(set.value.bytes.slice());
  }
  task.kernel.meter.charge('object', count);
  const isIn = (set: Uint8Array, fd: number): boolean =>
    ((set[fd >> 3] ?? 0) >> (fd & 7)) % 2 === 1;
  const fds = Array.from({ length: count }, (_, fd) => fd).filter((fd) =>
    wanted.some((set) => isIn(set, fd)),
  );
  if (fds.some((fd) => !task.files.get(fd).ok)) return fail('EBADF');
  const isReady = (which: number, fd: number): boolean =>
    isIn(wanted[which]!, fd) && (eventsOf(task, fd) & SELECT_SETS[which]!) !== 0;
  const answer = (): SyscallResult => {
    let found = 0;
    for (const [which, at] of sets.entries()) {
      const result = new Uint8Array(bytes);
      for (const fd of fds) {
        if (!isReady(which, fd)) continue;
        found++;
        result[fd >> 3]! |= 1 << (fd & 7);
      }
      const told = at === 0n ? ok(0) : task.mm.copyOut(at, result);
      if (!told.ok) return told;
    }
    return ok(found);
  };
  const ready = (): boolean => fds.some((fd) => [0, 1, 2].some((which) => isReady(which, fd)));
  return wait(task, { ready, answer, timeout });
}

/** A struct timeval, which is left with the time that was not needed. */
function selectFor(
  task: Task,
  [nfds, read, write, except, time]: readonly [bigint, Addr, Addr, Addr, Addr],
  { word }: Abi,
): SyscallResult {
  let timeout: bigint | undefined;
  if (time !== 0n) {
    const given = structIn(task.mm, time, 2 * word);
    if (!given.ok) return given;
    const [seconds, micro] = [given.value.signedWord(0, word), given.value.signedWord(word, word)];
    if (seconds < 0n || micro < 0n) return fail('EINVAL');
    timeout = seconds * 1_000_000_000n + micro * 1000n;
  }
  const before = task.kernel.clock.nanoseconds;
  const done = select(task, int(nfds), [read, write, except], word, timeout);
  if (timeout === undefined || done.ok !== true) return done;
  const passed = task.kernel.clock.nanoseconds - before;
  const left = passed > timeout ? 0n : timeout - passed;
  // poll_select_finish ignores a place that cannot be written.
  timeOut(task.mm, time, word, [left / 1_000_000_000n, (left % 1_000_000_000n) / 1000n]);
  return done;
}

function pselect6(
  task: Task,
  [nfds, read, write, except, time, sigmask]: readonly bigint[],
  abi: Abi,
  timeWord: 4 | 8,
): SyscallResult {
  const timeout = timespecOr(task, time!, timeWord);
  if (!timeout.ok) return timeout;
  const pair =
    sigmask === 0n ? ok(new Struct(2 * abi.word)) : structIn(task.mm, sigmask!, 2 * abi.word);
  if (!pair.ok) return pair;
  const [mask, size] = [pair.value.word(0, abi.word), pair.value.word(abi.word, abi.word)];
  return masked(task, mask, size, () =>
    select(task, int(nfds!), [read!, write!, except!], abi.word, timeout.value),
  );
}

export const pollCalls: HandlerTable = {
  poll: (task, [at, count, timeout]) => {
    const milliseconds = int(timeout);
    const wanted = milliseconds < 0 ? undefined : BigInt(milliseconds) * MILLISECOND;
    return poll(task, at, uint(count), wanted);
  },
  ppoll: (task, [at, count, time, mask, size], { word }) =>
    ppoll(task, [at, count, time, mask, size], word),
  ppoll_time64: (task, [at, count, time, mask, size]) =>
    ppoll(task, [at, count, time, mask, size], 8),
  // On i386 the old select takes its arguments in memory.
  select: (task, args, abi) => {
    if (abi.word === 8) return selectFor(task, [args[0], args[1], args[2], args[3], args[4]], abi);
    const given = structIn(task.mm, args[0], 20);
    if (!given.ok) return given;
    const at = (index: number): bigint => given.value.word(4 * index, 4);
    return selectFor(task, [at(0), at(1), at(2), at(3), at(4)], abi);
  },
  _newselect: (task, [nfds, read, write, except, time], abi) =>
    selectFor(task, [nfds, read, write, except, time], abi),
  pselect6: (task, args, abi) => pselect6(task, args, abi, abi.word),
  pselect6_time64: (task, args, abi) => pselect6(task, args, abi, 8),
};
