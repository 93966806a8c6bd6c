/**
 * The trace as strace prints it, line by line: calls, signals, ends. Events that strace does not
 * know (policy decisions, map changes, faults) have no line; `verdictLine` words the first of them. A kernel in ring 0
 * makes no calls and gets no signals: of it the page faults have lines, in the manner of signals.
 * Compare strace's src/syscall.c:syscall_exiting_trace() and src/strace.c:print_stopped().
 */
import { errnoText } from '../abi/linux/errno.js';
import { signalName } from '../abi/linux/signal.js';
import { HEX_RESULTS } from '../abi/linux/signatures.js';
import { errorName, statusName, succeeds } from '../abi/windows/status.js';
import type { Errno } from '../base/errno.js';
import { type Outcome, otherEndText } from '../base/outcome.js';
import { type Cause, causeOfVerdict } from '../base/verdict.js';
import { checkEvent, checkEvents, checkProcess } from './event-shape.js';
import type {
  ApiEvent,
  FaultEvent,
  SignalEvent,
  SyscallEvent,
  TraceEvent,
  VerdictEvent,
} from './events.js';

/** strace's default alignment of `= result` (its option -a). */
const RESULT_COLUMN = 39;

/** strace's marks, see its src/syscall.c:print_syscall_resume(). */
const INJECTED = { no: '', result: ' (INJECTED)', args: ' (INJECTED: args)' } as const;

/** Signals of a fault, which tell an address. */
const WITH_ADDRESS = new Set(['SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP']);

/** A line of strace's output without line end, or undefined for an event that strace has none for. */
export function straceLine(event: TraceEvent): string | undefined {
  checkEvent('straceLine', event);
  return lineOf(event);
}

function lineOf(event: TraceEvent): string | undefined {
  switch (event.type) {
    case 'syscall':
      return callLine(event);
    case 'api':
      return apiLine(event);
    case 'signal':
      return signalLine(event);
    case 'fault':
      return event.pid === 0 ? machineFaultLine(event) : undefined;
    case 'end':
      return endLine(event.outcome);
    default:
      return undefined;
  }
}

/** `--- #PF {write, address=0xffffffff81003010, rip=0xffffffff81000fc6} by page-tables/read-only ---` */
function machineFaultLine({ fault, cause }: FaultEvent): string {
  const { access, address, pc } = fault;
  const by = cause === undefined ? '' : ` by ${cause.rule}`;
  return `--- #PF {${access}, address=0x${address.toString(16)}, rip=0x${pc.toString(16)}}${by} ---`;
}

/**
 * All lines; those of processes other than `first`, and of threads, name theirs, as `strace -f` does. A part of a
 * trace needs the first process of the whole.
 */
export function straceText(events: readonly TraceEvent[], first?: number): string {
  checkEvents('straceText', events);
  checkProcess('straceText', first);
  const main = first ?? events[0]?.pid;
  let text = '';
  for (const event of events) {
    const line = lineOf(event);
    if (line === undefined) continue;
    const id = event.tid ?? event.pid;
    text += `${id === main ? '' : `[pid ${String(id).padStart(5)}] `}${line}\n`;
  }
  return text;
}

/** `selinux denied mprotect with EACCES: the heap may not become executable (selinux/execheap)`. */
export function verdictLine(event: VerdictEvent): string {
  checkEvent('verdictLine', event, 'verdict');
  const { policy, verdict, call = 'an access' } = event;
  const cause = causeOfVerdict({ ...verdict, policy });
  if (cause === undefined) return `${policy} allowed ${call}`;
  return causeLine(cause, call, verdict.kind === 'deny' ? verdict.errno : undefined);
}

/** As verdictLine, of what stands on an event; `errno` is what the call came to. */
export function causeLine(cause: Cause, call: string, errno?: string): string {
  return `${cause.policy} ${decision(cause, call, errno)}: ${cause.reason} (${cause.rule})`;
}

function decision({ kind, signal }: Cause, call: string, errno: string | undefined): string {
  switch (kind) {
    case 'noted':
      return `allowed ${call}`;
    case 'narrowed':
      return `took rights from what ${call} maps`;
    case 'taken':
      return `had taken rights that ${call} needs`;
    case 'denied':
      return `denied ${call}${errno === undefined ? '' : ` with ${errno}`}`;
    case 'killed':
      return `killed the process with ${signal ?? 'a signal'} at ${call}`;
  }
}

