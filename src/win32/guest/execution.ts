/** Execution: the program's own run, which can pause, and what the host runs apart from it. */
import { STATUS } from '../../abi/windows/status.js';
import { MayexecError } from '../../base/errors.js';
import type { Outcome } from '../../base/outcome.js';
import type { CpuState } from '../../engine/engine.js';
import { type Pause, type RunRequest, Stepper } from '../../kernel/run-control.js';
import { CallbackReturned, ProcessEnded, Resumed, ThreadEnded } from '../calls/control.js';
import type { HostRun, HostTask, Interruption } from '../calls/task.js';
import { LoadFailure } from '../loader/load-failure.js';
import { selectTeb } from '../loader/teb.js';
import { GuestFault } from '../process/memory-io.js';
import type { Win32Process } from '../process/process.js';
import { runProcess } from '../run.js';
import { programRun } from '../run-program.js';
import { schedule } from '../schedule.js';
import type { Win32System } from '../system.js';

/** What the host ran has come to its end. */
export interface Done<T> {
  readonly kind: 'done';
  readonly value: T;
}

export class Execution {
  /** How the program ended. */
  outcome: Outcome | undefined;
  readonly #system: Win32System;
  /** Of a run, at most. */
  readonly #blocks: number;
  #begun = false;
  /** The run, interrupted while a function of the host's waits for the guest. */
  #task: HostRun<never> | undefined;
  /** The processor of the child that was interrupted. */
  #childCpu: CpuState | undefined;

  constructor(system: Win32System, blocks: number) {
    this.#system = system;
    this.#blocks = blocks;
  }

  /** Runs on as far as the request says. */
  resume(process: Win32Process, request: RunRequest): Outcome | Pause {
    this.#showChild();
    const system = this.#system;
    const stepper = Stepper.for(request, process.pc);
    system.stepper = stepper;
    this.#task ??= schedule(process, this.#begun ? runProcess(process) : programRun(process));
    this.#begun = true;
    const end = this.#drive(
      process,
      this.#task,
      Math.min(request.blocks ?? this.#blocks, this.#blocks),
    );
    system.stepper = undefined;
    if (typeof end !== 'string') {
      this.#task = undefined;
      this.outcome = end.kind === 'done' ? end.value : end;
      return this.outcome;
    }
    const next = { pid: system.children.at(-1)?.pid ?? process.tracePid, pc: process.pc };
    // Nothing of the host's waits: a snapshot can be made here, and the run begins anew from the registers.
    if (!this.#isNested(process)) this.#task = undefined;
    this.#showFirst(process);
    if (end === 'paused') {
      const { reason = 'instructions', hit } = stepper ?? {};
      return { kind: 'pause', reason, ...next, ...(hit === undefined ? {} : { hit }) };
    }
    if (end === 'blocks' && request.blocks !== undefined && request.blocks <= this.#blocks) {
      return { kind: 'pause', reason: 'blocks', ...next };
    }
    return { kind: 'limit', limit: end };
  }

  /** Runs what the host asks for. Whatever the program itself has come to stays as it is. */
  apart<T>(process: Win32Process, task: HostTask<T>, blocks = this.#blocks): Done<T> | Outcome {
    const { callbacks, exceptionDepth } = process;
    process.callbacks = [];
    process.exceptionDepth = 0;
    try {
      const whole = wherever(process, task);
      const end = this.#drive(process, whole, blocks);
      if (typeof end !== 'string') return end;
      whole.return(undefined as never);
      return { kind: 'limit', limit: end === 'memory' ? 'memory' : 'blocks' };
    } finally {
      process.callbacks = callbacks;
      process.exceptionDepth = exceptionDepth;
    }
  }

  /** What puts it back. @throws MayexecError while a function of the host's waits for the guest. */
  save(process: Win32Process): () => void {
    if (this.#task !== undefined) {
      const count = process.threads.length;
      const where =
        count > 1
          ? `a program of ${count} threads`
          : process.callbacks.length > 0
            ? 'a callback of the system'
            : 'a child of the program';
      throw new MayexecError(
        `snapshot: the run has paused in ${where}, which a snapshot cannot hold; go on until that is over, or keep the sandbox as bytes (toBytes)`,
      );
    }
    const [begun, outcome] = [this.#begun, this.outcome];
    return () => {
      this.#begun = begun;
      this.outcome = outcome;
    };
  }

  /** Gives up what waits for the guest: nobody will go on with it. */
  leave(): void {
    this.#task?.return(undefined as never);
    this.#task = undefined;
    this.#childCpu = undefined;
  }

  #isNested({ callbacks, threads, thread }: Win32Process): boolean {
    const others = threads.length > 1 || thread.wait !== undefined;
    return others || callbacks.length > 0 || this.#system.children.length > 0;
  }

  /** Between two runs the registers are the first process's. */
  #showFirst(process: Win32Process): void {
    const first = this.#system.children[0];
    if (first === undefined) return;
    const { engine } = this.#system;
    this.#childCpu = engine.saveCpu();
    engine.setTranslate(process.space.translate);
    selectTeb(process);
    engine.loadCpu(first.parentCpu);
  }

