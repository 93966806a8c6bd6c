/**
 * Outcome classes: what a run under a policy comes to, compared with the same program where nothing
 * stands in its way. Pure: a fold over the trace.
 */

import type { Addr } from '../../base/address.js';
import type { Errno } from '../../base/errno.js';
import type { Outcome } from '../../base/outcome.js';
import { OUTCOME } from '../../base/outcome-shape.js';
import { aText, bytes, checkShape, objectOf, oneOf, optional } from '../../base/shape.js';
import type { Cause } from '../../base/verdict.js';
import { RIGHT_EXEC } from '../../memory/mapping.js';
import { checkEvents, EVENTS } from '../../trace/event-shape.js';
import type {
  ApiEvent,
  CallEvent,
  FaultEvent,
  SyscallEvent,
  TraceEvent,
  VerdictEvent,
} from '../../trace/events.js';
import { failureOfApi } from '../../trace/print.js';
import { killedFor } from '../../trace/print-cause.js';

/**
 * - works: ends as without a policy, and nothing was refused
 * - falls back: ends so too, but an execution was refused (or a failure injected) and it went another way; a
 *   kernel: any access was refused, and the machine came to its end all the same
 * - errors: ends in order, but otherwise
 * - crashes: a signal, an exception or a limit ends it; a machine: anything but `hlt`
 */
export const OUTCOME_CLASSES = ['works', 'falls back', 'errors', 'crashes'] as const;
export type OutcomeClass = (typeof OUTCOME_CLASSES)[number];

/** What refused an execution. */
export interface Refused {
  readonly kind: 'call' | 'fault';
  /** The system call refused; of a fault undefined. */
  readonly call: string | undefined;
  readonly errno: Errno | undefined;
  /** Of a function of Windows: its error or status by name. */
  readonly error?: string;
  /** Undefined when no policy but the kernel itself refused (a noexec mount, a stranger's page). */
  readonly rule: string | undefined;
  readonly reason: string | undefined;
  /** The call succeeded, but what it mapped may not be executed although it asked for that. */
  readonly silent: boolean;
  readonly pc: Addr;
  /** The event of the call or the fault; the verdict's where the call never returned. */
  readonly event: CallEvent | FaultEvent | VerdictEvent | undefined;
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

const RUN = objectOf({ outcome: OUTCOME, trace: EVENTS, stdout: bytes }, 'what finishedRun gives');
const REFUSED = objectOf({
  kind: oneOf(['call', 'fault']),
  call: optional(aText),
  errno: optional(aText),
  error: optional(aText),
  rule: optional(aText),
});

/** `reference` is a run of the same program under the policy `none`. */
export function classify(run: FinishedRun, reference?: FinishedRun): Classified {
  checkShape('classify: the run', run, RUN);
  checkShape('classify: the reference', reference, optional(RUN));
  const { kind } = run.outcome;
  const halted = kind === 'halt';
  const crashed = !halted && kind !== 'exit' && kind !== 'return';
  const refused = firstRefused(run.trace) ?? (crashed || halted ? lastFault(run.trace) : undefined);
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
    if (outcome.kind === 'halt' && run.outcome.kind === 'halt') {
      return sameBytes(run.stdout, reference.stdout);
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
  checkEvents('firstDeniedCall', trace);
  for (const event of trace) {
    const refused =
      event.type === 'syscall'
        ? refusedCall(event)
        : event.type === 'api'
          ? refusedApi(event)
          : event.type === 'verdict'
            ? killedCall(event, trace)
            : undefined;
    if (refused !== undefined) return refused;
  }
  return undefined;
}

function refusedCall(call: SyscallEvent): Refused | undefined {
  const { cause } = call;
  if (cause?.kind === 'denied' || cause?.kind === 'killed') return deniedBy(cause, call);
  if (lostExec(call)) return { ...deniedBy(cause, call), silent: true };
  if (isInjected(call) || isRefusedExec(call)) return deniedBy(cause, call);
  return undefined;
}

/** A function of the Windows API that a policy refused. */
function refusedApi(event: ApiEvent): Refused | undefined {
  const { cause, name, pc, injected } = event;
  const failure = failureOfApi(event);
  const isInjected = injected === 'result' && failure !== undefined;
  if (cause?.kind !== 'denied' && !isInjected) return undefined;
  const { rule, reason } = cause ?? {};
  const error = failure === undefined ? {} : { error: failure };
  const nothing = { errno: undefined, silent: false };
  return { kind: 'call', call: name, ...nothing, ...error, rule, reason, pc, event };
}

function killedCall(event: VerdictEvent, trace: readonly TraceEvent[]): Refused | undefined {
  const cause = killedFor(event, trace);
  if (cause === undefined) return undefined;
  const { call, pc } = event;
  const { rule, reason } = cause;
  return { kind: 'call', call, errno: undefined, rule, reason, silent: false, pc, event };
}

/** Whatever the call asked for, somebody wanted to see the program without it. */
function isInjected({ injected, errno }: SyscallEvent): boolean {
  return injected === 'result' && errno !== undefined;
}

/** The call asked for execution, got all the rest, and succeeded. */
function lostExec(call: SyscallEvent): boolean {
  const { cause, injected, errno } = call;
  if (cause?.kind !== 'narrowed' || !((cause.rights ?? 0) & RIGHT_EXEC)) return false;
  // Of changed arguments the event has those that the guest gave.
  return injected === undefined && errno === undefined && asksForExec(call);
}

/** The kernel's own answers to a wish for execution: EACCES (may bits), EPERM (a noexec mount). */
function isRefusedExec(call: SyscallEvent): boolean {
  return (call.errno === 'EACCES' || call.errno === 'EPERM') && asksForExec(call);
}

function asksForExec({ asks }: SyscallEvent): boolean {
  return asks !== undefined && (asks.rights & RIGHT_EXEC) !== 0;
}

function deniedBy(cause: Cause | undefined, call: SyscallEvent): Refused {
  const { name, errno, pc } = call;
  const { rule, reason } = cause ?? {};
  return { kind: 'call', call: name, errno, rule, reason, silent: false, pc, event: call };
}

function firstRefusedFetch(trace: readonly TraceEvent[]): Refused | undefined {
  const fault = trace.find(
    (event) =>
      event.type === 'fault' && event.fault.access === 'exec' && event.fault.code !== 'SEGV_MAPERR',
  );
  return fault && refusedAccess(fault);
}

function lastFault(trace: readonly TraceEvent[]): Refused | undefined {
  const fault = trace.findLast((event) => event.type === 'fault');
  return fault && refusedAccess(fault);
}

function refusedAccess(event: TraceEvent): Refused | undefined {
  if (event.type !== 'fault') return undefined;
  const { rule, reason } = event.cause ?? {};
  const nothing = { call: undefined, errno: undefined, silent: false };
  return { kind: 'fault', ...nothing, rule, reason, pc: event.pc, event };
}

/** `mprotect refused with EACCES by selinux/execmem`. */
export function refusedText(refused: Refused): string {
  checkShape('refusedText: what was refused', refused, REFUSED);
  const { kind, call, errno, error, rule, silent } = refused;
  const what = kind === 'fault' ? 'access' : (call ?? 'a call');
  const how = silent ? 'granted without PROT_EXEC' : 'refused';
  const failure = errno ?? error;
  return `${what} ${how}${failure === undefined ? '' : ` with ${failure}`}${rule === undefined ? '' : ` by ${rule}`}`;
}
