/**
 * Outcome classes: what a run under a policy comes to, compared with the same program where nothing
 * stands in its way. Pure: a fold over the trace.
 */
import type { Addr } from '../abi/address.js';
import type { Errno } from '../abi/errno.js';
import type { Outcome } from '../abi/outcome.js';
import type { SyscallEvent, TraceEvent, VerdictEvent } from '../trace/events.js';

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
  readonly pc: Addr;
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
const ASK_FOR_EXEC = new Set(['mmap', 'mmap2', 'mprotect', 'pkey_mprotect']);
const CHECK_MAY_BITS = new Set(['mprotect', 'pkey_mprotect']);

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
 * By a policy's decision; or by the kernel's check of rights that a policy took away earlier; or, with
 * no policy at work, because the kernel itself grants no execution there.
 */
export function firstDeniedCall(trace: readonly TraceEvent[]): Refused | undefined {
  for (const [index, event] of trace.entries()) {
    if (event.type === 'verdict' && event.hook !== 'fault') {
      const { kind } = event.verdict;
      if (kind === 'deny' || kind === 'kill') return deniedBy(event, callAfter(trace, index));
    } else if (event.type === 'syscall' && (isInjected(event) || isRefusedExec(event))) {
      return deniedBy(takenBefore(trace, index), event);
    }
  }
  return undefined;
}

/**
 * The verdict that had taken the rights which the call at `index` was refused for want of: the last
 * narrowing one, but for those that the call itself met before it came to the mapping that refused.
 */
export function takenBefore(trace: readonly TraceEvent[], index: number): VerdictEvent | undefined {
  const call = trace[index];
  if (call?.type !== 'syscall' || call.errno !== 'EACCES' || call.injected !== undefined) return;
  if (!CHECK_MAY_BITS.has(call.name)) return undefined;
  let during = true;
  for (let at = index - 1; at >= 0; at--) {
    const event = trace[at]!;
    if (event.type === 'syscall' && event.pid === call.pid) during = false;
    if (event.type !== 'verdict' || event.hook === 'fault') continue;
    if (during && event.pid === call.pid && event.call === call.name) continue;
    if (event.verdict.kind === 'narrow') return event;
  }
  return undefined;
}

/** Whatever the call asked for, somebody wanted to see the program without it. */
function isInjected({ injected, errno }: SyscallEvent): boolean {
  return injected === 'result' && errno !== undefined;
}

/** The kernel's own answers to a wish for execution: EACCES (may bits), EPERM (a noexec mount). */
function isRefusedExec({ name, args, errno }: SyscallEvent): boolean {
  if (errno !== 'EACCES' && errno !== 'EPERM') return false;
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
    pc: call?.pc ?? by?.pc ?? 0n,
  };
}

/** The call during which a verdict was given is recorded when it returns; of a kill it never does. */
function callAfter(trace: readonly TraceEvent[], index: number): SyscallEvent | undefined {
  const verdict = trace[index];
  for (const event of trace.slice(index + 1)) {
    if (event.pid !== verdict?.pid) continue;
    if (event.type === 'syscall') return event;
    if (event.type === 'end') return undefined;
  }
  return undefined;
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
  if (event === undefined) return undefined;
  const note = faultVerdict(trace, index)?.verdict;
  const nothing = { call: undefined, errno: undefined };
  return { kind: 'fault', ...nothing, rule: note?.rule, reason: note?.reason, pc: event.pc };
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
export function refusedText({ kind, call, errno, rule }: Refused): string {
  const what = kind === 'fault' ? 'access refused' : `${call ?? 'a call'} refused`;
  return `${what}${errno === undefined ? '' : ` with ${errno}`}${rule === undefined ? '' : ` by ${rule}`}`;
}
