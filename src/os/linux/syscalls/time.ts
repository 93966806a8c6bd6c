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
import { int, type SyscallResult } from '../../../kernel/syscall.js';
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

/** Time passes at once; nothing can interrupt it, so the rest (`rmtp`) is never written. */
function nanosleep(task: Task, request: bigint, word: 4 | 8): SyscallResult {
  const duration = timespecIn(task.mm, request, word);
  if (!duration.ok) return duration;
  task.kernel.clock.advance(duration.value);
  return ok(0);
}

function clockNanosleep(
  task: Task,
  [id, flags, request]: readonly [bigint, bigint, bigint],
  word: 4 | 8,
): SyscallResult {
  const now = read(task, int(id));
  if (!now.ok) return now;
  const time = timespecIn(task.mm, request, word);
  if (!time.ok) return time;
  const { seconds, nanoseconds } = now.value;
  const start = int(flags) & TIMER_ABSTIME ? seconds * NANOSECONDS + BigInt(nanoseconds) : 0n;
  if (time.value > start) task.kernel.clock.advance(time.value - start);
  return ok(0);
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
  nanosleep: (task, [request], { word }) => nanosleep(task, request, word),
  clock_nanosleep: (task, [id, flags, request], { word }) =>
    clockNanosleep(task, [id, flags, request], word),
  clock_nanosleep_time64: (task, [id, flags, request]) =>
    clockNanosleep(task, [id, flags, request], 8),
  gettimeofday: (task, [time, zone], { word }) => gettimeofday(task, time, zone, word),
  time: (task, [buffer], { word }) => time(task, buffer, word),
};
