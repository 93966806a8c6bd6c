/**
 * Outcome classes: what a run under a policy comes to, compared with the same program where nothing
 * stands in its way. Pure: a fold over the trace.
 */

import type { Errno } from '../../abi/linux/errno.js';
import type { Addr } from '../../base/address.js';
import type { Outcome } from '../../base/outcome.js';
import type { FaultEvent, SyscallEvent, TraceEvent, VerdictEvent } from '../../trace/events.js';
import { callAfter } from '../../trace/print-cause.js';
import { TakenRights } from '../../trace/taken-rights.js';

/**
 * - works: ends as without a policy, and nothing was refused
 * - falls back: ends so too, but an execution was refused (or a failure injected) and it went another way
 * - errors: ends in order, but otherwise
 * - crashes: a signal, an exception or a limit ends it
 */
export const OUTCOME_CLASSES = ['works', 'falls back', 'errors', 'crashes'] as const;
export type OutcomeClass = (typeof OUTCOME_CLASSES)[number];

/** What refused an execution. */
export interface Refused {
  readonly kind: 'call' | 'fault';
  /** The system call refused; of a fault undefined. */
  readonly call: string | undefined;
  readonly errno: Errno | undefined;
  /** Undefined when no policy but the kernel itself refused (a noexec mount, a stranger's page). */
  readonly rule: string | undefined;
  readonly reason: string | undefined;
  /** The call succeeded, but what it mapped may not be executed although it asked for that. */
  readonly silent: boolean;
  readonly pc: Addr;
  /** The event of the call or the fault; the verdict's where the call never returned. */
  readonly event: SyscallEvent | FaultEvent | VerdictEvent | undefined;
}

export interface FinishedRun {
  readonly outcome: Outcome;
  readonly trace: readonly TraceEvent[];
  readonly stdout: Uint8Array;
}

export interface Classified {
  readonly class: OutcomeClass;
  /** What decided: the first denied call, else the first fault that bears on execution or ended the run. */
  readonly refused: Refused | undefined;
}

const PROT_EXEC = 4n;
const VM_EXEC = 4;
const ASK_FOR_EXEC = new Set(['mmap', 'mmap2', 'mprotect', 'pkey_mprotect']);

/** `reference` is a run of the same program under the policy `none`. */
export function classify(run: FinishedRun, reference?: FinishedRun): Classified {
  const crashed = run.outcome.kind !== 'exit' && run.outcome.kind !== 'return';
  const refused = firstRefused(run.trace) ?? (crashed ? lastFault(run.trace) : undefined);
  if (crashed) return { class: 'crashes', refused };
  if (!endsAlike(run, reference)) return { class: 'errors', refused };
  return { class: refused === undefined ? 'works' : 'falls back', refused };
}