  #showChild(): void {
    const cpu = this.#childCpu;
    if (cpu === undefined) return;
    const { engine, children } = this.#system;
    // The host may have written to them.
    children[0]!.parentCpu = engine.saveCpu();
    children.at(-1)!.select();
    engine.loadCpu(cpu);
    this.#childCpu = undefined;
  }

  /** Everything that the guest does ends as an outcome. */
  #drive<T>(
    process: Win32Process,
    task: HostRun<T>,
    blocks: number,
  ): Done<T> | Outcome | Interruption {
    this.#system.blocksLeft = blocks;
    try {
      const step = task.next();
      return step.done ? { kind: 'done', value: step.value } : step.value;
    } catch (error) {
      return outcomeOf(process, error);
    }
  }
}

/** What the host runs, and the guest wherever it goes on when that leaves for good (longjmp). */
function* wherever<T>(process: Win32Process, task: HostTask<T>): HostRun<T> {
  try {
    return yield* alone(process, task);
  } catch (error) {
    if (!(error instanceof Resumed)) throw error;
    return yield* alone(process, runProcess(process));
  }
}

/** The other threads have no turn: what only they could end is never over. */
function* alone<T>({ thread, system }: Win32Process, task: HostTask<T>): HostRun<T> {
  for (;;) {
    const step = task.next();
    if (step.done) return step.value;
    const { wait } = thread;
    if (step.value !== 'turn') yield step.value;
    else if (wait !== undefined && !wait.isReady()) {
      if (wait.deadline === undefined) {
        const waiting = [{ pid: thread.tid, call: wait.call }];
        throw new ProcessEnded({ kind: 'deadlock', waiting });
      }
      if (system.clock.nanoseconds < wait.deadline) system.clock.nanoseconds = wait.deadline;
    }
  }
}

/** @throws what is no end of the guest's. */
function outcomeOf(process: Win32Process, error: unknown): Outcome {
  const { pc } = process;
  if (error instanceof ProcessEnded) return error.outcome;
  if (error instanceof ThreadEnded) return { kind: 'exit', code: error.code >>> 0 };
  if (error instanceof LoadFailure) {
    process.system.note(error.message);
    return { kind: 'exception', status: error.status, parameters: [], pc };
  }
  const violation = (access: bigint, address: bigint): Outcome => ({
    kind: 'exception',
    status: STATUS.ACCESS_VIOLATION,
    parameters: [access, address],
    pc,
  });
  if (error instanceof GuestFault)
    return violation(error.access === 'write' ? 1n : 0n, error.address);
  // A return to a gate that nobody waits at.
  if (error instanceof CallbackReturned) return violation(8n, pc);
  throw error;
}
