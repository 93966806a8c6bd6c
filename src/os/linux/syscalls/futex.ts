/** futex. Compare kernel/futex/syscalls.c and waitwake.c. The PI operations are ENOSYS. */
import {
  FUTEX_CLOCK_REALTIME,
  FUTEX_CMP_REQUEUE,
  FUTEX_PRIVATE_FLAG,
  FUTEX_REQUEUE,
  FUTEX_WAIT,
  FUTEX_WAIT_BITSET,
  FUTEX_WAKE,
  FUTEX_WAKE_BITSET,
  FUTEX_WAKE_OP,
} from '../../../abi/linux/process.js';
import type { Addr } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { BOOT_NANOSECONDS } from '../../../kernel/clock.js';
import {
  int,
  noReturn,
  type SyscallArgs,
  type SyscallResult,
  uint,
} from '../../../kernel/syscall.js';
import { wordIn, wordOut } from '../../../kernel/user-memory.js';
import { ANY_BIT, type FutexWord } from '../futex/futexes.js';
import type { Task } from '../process/task.js';
import { accessOk, timespecIn } from './arguments.js';
import { type HandlerTable, waitForever } from './handler.js';

const COMMAND = ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);

interface Request {
  readonly word: FutexWord;
  readonly value: number;
  /** `utime`: a time, or a count of the operations with two. */
  readonly time: Addr;
  readonly second: FutexWord;
  readonly third: number;
  readonly realtime: boolean;
  /** Of struct timespec. */
  readonly timeWord: 4 | 8;
}

/** get_futex_key(). */
function checked(task: Task, { mm, address, isPrivate }: FutexWord): Result<Addr> {
  if (address & 3n) return fail('EINVAL');
  if (!accessOk(task, address, 4n)) return fail('EFAULT');
  // Only what may be shared is looked up: the page behind a private word is asked for when its content is.
  if (isPrivate) return ok(address);
  const there = wordIn(mm, address, 4);
  return there.ok ? ok(address) : there;
}

/** When the wait ends, in nanoseconds since the machine was switched on; undefined: never. */
function deadlineIn(
  task: Task,
  { time, realtime, timeWord }: Request,
  absolute: boolean,
): Result<bigint | undefined> {
  if (time === 0n) return ok(undefined);
  const given = timespecIn(task.mm, time, timeWord);
  if (!given.ok) return given;
  if (!absolute) return ok(task.kernel.clock.nanoseconds + given.value);
  return ok(realtime ? given.value - BOOT_NANOSECONDS : given.value);
}

function wait(task: Task, request: Request, bitset: number, absolute: boolean): SyscallResult {
  const deadline = deadlineIn(task, request, absolute);
  if (!deadline.ok) return deadline;
  if (bitset === 0) return fail('EINVAL');
  const place = checked(task, request.word);
  if (!place.ok) return place;
  const word = wordIn(task.mm, place.value, 4);
  if (!word.ok) return word;
  if (word.value !== BigInt(request.value)) return fail('EAGAIN');
  return sleep(task, request.word, bitset, deadline.value);
}

/** Until somebody wakes it, or its time has come. */
function sleep(
  task: Task,
  word: FutexWord,
  bitset: number,
  deadline: bigint | undefined,
): SyscallResult {
  const { futexes, clock } = task.kernel;
  if (task.processes.scheduler.isAlone(task)) {
    if (deadline === undefined) return waitForever(task, 'others');
    if (deadline > clock.nanoseconds) clock.nanoseconds = deadline;
    return fail('ETIMEDOUT');
  }
  const id = futexes.wait(word, bitset);
  const isOver = (): boolean => deadline !== undefined && deadline <= clock.nanoseconds;
  task.waiting = {
    retry: () => {
      if (futexes.isWoken(id)) return ok(0);
      if (!isOver()) return undefined;
      futexes.stop(id);
      return fail('ETIMEDOUT');
    },
    ready: () => futexes.isWoken(id),
    abandon: () => futexes.stop(id),
    interruptible: true,
    restarts: deadline === undefined,
    wokenBy: 'others',
    deadline,
  };
  return noReturn;
}

function wake(task: Task, { word, value }: Request, bitset: number): SyscallResult {
  if (bitset === 0) return fail('EINVAL');
  const place = checked(task, word);
  if (!place.ok) return place;
  // The count is looked at behind each waiter: one is woken whatever it says.
  return ok(task.kernel.futexes.wake(word, Math.max(1, value | 0), bitset));
}