function endsAlike(run: FinishedRun, reference: FinishedRun | undefined): boolean {
  if (reference !== undefined) {
    const { outcome } = reference;
    if (outcome.kind === 'exit' && run.outcome.kind === 'exit') {
      return outcome.code === run.outcome.code && sameBytes(run.stdout, reference.stdout);
    }
    if (outcome.kind === 'return' && run.outcome.kind === 'return') {
      return outcome.value === run.outcome.value && sameBytes(run.stdout, reference.stdout);
    }
  }
  return run.outcome.kind !== 'exit' || run.outcome.code === 0;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** The first denied call or, where all calls passed, the first refused fetch. */
export function firstRefused(trace: readonly TraceEvent[]): Refused | undefined {
  return firstDeniedCall(trace) ?? firstRefusedFetch(trace);
}

/**
 * By a policy's decision, loud (an errno, a kill) or silent (less than was asked for); or by the
 * kernel's check of rights that a policy took away earlier; or, with no policy at work, because the
 * kernel itself grants no execution there.
 */
export function firstDeniedCall(trace: readonly TraceEvent[]): Refused | undefined {
  const taken = new TakenRights();
  for (const [index, event] of trace.entries()) {
    taken.see(event);
    if (event.type === 'verdict' && event.hook !== 'fault') {
      const call = callAfter(trace, index);
      const { kind } = event.verdict;
      if (kind === 'deny' || kind === 'kill') return deniedBy(event, call);
      if (lostExec(event, call)) return { ...deniedBy(event, call), silent: true };
    } else if (event.type === 'syscall' && (isInjected(event) || isRefusedExec(event))) {
      return deniedBy(taken.by(event), event);
    }
  }
  return undefined;
}

/** Whatever the call asked for, somebody wanted to see the program without it. */
function isInjected({ injected, errno }: SyscallEvent): boolean {
  return injected === 'result' && errno !== undefined;
}

/** The call asked for execution, got all the rest, and succeeded. */
function lostExec({ verdict, call: name }: VerdictEvent, call: SyscallEvent | undefined): boolean {
  if (verdict.kind !== 'narrow' || verdict.flags & VM_EXEC || call?.name !== name) return false;
  // Of changed arguments the event has those that the guest gave.
  if (call?.injected !== undefined || call?.errno !== undefined) return false;
  return call !== undefined && asksForExec(call);
}

/** The kernel's own answers to a wish for execution: EACCES (may bits), EPERM (a noexec mount). */
function isRefusedExec(call: SyscallEvent): boolean {
  return (call.errno === 'EACCES' || call.errno === 'EPERM') && asksForExec(call);
}

function asksForExec({ name, args }: SyscallEvent): boolean {
  return ASK_FOR_EXEC.has(name) && ((args[2] ?? 0n) & PROT_EXEC) !== 0n;
}

function deniedBy(by: VerdictEvent | undefined, call: SyscallEvent | undefined): Refused {
  const verdict = by?.verdict;
  return {
    kind: 'call',
    call: call?.name ?? by?.call,
    errno: call?.errno ?? (verdict?.kind === 'deny' ? verdict.errno : undefined),
    rule: verdict?.rule,
    reason: verdict?.reason,
    silent: false,
    pc: call?.pc ?? by?.pc ?? 0n,
    event: call ?? by,
  };
}

function firstRefusedFetch(trace: readonly TraceEvent[]): Refused | undefined {
  const index = trace.findIndex(
    (event) =>
      event.type === 'fault' && event.fault.access === 'exec' && event.fault.code !== 'SEGV_MAPERR',
  );
  return index === -1 ? undefined : faultAt(trace, index);
}

function lastFault(trace: readonly TraceEvent[]): Refused | undefined {
  const index = trace.findLastIndex((event) => event.type === 'fault');
  return index === -1 ? undefined : faultAt(trace, index);
}

function faultAt(trace: readonly TraceEvent[], index: number): Refused | undefined {
  const event = trace[index];
  if (event?.type !== 'fault') return undefined;
  const note = faultVerdict(trace, index)?.verdict;
  const nothing = { call: undefined, errno: undefined, silent: false };
  return { kind: 'fault', ...nothing, rule: note?.rule, reason: note?.reason, pc: event.pc, event };
}

/** What a policy said of the fault at `index`: recorded next to it. */
export function faultVerdict(
  trace: readonly TraceEvent[],
  index: number,
): VerdictEvent | undefined {
  const near = [trace[index + 1], trace[index - 1]];
  const found = near.find((event) => event?.type === 'verdict' && event.hook === 'fault');
  return found?.type === 'verdict' ? found : undefined;
}

/** `mprotect refused with EACCES by selinux/execmem`. */
export function refusedText({ kind, call, errno, rule, silent }: Refused): string {
  const what = kind === 'fault' ? 'access' : (call ?? 'a call');
  const how = silent ? 'granted without PROT_EXEC' : 'refused';
  return `${what} ${how}${errno === undefined ? '' : ` with ${errno}`}${rule === undefined ? '' : ` by ${rule}`}`;
}
