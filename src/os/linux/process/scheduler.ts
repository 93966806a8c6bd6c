/**
 * Scheduler: whose turn it is. There is one CPU and no time: a thread keeps it until it waits, ends, or has had
 * its share while others could run. Deterministic: the next one is the one with the lowest number above the
 * last, round about.
 */
import type { Outcome } from '../../../base/outcome.js';
import { GDT_TLS_FIRST } from '../../../engine/cpu-profile.js';
import type { CpuState } from '../../../engine/engine.js';
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
  /** The system call's name; set by whoever made the call. */
  call?: string;
  /** What it has done so far, if that counts: a signal then ends it with this answer. */
  progress?: number | undefined;
  /** Where the answer goes; set by whoever made the call. */
  settle?: (result: SyscallResult) => void;
  /** Goes back to the instruction of the call, for SA_RESTART. */
  restart?: () => void;
}

/** What the scheduler needs of a thread. */
export interface Scheduled {
  readonly kernel: LinuxKernel;
  readonly pid: number;
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
  #current: Task | undefined;
  /** As the last run that could go on left it. */
  turn: Turn<Task> | undefined;

  /** `tasks`: all that there are now. */
  constructor(tasks: () => readonly Task[]) {
    this.#tasks = tasks;
  }

  get current(): Task {
    return this.#current!;
  }

  /** The first one has the CPU at first. */
  begin(task: Task): void {
    this.#current ??= task;
    if (this.#current === task) task.mm.useThread(task.rights);
  }

  /** Is every other process, if there is one, at its end? */
  isAlone(task: Task): boolean {
    return !this.#tasks().some((other) => other !== task && other.outcome === undefined);
  }

  /** Has anybody else something to do? */
  hasOthers(task: Task): boolean {
    return this.#tasks().some((other) => other !== task && isRunnable(other));
  }

  /** How a run ends when nobody can go on: by who could still wake one of those that sleep. */
  sleep(): Outcome {
    const sleepers = this.#tasks().filter(({ outcome }) => outcome === undefined);
    const waiting = sleepers.map(({ pid, waiting }) => ({ pid, call: waiting?.call ?? '' }));
    const hopeful = sleepers.some((task) => task.waiting?.wokenBy === 'outside');
    return { kind: hopeful ? 'asleep' : 'deadlock', waiting };
  }

  /** Who runs next; the present one last. Undefined: everybody waits for something that never comes. */
  next(): Task | undefined {
    const now = this.#current?.pid ?? 0;
    const order = [...this.#tasks()].sort((a, b) => a.pid - b.pid);
    const after = order.filter(({ pid }) => pid > now);
    return [...after, ...order.filter(({ pid }) => pid <= now)].find(isRunnable);
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
    return saved(() => {
      this.#current = current;
      this.turn = turn;
    });
  }
}

/** The CPU gets a thread's memory, its rights over it and its thread-local storage. */
export function enterThread({ kernel: { engine }, mm, rights, tls }: Scheduled): void {
  mm.useThread(rights);
  engine.setTranslate(mm.translate);
  for (const [index, descriptor] of tls.entries())
    engine.setGdtEntry(GDT_TLS_FIRST + index, descriptor);
}

function isRunnable(task: Scheduled): boolean {
  if (task.outcome !== undefined) return false;
  const { waiting } = task;
  if (waiting === undefined || waiting.ready()) return true;
  return waiting.interruptible && hasInterruption(task);
}
