/**
 * The threads of a process take turns, each for a share of blocks: which one runs depends on nothing but the program,
 * so that a run is the same each time, however it is cut by pauses. A thread that waits has no turn; when all wait,
 * time moves to the first that has a deadline.
 */
import { ProcessEnded, ThreadEnded } from './calls/control.js';
import type { HostRun, HostTask } from './calls/task.js';
import { selectTeb } from './loader/teb.js';
import type { Win32Process } from './process/process.js';
import type { Win32Thread } from './process/thread.js';

/** A share of blocks for the current thread. A thread alone needs none. */
export function beginTurn(process: Win32Process): void {
  const { meter, schedule } = process.system;
  process.turnEnd = meter.spent + schedule.share();
}

/** Runs the process to its end, with `task` as what the current thread does. @throws ProcessEnded always. */
export function* schedule(process: Win32Process, task: HostTask<never>): HostRun<never> {
  process.thread.task = task;
  try {
    for (;;) {
      const end = yield* turn(process);
      if (end !== undefined) leave(process, end);
      yield* next(process);
    }
  } finally {
    for (const thread of process.threads) thread.task?.return(undefined as never);
  }
}

/** The current thread runs until its turn is over; its exit code when it has ended. */
function* turn(process: Win32Process): HostRun<number | undefined> {
  const { thread } = process;
  for (;;) {
    let step: IteratorResult<'paused' | 'blocks' | 'memory' | 'turn', never>;
    try {
      step = thread.task!.next();
    } catch (error) {
      if (error instanceof ThreadEnded) return error.code;
      throw error;
    }
    if (step.done || step.value === 'turn') return undefined;
    yield step.value;
  }
}

/** The thread is over: its process too, if it was the last. @throws ProcessEnded */
function leave(process: Win32Process, code: number): void {
  endThread(process, process.thread, code);
  if (process.threads.length === 0) throw new ProcessEnded({ kind: 'exit', code: code >>> 0 });
}

/** A thread that ends, or is ended by another. */
export function endThread(process: Win32Process, thread: Win32Thread, code: number): void {
  thread.exitCode = code >>> 0;
  thread.cpu = undefined;
  process.threads = process.threads.filter((other) => other !== thread);
}

function* next(process: Win32Process): HostRun<void> {
  for (;;) {
    const found = runnable(process);
    if (found !== undefined) {
      if (found !== process.thread) switchTo(process, found);
      beginTurn(process);
      return;
    }
    const { meter, clock, blocksLeft } = process.system;
    // Time that nobody works in is work of the host's.
    meter.charge('syscall');
    if (blocksLeft <= 0) yield 'blocks';
    const deadlines = process.threads.flatMap(({ wait, suspended }) =>
      wait?.deadline === undefined || suspended > 0 ? [] : [wait.deadline],
    );
    if (deadlines.length === 0) deadlock(process);
    clock.nanoseconds = deadlines.reduce((first, one) => (one < first ? one : first));
  }
}

/** The next that could go on; in order the current one is the last. */
function runnable({ threads, thread, system }: Win32Process): Win32Thread | undefined {
  system.meter.charge('object', threads.length);
  const after = threads.indexOf(thread) + 1;
  const order = [...threads.slice(after), ...threads.slice(0, after)];
  return system.schedule.pick(
    order.filter(({ wait, suspended }) => {
      if (suspended > 0) return false;
      if (wait === undefined || wait.isReady()) return true;
      return wait.deadline !== undefined && wait.deadline <= system.clock.nanoseconds;
    }),
  );
}

function switchTo(process: Win32Process, thread: Win32Thread): void {
  const { engine } = process;
  const before = process.thread;
  if (before.exitCode === undefined) before.cpu = engine.saveCpu();
  process.thread = thread;
  selectTeb(process);
  if (thread.cpu !== undefined) engine.loadCpu(thread.cpu);
  thread.cpu = undefined;
}

/** @throws ProcessEnded: every thread waits for what only another could do. */
function deadlock({ threads, system }: Win32Process): never {
  const waiting = threads.map(({ tid, wait, suspended }) => ({
    pid: tid,
    call: wait?.call ?? (suspended > 0 ? 'SuspendThread' : 'ExitThread'),
  }));
  const calls = waiting.map(({ pid, call }) => `thread ${pid} in ${call}`).join(', ');
  system.note(`every thread waits for what no other thread will do: ${calls}`);
  throw new ProcessEnded({ kind: 'deadlock', waiting });
}
