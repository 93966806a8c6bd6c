/**
 * The processes of a kernel: which there are, which may run, and which has the CPU. There is one CPU and
 * no time: a process keeps it until it waits, ends, or has had its share while others could run.
 * Deterministic: the next one is the one with the lowest pid above the last, round about.
 */
import type { Outcome } from '../../../base/outcome.js';
import type { CpuState } from '../../../engine/engine.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';
import type { SyscallResult } from '../../../kernel/syscall.js';
import type { LinuxKernel } from '../kernel.js';
import type { AddressSpace } from '../mm/address-space.js';
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

/** What the table needs of a process. */
export interface Scheduled {
  readonly kernel: LinuxKernel;
  readonly pid: number;
  readonly parentPid: number;
  readonly signals: SignalState;
  readonly mm: AddressSpace;
  /** Descriptors 12 to 14 of the GDT. */
  readonly tls: readonly bigint[];
  /** The system call that it sleeps in. */
  readonly waiting: Waiting | undefined;
  /** How it ended. */
  readonly outcome: Outcome | undefined;
  /** Registers while another process has the CPU. */
  cpu: CpuState | undefined;
  leaveMemory(): void;
  save(): Saved;
}

/** Who has the CPU, and for how many blocks more while others wait. */
export interface Turn<Task> {
  readonly task: Task;
  readonly left: number;
}

export class ProcessTable<Task extends Scheduled> {
  #tasks: ReadonlyMap<number, Task> = new Map();
  #current: Task | undefined;
  #lastPid = 0;
  /** As the last run that could go on left it. */
  turn: Turn<Task> | undefined;

  get all(): Iterable<Task> {
    return this.#tasks.values();
  }

  /** With those that have ended and not been waited for. */
  get count(): number {
    return this.#tasks.size;
  }

  get current(): Task {
    return this.#current!;
  }

  get(pid: number): Task | undefined {
    return this.#tasks.get(pid);
  }

  /** Pids count up and are not used again. */
  newPid(): number {
    return this.#lastPid + 1;
  }

  add(task: Task): void {
    this.#tasks = new Map([...this.#tasks, [task.pid, task]]);
    this.#current ??= task;
    this.#lastPid = Math.max(this.#lastPid, task.pid);
  }

  remove(task: Task): void {
    const rest = new Map(this.#tasks);
    rest.delete(task.pid);
    this.#tasks = rest;
  }

  childrenOf(task: Task): Task[] {
    return [...this.#tasks.values()].filter(({ parentPid }) => parentPid === task.pid);
  }

  /** Is every other process, if there is one, at its end? */
  isAlone(task: Task): boolean {
    return ![...this.#tasks.values()].some(
      (other) => other !== task && other.outcome === undefined,
    );
  }

  /** Has anybody else something to do? */
  hasOthers(task: Task): boolean {
    return [...this.#tasks.values()].some((other) => other !== task && isRunnable(other));
  }

  /** How a run ends when nobody can go on: by who could still wake one of those that sleep. */
  sleep(): Outcome {
    const sleepers = [...this.#tasks.values()].filter(({ outcome }) => outcome === undefined);
    const waiting = sleepers.map(({ pid, waiting }) => ({ pid, call: waiting?.call ?? '' }));
    const hopeful = sleepers.some((task) => task.waiting?.wokenBy === 'outside');
    return { kind: hopeful ? 'asleep' : 'deadlock', waiting };
  }

  /** Who runs next; the present one last. Undefined: everybody waits for something that never comes. */
  next(): Task | undefined {
    const now = this.#current?.pid ?? 0;
    const order = [...this.#tasks.values()].sort((a, b) => a.pid - b.pid);
    const after = order.filter(({ pid }) => pid > now);
    return [...after, ...order.filter(({ pid }) => pid <= now)].find(isRunnable);
  }

  /** Gives the CPU to a process. */
  switchTo(task: Task): void {
    if (this.#current === task) return;
    const { meter } = task.kernel;
    meter.charge('switch');
    meter.charge('object', this.#tasks.size);
    this.show(task);
  }

  /** Gives the CPU to a process for the host to look at: nothing of that happens in the machine. */
  show(task: Task): void {
    const before = this.#current;
    if (before === task) return;
    const { engine } = task.kernel;
    if (before !== undefined) before.cpu = engine.saveCpu();
    this.#current = task;
    engine.setTranslate(task.mm.translate);
    for (const [index, descriptor] of task.tls.entries()) {
      engine.setGdtEntry(12 + index, descriptor);
    }
    if (task.cpu !== undefined) engine.loadCpu(task.cpu);
  }

  save(): Saved {
    const tasks = this.#tasks;
    const current = this.#current;
    const last = this.#lastPid;
    const { turn } = this;
    const parts = [...tasks.values()].map((task) => task.save());
    return saved(
      () => {
        for (const task of this.#tasks.values()) if (!tasks.has(task.pid)) task.leaveMemory();
        this.#tasks = tasks;
        this.#current = current;
        this.#lastPid = last;
        this.turn = turn;
        for (const part of parts) part.restore();
      },
      () => {
        for (const part of parts) part.drop();
      },
    );
  }
}

function isRunnable(task: Scheduled): boolean {
  if (task.outcome !== undefined) return false;
  const { waiting } = task;
  if (waiting === undefined || waiting.ready()) return true;
  return waiting.interruptible && hasInterruption(task);
}
