/** Win32Thread: a thread of a process: its block, stack and storage, what it waits for, and the work that it is. */
import type { Addr } from '../../base/address.js';
import type { CpuState } from '../../engine/engine.js';
import type { HostTask } from '../calls/task.js';

/** A guest callback that a function of the host waits for. */
export interface CallbackFrame {
  /** The stack pointer when the callback has returned. */
  readonly stackPointer: Addr;
  /** Registers of the code that the host left to call it, for who walks the stack. */
  readonly caller: ReadonlyMap<string, bigint>;
}

/** Addresses of a stack: where it begins (its top), how far it is committed, and its last page. */
export interface ThreadStack {
  base: Addr;
  limit: Addr;
  bottom: Addr;
}

/** Why a thread does not run. */
export interface Wait {
  /** The function that it waits in. */
  readonly call: string;
  readonly isReady: () => boolean;
  /** Of the system's clock, in nanoseconds; undefined: it waits for ever. */
  readonly deadline: bigint | undefined;
}

/** A thread that sleeps on a condition variable. */
export interface ConditionSleeper {
  readonly thread: Win32Thread;
  readonly at: Addr;
  woken: boolean;
}

export class Win32Thread {
  readonly tid: number;
  teb: Addr = 0n;
  tlsArray: Addr = 0n;
  stack: ThreadStack = { base: 0n, limit: 0n, bottom: 0n };
  callbacks: CallbackFrame[] = [];
  /** Exceptions that are being dispatched: one within another, and so on. */
  exceptionDepth = 0;
  /** Values of FLS by index. */
  readonly fiberValues = new Map<number, bigint>();
  /** Its processor, while another thread has it. */
  cpu: CpuState | undefined;
  task: HostTask<never> | undefined;
  wait: Wait | undefined;
  suspended = 0;
  /** Undefined: it has not ended. */
  exitCode: number | undefined;

  constructor(tid: number) {
    this.tid = tid;
  }
}