/** `expected`: of FUTEX_CMP_REQUEUE. The value is how many were woken and moved. */
function requeue(task: Task, request: Request, expected: number | undefined): SyscallResult {
  const { word, second, value } = request;
  const moves = int(request.time);
  if ((value | 0) < 0 || moves < 0) return fail('EINVAL');
  for (const each of [word, second]) {
    const place = checked(task, each);
    if (!place.ok) return place;
  }
  if (expected !== undefined) {
    const now = wordIn(task.mm, word.address, 4);
    if (!now.ok) return now;
    if (now.value !== BigInt(expected)) return fail('EAGAIN');
  }
  const { futexes } = task.kernel;
  const woken = value === 0 ? 0 : futexes.wake(word, value);
  return ok(woken + futexes.requeue(word, second, moves));
}

/** The twelve bits from `shift` on, with their sign. */
function operand(encoded: number, shift: number): number {
  return (encoded << (20 - shift)) >> 20;
}

const CHANGES: readonly ((old: number, operand: number) => number)[] = [
  (_old, value) => value,
  (old, value) => old + value,
  (old, value) => old | value,
  (old, value) => old & ~value,
  (old, value) => old ^ value,
];

const COMPARISONS: readonly ((old: number, operand: number) => boolean)[] = [
  (old, value) => old === value,
  (old, value) => old !== value,
  (old, value) => old < value,
  (old, value) => old <= value,
  (old, value) => old > value,
  (old, value) => old >= value,
];

/** Changes the second word, wakes who sleeps on the first, and by what the second one was those on it too. */
function wakeOp(task: Task, { word, second, value, time, third }: Request): SyscallResult {
  for (const each of [word, second]) {
    const place = checked(task, each);
    if (!place.ok) return place;
  }
  const shifted = third & 0x8000_0000 ? 1 << (operand(third, 12) & 31) : operand(third, 12);
  const change = CHANGES[(third >>> 28) & 7];
  const compare = COMPARISONS[(third >>> 24) & 15];
  if (change === undefined) return fail('ENOSYS');
  const before = wordIn(task.mm, second.address, 4);
  if (!before.ok) return before;
  const old = Number(before.value) | 0;
  const stored = wordOut(task.mm, second.address, 4, BigInt(change(old, shifted) >>> 0));
  if (!stored.ok) return stored;
  if (compare === undefined) return fail('ENOSYS');
  const { futexes } = task.kernel;
  const woken = futexes.wake(word, Math.max(1, value | 0));
  if (!compare(old, operand(third, 0))) return ok(woken);
  return ok(woken + futexes.wake(second, Math.max(1, int(time))));
}

function futex(task: Task, args: SyscallArgs, timeWord: 4 | 8): SyscallResult {
  const [address, operation, value, time, second, third] = args;
  const op = int(operation);
  const isPrivate = (op & FUTEX_PRIVATE_FLAG) !== 0;
  const realtime = (op & FUTEX_CLOCK_REALTIME) !== 0;
  const command = op & COMMAND;
  if (realtime && command !== FUTEX_WAIT_BITSET) return fail('ENOSYS');
  const { mm } = task;
  const request: Request = {
    word: { mm, address, isPrivate },
    second: { mm, address: second, isPrivate },
    value: uint(value),
    third: uint(third),
    time,
    realtime,
    timeWord,
  };
  switch (command) {
    case FUTEX_WAIT:
      return wait(task, request, ANY_BIT, false);
    case FUTEX_WAIT_BITSET:
      return wait(task, request, request.third, true);
    case FUTEX_WAKE:
      return wake(task, request, ANY_BIT);
    case FUTEX_WAKE_BITSET:
      return wake(task, request, request.third);
    case FUTEX_REQUEUE:
      return requeue(task, request, undefined);
    case FUTEX_CMP_REQUEUE:
      return requeue(task, request, request.third);
    case FUTEX_WAKE_OP:
      return wakeOp(task, request);
    default:
      return fail('ENOSYS');
  }
}

export const futexCalls: HandlerTable = {
  futex: (task, args, { word }) => futex(task, args, word),
  futex_time64: (task, args) => futex(task, args, 8),
};
