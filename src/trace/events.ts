/** The trace: one union of events; printers, matchers and panes are folds over it. */

import type { Addr } from '../base/address.js';
import type { Errno } from '../base/errno.js';
import type { Fault, Outcome } from '../base/outcome.js';
import type { Cause, Verdict } from '../base/verdict.js';
import type { Mapping } from '../memory/mapping.js';
import type { MemoryRequest } from '../memory/request.js';

interface EventBase {
  /** Position in the trace, from 0. */
  readonly seq: number;
  readonly pid: number;
  /** Of a thread beside the first one of its process: its number, as gettid tells it. */
  readonly tid?: number;
  /** Where the guest was; of a host's call the program counter at that time. */
  readonly pc: Addr;
  /** The instruction that brought it about, where `pc` does not say it: of a call of the Windows API, which returns to `pc`. */
  readonly site?: Addr;
}

export interface SyscallEvent extends EventBase {
  readonly type: 'syscall';
  readonly name: string;
  readonly number: number;
  /** Raw register values, as many as the call takes. */
  readonly args: readonly bigint[];
  /** Arguments as strace prints them, one text each; read at entry (strings, structures). */
  readonly shown: readonly string[];
  /** Undefined when the call did not return (exit, rt_sigreturn); 0 when execve began a program. */
  readonly value: bigint | undefined;
  readonly errno: Errno | undefined;
  /** Of a world that answers with status codes: the NTSTATUS, unsigned. */
  readonly status?: number;
  /** What it asks of the memory; absent of a call that is not about that. */
  readonly asks?: MemoryRequest;
  /** True when the host called it (Sandbox.syscall) and not the guest. */
  readonly byHost: boolean;
  /** An interceptor gave the result, or changed the arguments that the kernel saw. */
  readonly injected?: 'result' | 'args';
  /** What a policy had to do with its result: refused it, took rights earlier or now, or made a note. */
  readonly cause?: Cause;
}

/** A call of a Windows API function, of the guest's. */
export interface ApiEvent extends EventBase {
  readonly type: 'api';
  /** 'kernel32.dll'. */
  readonly dll: string;
  readonly name: string;
  readonly args: readonly bigint[];
  /** Arguments as a programmer writes them, one text each; read at entry. */
  readonly shown: readonly string[];
  readonly value: bigint;
  /** Number of the last event before it began: what lies between that and this one happened inside of it. */
  readonly since: number;
  /** The Win32 error that it set, if it set one. */
  readonly error: number | undefined;
  /** Of an Nt function: its NTSTATUS, unsigned. */
  readonly status?: number;
  /** What it asks of the memory; absent of a call that is not about that. */
  readonly asks?: MemoryRequest;
  /** True when an interceptor made it in the guest's name. */
  readonly byHost: boolean;
  /** An interceptor gave the result, or changed the arguments that the function saw. */
  readonly injected?: 'result' | 'args';
  /** What a policy had to do with its result. */
  readonly cause?: Cause;
}

/** What a program asked its system for. */
export type CallEvent = SyscallEvent | ApiEvent;

/** A policy's decision other than 'allow', with the request that it answered. */
export interface VerdictEvent extends EventBase {
  readonly type: 'verdict';
  readonly policy: string;
  readonly hook: string;
  readonly verdict: Verdict;
  /** The system call it was part of, if any. */
  readonly call: string | undefined;
}

/** A mapping came, went or changed. What the system itself calls it is in `native` of each mapping. */
export interface VmaEvent extends EventBase {
  readonly type: 'vma';
  readonly op: 'insert' | 'remove' | 'change';
  readonly before: Mapping | undefined;
  readonly after: Mapping | undefined;
  /** What changed it: a system call's name, 'exec', 'stack growth'. */
  readonly cause: string;
  /** The rule that took rights from it on the way. */
  readonly takenBy?: Cause;
}

export interface FaultEvent extends EventBase {
  readonly type: 'fault';
  readonly fault: Fault;
  readonly vma: Mapping | undefined;
  /** The rule by which the access was refused; absent where the program itself had not asked for the right. */
  readonly cause?: Cause;
}

export interface SignalEvent extends EventBase {
  readonly type: 'signal';
  readonly signal: string;
  readonly code: string;
  readonly address: Addr;
  /** Who sent it; of a fault undefined. `status` of SIGCHLD: the child's exit status, or the signal that ended it. */
  readonly sender?: { readonly pid: number; readonly uid: number; readonly status?: number };
  /** Handled: a handler of the guest runs; killed, stopped: the default action did that; ignored. */
  readonly disposition: 'handled' | 'killed' | 'stopped' | 'ignored';
}

/** execve failed when the old program was gone already: the process dies of it by SIGSEGV. */
export interface LoadFailureEvent extends EventBase {
  readonly type: 'load-failure';
  /** The program. */
  readonly path: string;
  /** Which step failed, in words that follow the path. */
  readonly what: string;
  readonly errno: Errno;
  readonly cause?: Cause;
}

export interface EndEvent extends EventBase {
  readonly type: 'end';
  readonly outcome: Outcome;
}

export type TraceEvent =
  | SyscallEvent
  | ApiEvent
  | VerdictEvent
  | VmaEvent
  | FaultEvent
  | SignalEvent
  | LoadFailureEvent
  | EndEvent;

/** An event before the recorder has numbered it. */
export type NewEvent = TraceEvent extends infer E
  ? E extends TraceEvent
    ? Omit<E, 'seq'>
    : never
  : never;

export interface TraceRecorder {
  readonly events: readonly TraceEvent[];
  /** The event is the trace's from then on. */
  record(event: NewEvent): void;
  clear(): void;
}
