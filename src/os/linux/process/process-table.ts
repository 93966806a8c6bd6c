/** The threads of a kernel and their processes: which there are, who is whose child. */
import { type Saved, saved } from '../../../kernel/snapshot.js';
import { bit } from '../signals/signal-actions.js';
import { type Scheduled, Scheduler } from './scheduler.js';

/** What the table needs of a thread and its process. */
export interface Tabled extends Scheduled {
  readonly parentPid: number;
  readonly process: { leaveMemory(): void; save(): Saved };
  save(): Saved;
}

export class ProcessTable<Task extends Tabled> {
  /** By their own numbers; the first thread of a process stays in it until the process is waited for. */
  #tasks: ReadonlyMap<number, Task> = new Map();
  #lastId = 0;
  /** Whose turn it is. */
  readonly scheduler: Scheduler<Task>;

  /** `seed`: of the order in which threads get the CPU; undefined is round robin. */
  constructor(seed?: number) {
    this.scheduler = new Scheduler<Task>(() => [...this.#tasks.values()], seed);
  }

  /** All processes, each by its first thread. */
  get all(): Iterable<Task> {
    return [...this.#tasks.values()].filter(({ pid, tid }) => pid === tid);
  }

  /** Threads, with the first ones of processes that have ended and not been waited for. */
  get count(): number {
    return this.#tasks.size;
  }

  /** The first thread of a process. */
  get(pid: number): Task | undefined {
    const task = this.#tasks.get(pid);
    return task?.pid === pid ? task : undefined;
  }

  thread(tid: number): Task | undefined {
    const task = this.#tasks.get(tid);
    return task?.exited ? undefined : task;
  }

  /** Those of a thread's process that have not ended, in the order of their numbers. */
  threadsOf({ process }: Task): Task[] {
    return [...this.#tasks.values()].filter((task) => task.process === process && !task.exited);
  }

  /** The thread of a process that has the CPU; `task` itself while none of it has. */
  runningOf(task: Task): Task {
    const { current } = this.scheduler;
    return current?.process === task.process ? current : task;
  }

  /** complete_signal(): which thread of its process takes a signal that is sent to the process. */
  takerOf(task: Task, signal: number): Task | undefined {
    if (this.#tasks.size === 1) return task;
    return this.threadsOf(task).find(({ signals }) => (signals.blocked & bit(signal)) === 0n);
  }

  /** Numbers of processes and threads count up and are not used again. */
  newId(): number {
    return this.#lastId + 1;
  }

  add(task: Task): void {
    this.#tasks = new Map([...this.#tasks, [task.tid, task]]);
    this.scheduler.begin(task);
    this.#lastId = Math.max(this.#lastId, task.tid);
  }

  remove(task: Task): void {
    const rest = new Map(this.#tasks);
    rest.delete(task.tid);
    this.#tasks = rest;
  }

  childrenOf(task: Task): Task[] {
    return [...this.#tasks.values()].filter(
      ({ parentPid, pid, tid }) => parentPid === task.pid && pid === tid,
    );
  }

  save(): Saved {
    const tasks = this.#tasks;
    const last = this.#lastId;
    const processes = new Set([...tasks.values()].map(({ process }) => process));
    const parts = [...processes, ...tasks.values()].map((each) => each.save());
    const scheduler = this.scheduler.save();
    return saved(
      () => {
        for (const process of new Set([...this.#tasks.values()].map((task) => task.process)))
          if (!processes.has(process)) process.leaveMemory();
        this.#tasks = tasks;
        this.#lastId = last;
        scheduler.restore();
        for (const part of parts) part.restore();
      },
      () => {
        for (const part of parts) part.drop();
      },
    );
  }
}
