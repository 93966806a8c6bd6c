/**
 * Scheduler: whose turn it is. There is one CPU: a thread keeps it until it waits, ends, or has had its share while
 * others could run (kernel/schedule.ts). When all wait, time moves to the first that has a deadline.
 */
import type { Outcome } from '../../../base/outcome.js';
import { GDT_TLS_FIRST } from '../../../engine/cpu-profile.js';
import type { CpuState } from '../../../engine/engine.js';
import { Schedule } from '../../../kernel/schedule.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';
import type { SyscallResult } from '../../../kernel/syscall.js';
import type { LinuxKernel } from '../kernel.js';
import type { AddressSpace } from '../mm/address-space.js';
import type { ThreadRights } from '../mm/thread-rights.js';
import { hasInterruption } from '../signals/interruption.js';
import type { SignalState } from '../signals/signal-state.js';

/** A system call that has not answered yet. */
export interface Waiting {
  /** The answer, once there is one. Asked while the process has the CPU. */
  retry(): SyscallResult | undefined;
  /** Is there perhaps an answer? Asked while another has the CPU. */
  ready(): boolean;
  /** May a signal end it? */
  readonly interruptible: boolean;
  /** ERESTARTSYS, and not ERESTARTNOHAND: SA_RESTART means it. */
  readonly restarts: boolean;
  /** Who could wake it: a signal or input from outside, or another process or thread alone. */
  readonly wokenBy: 'outside' | 'others';
  /** When it ends by itself: nanoseconds since the machine was switched on. `retry` has an answer from then on. */
  readonly deadline?: bigint | undefined;
  /** The answer when a signal ends it; default: EINTR. */
  interrupted?(): SyscallResult;
  /** It ends without an answer of its own: by a signal, or with its thread. */
  abandon?(): void;
  /** The system call's name; set by whoever made the call. */
  call?: string;
  /** What it has done so far, if that counts: a signal then ends it with this answer. */
  progress?: number | undefined;
  /** Where the answer goes; set by whoever made the call. */
  settle?: (result: SyscallResult) => void;
  /** Goes back to the instruction of the call, for SA_RESTART. */
  restart?: () => void;
}

/** Blocks that a thread may run while others wait for the CPU. */
const SHARE = 100_000;

/** What a whole turn counts as where others wait for a moment: about what so many blocks take on a processor. */
const NANOSECONDS_PER_TURN = 1_000_000n;

/** What the scheduler needs of a thread. */
export interface Scheduled {
  readonly kernel: LinuxKernel;
  /** Of its process. */
  readonly pid: number;
  readonly tid: number;
  /** It has ended, and others of its process go on. */
  readonly exited: boolean;
  readonly signals: SignalState;
  readonly mm: AddressSpace;
  readonly rights: ThreadRights;
  /** Descriptors 12 to 14 of the GDT. */
  readonly tls: readonly bigint[];
  /** The system call that it sleeps in. */
  readonly waiting: Waiting | undefined;
  /** How its process ended. */
  readonly outcome: Outcome | undefined;
  /** Registers while another thread has the CPU. */
  cpu: CpuState | undefined;
}

/** Who has the CPU, and for how many blocks more while others wait. */
export interface Turn<Task> {
  readonly task: Task;
  readonly left: number;
}

export class Scheduler<Task extends Scheduled> {
  readonly #tasks: () => readonly Task[];
  readonly #schedule: Schedule;
  #current: Task | undefined;
  /** As the last run that could go on left it. */
  turn: Turn<Task> | undefined;

  /** `tasks`: all that there are now. `seed`: of the schedule; undefined is round robin. */
  constructor(tasks: () => readonly Task[], seed?: number) {
    this.#tasks = tasks;
    this.#schedule = new Schedule(SHARE, seed);
  }

  /** Blocks that a turn may have that begins now. */
  share(): number {
    return this.#schedule.share();
  }

  /** Undefined: there is none yet. */
  get current(): Task | undefined {
    return this.#current;
  }

