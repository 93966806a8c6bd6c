/** The processes of a kernel, each by its first thread: which there are, who is whose child. */
import { type Saved, saved } from '../../../kernel/snapshot.js';
import { type Scheduled, Scheduler } from './scheduler.js';

/** What the table needs of a process and its first thread. */
export interface Tabled extends Scheduled {
  readonly parentPid: number;
  readonly process: { leaveMemory(): void; save(): Saved };
  save(): Saved;
}

export class ProcessTable<Task extends Tabled> {
  #tasks: ReadonlyMap<number, Task> = new Map();
  #lastPid = 0;
  /** Whose turn it is. */
  readonly scheduler = new Scheduler<Task>(() => [...this.#tasks.values()]);

  get all(): Iterable<Task> {
    return this.#tasks.values();
  }

  /** With those that have ended and not been waited for. */
  get count(): number {
    return this.#tasks.size;
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
    this.scheduler.begin(task);
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

  save(): Saved {
    const tasks = this.#tasks;
    const last = this.#lastPid;
    const parts = [...tasks.values()].flatMap((task) => [task.process.save(), task.save()]);
    const scheduler = this.scheduler.save();
    return saved(
      () => {
        for (const task of this.#tasks.values())
          if (!tasks.has(task.pid)) task.process.leaveMemory();
        this.#tasks = tasks;
        this.#lastPid = last;
        scheduler.restore();
        for (const part of parts) part.restore();
      },
      () => {
        for (const part of parts) part.drop();
      },
    );
  }
}