/** A call as strace prints it with -a 0: the result follows at once. One of the Windows API in the same manner. */
export function straceCall(event: SyscallEvent | ApiEvent): string {
  checkEvent('straceCall', event, 'syscall', 'api');
  return event.type === 'api' ? apiLine(event, 0) : callLine(event, 0);
}

function callLine(event: SyscallEvent, column = RESULT_COLUMN): string {
  const call = `${event.name}(${event.shown.join(', ')})`;
  return `${call.padEnd(column)} = ${resultText(event)}${INJECTED[event.injected ?? 'no']}`;
}

/** The result as Windows' programmers read it: a status by name, else a number with the error that was set. */
function apiLine(event: ApiEvent, column = RESULT_COLUMN): string {
  const { name, shown, cause, injected } = event;
  const call = `${name}(${shown.join(', ')})`;
  const rule = cause === undefined ? '' : ` [${cause.rule}]`;
  return `${call.padEnd(column)} = ${apiResult(event)}${rule}${INJECTED[injected ?? 'no']}`;
}

function apiResult({ value, error, status }: ApiEvent): string {
  const text = value < 10n ? value.toString() : `0x${value.toString(16)}`;
  const why = status === undefined ? error && errorText(error) : statusText(status);
  return why ? `${text} (${why})` : text;
}

/** What a function of Windows failed with, by name: `ERROR_ACCESS_DENIED`; undefined when it did not fail. */
export function failureOfApi({ error, status }: ApiEvent): string | undefined {
  if (status !== undefined) return succeeds(status) ? undefined : statusName(status);
  return error === undefined ? undefined : errorName(error);
}

/** `ERROR_DYNAMIC_CODE_BLOCKED, 1655`. */
function errorText(error: number): string {
  const name = errorName(error);
  return name.startsWith('E') ? `${name}, ${error}` : name;
}

function statusText(status: number): string {
  return status === 0 ? '' : statusName(status);
}

function resultText({ name, value, errno }: SyscallEvent): string {
  if (errno !== undefined) return errnoLine(errno);
  if (value === undefined) return '?';
  return HEX_RESULTS.has(name) ? hexText(value) : value.toString();
}

function errnoLine(errno: Errno): string {
  return `-1 ${errno} (${errnoText(errno)})`;
}

/** Results are signed: an i386 address above 2 GiB comes as a negative 32-bit value. */
function hexText(value: bigint): string {
  return `0x${BigInt.asUintN(value < 0n && value >= -0x80000000n ? 32 : 64, value).toString(16)}`;
}

function signalLine(event: SignalEvent): string {
  const { signal, code } = event;
  const detail = [`si_signo=${signal}`, `si_code=${code}`, ...signalDetail(event)].join(', ');
  return `--- ${signal} {${detail}} ---`;
}

/** Compare strace's src/printsiginfo.c:print_si_info(). */
function signalDetail({ signal, code, address, sender }: SignalEvent): string[] {
  if (sender === undefined) {
    return WITH_ADDRESS.has(signal)
      ? [`si_addr=${address === 0n ? 'NULL' : `0x${address.toString(16)}`}`]
      : [];
  }
  const { pid, uid, status } = sender;
  const who = [`si_pid=${pid}`, `si_uid=${uid}`];
  if (status === undefined) return who;
  const shown = code === 'CLD_EXITED' ? status : (signalName(status) ?? status);
  return [...who, `si_status=${shown}`, 'si_utime=0', 'si_stime=0'];
}

function endLine(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'exit':
      return `+++ exited with ${outcome.code} +++`;
    case 'signal':
      return `+++ killed by ${outcome.signal} +++`;
    case 'return':
      return `+++ returned 0x${BigInt.asUintN(64, outcome.value).toString(16)} +++`;
    case 'exception':
      return `+++ exception ${statusName(outcome.status)} (0x${outcome.status.toString(16)}) +++`;
    default:
      return `+++ ${otherEndText(outcome)} +++`;
  }
}