  /** The first one has the CPU at first. */
  begin(task: Task): void {
    this.#current ??= task;
    if (this.#current === task) task.mm.useThread(task.rights);
  }

  /** `other` goes on in the place of the one that has the CPU, with the registers as they are. */
  replace(task: Task, other: Task): void {
    if (this.#current !== task) return;
    this.#current = other;
    enterThread(other);
  }

  /** Is every other thread, if there is one, at its end? */
  isAlone(task: Task): boolean {
    return !this.#tasks().some((other) => other !== task && isAlive(other));
  }

  /** Has anybody something to do, now or at some time? */
  hasAny(): boolean {
    return this.#tasks().some(hasFuture);
  }

  /** Has anybody else? */
  hasOthers(task: Task): boolean {
    return this.#tasks().some((other) => other !== task && hasFuture(other));
  }

  /** How a run ends when nobody can go on: by who could still wake one of those that sleep. */
  sleep(): Outcome {
    const sleepers = this.#tasks().filter(isAlive);
    const waiting = sleepers.map(({ tid, waiting }) => ({ pid: tid, call: waiting?.call ?? '' }));
    const hopeful = sleepers.some((task) => task.waiting?.wokenBy === 'outside');
    return { kind: hopeful ? 'asleep' : 'deadlock', waiting };
  }

  /**
   * Who runs next; the present one last. Where all wait, the clock is moved to the first deadline. Undefined: everybody
   * waits for something that never comes.
   */
  next(): Task | undefined {
    const found = this.#runnable();
    if (found !== undefined) return found;
    const [any] = this.#tasks();
    const first = this.#firstDeadline();
    if (any === undefined || first === undefined) return undefined;
    const { clock, meter } = any.kernel;
    // Time that nobody works in is work of the host's.
    meter.charge('syscall');
    if (first > clock.nanoseconds) clock.nanoseconds = first;
    return this.#runnable();
  }

  /** A turn has used its share while somebody waits for a moment: time passes for those as well. */
  passTime(): void {
    const [any] = this.#tasks();
    if (any !== undefined && this.#firstDeadline() !== undefined)
      any.kernel.clock.advance(NANOSECONDS_PER_TURN);
  }

  /** Gives the CPU to a thread. */
  switchTo(task: Task): void {
    if (this.#current === task) return;
    const { meter } = task.kernel;
    meter.charge('switch');
    meter.charge('object', this.#tasks().length);
    this.show(task);
  }

  /** Gives the CPU to a thread for the host to look at: nothing of that happens in the machine. */
  show(task: Task): void {
    const before = this.#current;
    if (before === task) return;
    const { engine } = task.kernel;
    if (before !== undefined) before.cpu = engine.saveCpu();
    this.#current = task;
    enterThread(task);
    if (task.cpu !== undefined) engine.loadCpu(task.cpu);
  }

  save(): Saved {
    const current = this.#current;
    const { turn } = this;
    const schedule = this.#schedule.save();
    return saved(() => {
      this.#current = current;
      this.turn = turn;
      schedule.restore();
    });
  }

  #runnable(): Task | undefined {
    const now = this.#current?.tid ?? 0;
    const runnable = this.#tasks().filter(isRunnable);
    if (runnable.length < 2) return runnable[0];
    const order = runnable.sort((a, b) => a.tid - b.tid);
    const after = order.filter(({ tid }) => tid > now);
    return this.#schedule.pick([...after, ...order.filter(({ tid }) => tid <= now)]);
  }

  #firstDeadline(): bigint | undefined {
    return this.#tasks().reduce<bigint | undefined>((first, task) => {
      const deadline = deadlineOf(task);
      return deadline === undefined || (first !== undefined && first <= deadline)
        ? first
        : deadline;
    }, undefined);
  }
}

/** The CPU gets a thread's memory, its rights over it and its thread-local storage. */
export function enterThread({ kernel, mm, rights, tls, pid, tid }: Scheduled): void {
  const { engine } = kernel;
  kernel.threadId = pid === tid ? undefined : tid;
  mm.useThread(rights);
  engine.setTranslate(mm.translate);
  for (const [index, descriptor] of tls.entries())
    engine.setGdtEntry(GDT_TLS_FIRST + index, descriptor);
}

function isAlive({ outcome, exited }: Scheduled): boolean {
  return outcome === undefined && !exited;
}

function deadlineOf(task: Scheduled): bigint | undefined {
  return isAlive(task) ? task.waiting?.deadline : undefined;
}

function hasFuture(task: Scheduled): boolean {
  return isRunnable(task) || deadlineOf(task) !== undefined;
}

function isRunnable(task: Scheduled): boolean {
  if (!isAlive(task)) return false;
  const { waiting } = task;
  if (waiting === undefined || waiting.ready()) return true;
  if (waiting.deadline !== undefined && waiting.deadline <= task.kernel.clock.nanoseconds)
    return true;
  return waiting.interruptible && hasInterruption(task);
}
