/** Clocks and sleeps, on the machine's virtual clock. Compare kernel/time/posix-timers.c and hrtimer.c. */
import {
  CLOCK_BOOTTIME,
  CLOCK_MONOTONIC,
  CLOCK_MONOTONIC_COARSE,
  CLOCK_MONOTONIC_RAW,
  CLOCK_PROCESS_CPUTIME_ID,
  CLOCK_REALTIME,
  CLOCK_REALTIME_COARSE,
  CLOCK_TAI,
  CLOCK_THREAD_CPUTIME_ID,
} from '../../../abi/linux/process.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { Struct } from '../../../base/struct.js';
import type { Instant } from '../../../kernel/clock.js';
import { int, noReturn, type SyscallResult } from '../../../kernel/syscall.js';
import { wordOut } from '../../../kernel/user-memory.js';
import type { Task } from '../process/task.js';
import { timeOut, timespecIn } from './arguments.js';
import type { HandlerTable } from './handler.js';

const TIMER_ABSTIME = 1;
const NANOSECONDS = 1_000_000_000n;

/** The process has run since the machine was switched on: CPU time is the monotonic clock's. */
const MONOTONIC = [
  CLOCK_MONOTONIC,
  CLOCK_MONOTONIC_RAW,
  CLOCK_MONOTONIC_COARSE,
  CLOCK_BOOTTIME,
  CLOCK_PROCESS_CPUTIME_ID,
  CLOCK_THREAD_CPUTIME_ID,
];
const REALTIME = [CLOCK_REALTIME, CLOCK_REALTIME_COARSE, CLOCK_TAI];

function read({ kernel: { clock } }: Task, id: number): Result<Instant> {
  if (REALTIME.includes(id)) return ok(clock.realtime);
  return MONOTONIC.includes(id) ? ok(clock.monotonic) : fail('EINVAL');
}

function clockGettime(task: Task, id: bigint, buffer: bigint, word: 4 | 8): SyscallResult {
  const now = read(task, int(id));
  if (!now.ok) return now;
  const { seconds, nanoseconds } = now.value;
  return timeOut(task.mm, buffer, word, [seconds, BigInt(nanoseconds)]);
}

function clockGetres(task: Task, id: bigint, buffer: bigint, word: 4 | 8): SyscallResult {
  const known = read(task, int(id));
  if (!known.ok) return known;
  return buffer === 0n ? ok(0) : timeOut(task.mm, buffer, word, [0n, 1n]);
}

interface Sleep {
  readonly until: bigint;
  /** Where the time goes that is left when a signal ends it; 0: nowhere. */
  readonly rest: bigint;
  readonly word: 4 | 8;
}

/** Until the clock is there. Where nobody else could do anything meanwhile, it is there at once. */
function sleepUntil(task: Task, { until, rest, word }: Sleep): SyscallResult {
  const { clock } = task.kernel;
  if (until <= clock.nanoseconds) return ok(0);
  if (!task.processes.scheduler.hasOthers(task)) {
    clock.nanoseconds = until;
    return ok(0);
  }
  task.waiting = {
    retry: () => (until <= clock.nanoseconds ? ok(0) : undefined),
    ready: () => false,
    interruptible: true,
    restarts: false,
    wokenBy: 'others',
    deadline: until,
    interrupted: () => {
      const left = until - clock.nanoseconds;
      const told =
        rest === 0n
          ? ok(0)
          : timeOut(task.mm, rest, word, [left / NANOSECONDS, left % NANOSECONDS]);
      return told.ok ? fail('EINTR') : told;
    },
  };
  return noReturn;
}

function nanosleep(
  task: Task,
  [request, rest]: readonly [bigint, bigint],
  word: 4 | 8,
): SyscallResult {
  const duration = timespecIn(task.mm, request, word);
  if (!duration.ok) return duration;
  return sleepUntil(task, { until: task.kernel.clock.nanoseconds + duration.value, rest, word });
}

function clockNanosleep(
  task: Task,
  [id, flags, request, rest]: readonly [bigint, bigint, bigint, bigint],
  word: 4 | 8,
): SyscallResult {
  const now = read(task, int(id));
  if (!now.ok) return now;
  const time = timespecIn(task.mm, request, word);
  if (!time.ok) return time;
  const { clock } = task.kernel;
  if (!(int(flags) & TIMER_ABSTIME))
    return sleepUntil(task, { until: clock.nanoseconds + time.value, rest, word });
  const { seconds, nanoseconds } = now.value;
  const start = seconds * NANOSECONDS + BigInt(nanoseconds);
  return sleepUntil(task, { until: clock.nanoseconds + time.value - start, rest: 0n, word });
}

function gettimeofday(task: Task, time: bigint, zone: bigint, word: 4 | 8): SyscallResult {
  const { seconds, nanoseconds } = task.kernel.clock.realtime;
  if (time !== 0n) {
    const microseconds = BigInt(Math.floor(nanoseconds / 1000));
    const written = timeOut(task.mm, time, word, [seconds, microseconds]);
    if (!written.ok) return written;
  }
  return zone === 0n ? ok(0) : task.mm.copyOut(zone, new Struct(8).bytes);
}

function time(task: Task, buffer: bigint, word: 4 | 8): SyscallResult {
  const { seconds } = task.kernel.clock.realtime;
  if (buffer !== 0n) {
    const written = wordOut(task.mm, buffer, word, seconds);
    if (!written.ok) return written;
  }
  return ok(seconds);
}

export const timeCalls: HandlerTable = {
  clock_gettime: (task, [id, buffer], { word }) => clockGettime(task, id, buffer, word),
  clock_gettime64: (task, [id, buffer]) => clockGettime(task, id, buffer, 8),
  clock_getres: (task, [id, buffer], { word }) => clockGetres(task, id, buffer, word),
  clock_getres_time64: (task, [id, buffer]) => clockGetres(task, id, buffer, 8),
  nanosleep: (task, [request, rest], { word }) => nanosleep(task, [request, rest], word),
  clock_nanosleep: (task, [id, flags, request, rest], { word }) =>
    clockNanosleep(task, [id, flags, request, rest], word),
  clock_nanosleep_time64: (task, [id, flags, request, rest]) =>
    clockNanosleep(task, [id, flags, request, rest], 8),
  gettimeofday: (task, [time, zone], { word }) => gettimeofday(task, time, zone, word),
  time: (task, [buffer], { word }) => time(task, buffer, word),
};
