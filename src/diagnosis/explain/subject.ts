/** What an explanation is about: the call or access that was refused, and the memory that it wanted. */

import type { SyscallEvent, TraceEvent, VmaEvent } from '../../trace/events.js';
import { rightsText } from '../../trace/print-cause.js';
import type { Refused } from '../outcome/outcome-class.js';

export interface Subject {
  readonly asked: {
    readonly kind: 'mmap' | 'mprotect' | 'fetch' | 'access' | 'call';
    /** PROT_* of the call; 0 for an access. */
    readonly prot: bigint;
  };
  /** The guest's call that made the memory; of a refused mmap that call. */
  readonly made: SyscallEvent | undefined;
  /** An address in it. */
  readonly address: bigint | undefined;
  readonly isHeap: boolean;
  readonly isDevZero: boolean;
  /** Names of the policies in force. */
  readonly policies: ReadonlySet<string>;
}

/** One change of the memory, oldest first. */
export interface HistoryStep {
  readonly what: string;
  readonly pc: bigint;
  readonly call: SyscallEvent | undefined;
}

/** Calls that guests make to get memory: what else makes it (exec) is none of theirs. */
const MAKERS = new Set(['mmap', 'mmap2', 'brk', 'mremap', 'shmat']);

export function subjectOf(
  refused: Refused,
  trace: readonly TraceEvent[],
  policies: ReadonlySet<string>,
): Subject {
  const { event } = refused;
  const address = addressOf(refused);
  const asked = askedOf(refused);
  const steps = address === undefined ? [] : changesAt(trace, address, event?.seq);
  const own = event?.type === 'syscall' && asked.kind === 'mmap' ? event : undefined;
  const creation = steps.findLast(({ op }) => op === 'insert');
  const made = own ?? (creation && callOf(trace, creation));
  const vma = creation?.after;
  return {
    asked,
    made: made !== undefined && MAKERS.has(made.name) ? made : undefined,
    address,
    isHeap: made?.name === 'brk',
    isDevZero:
      made !== undefined &&
      (vma?.object?.path ?? fileOf(trace, made)) === '/dev/zero' &&
      made.name.startsWith('mmap'),
    policies,
  };
}

function askedOf({ kind, event }: Refused): Subject['asked'] {
  if (kind === 'fault') {
    const fetch = event?.type === 'fault' && event.fault.access === 'exec';
    return { kind: fetch ? 'fetch' : 'access', prot: 0n };
  }
  if (event?.type !== 'syscall') return { kind: 'call', prot: 0n };
  const prot = event.args[2] ?? 0n;
  switch (event.name) {
    case 'mmap':
    case 'mmap2':
      return { kind: 'mmap', prot };
    case 'mprotect':
    case 'pkey_mprotect':
      return { kind: 'mprotect', prot };
    default:
      return { kind: 'call', prot: 0n };
  }
}

function addressOf({ event }: Refused): bigint | undefined {
  if (event?.type === 'fault') return event.fault.address;
  if (event?.type !== 'syscall') return undefined;
  return event.name.endsWith('mprotect') ? event.args[0] : undefined;
}

function changesAt(
  trace: readonly TraceEvent[],
  address: bigint,
  before: number | undefined,
): VmaEvent[] {
  return trace.filter((event): event is VmaEvent => {
    if (event.type !== 'vma' || (before !== undefined && event.seq > before)) return false;
    const range = event.after ?? event.before;
    return range !== undefined && range.start <= address && address < range.end;
  });
}

/** Recorded when the call returns, which is after what it changed. */
function callOf(trace: readonly TraceEvent[], change: VmaEvent): SyscallEvent | undefined {
  const call = trace.find(
    (event) => event.seq > change.seq && event.pid === change.pid && event.type === 'syscall',
  );
  return call?.type === 'syscall' && call.name === change.cause ? call : undefined;
}

/** The path that a descriptor was opened for, from the trace. */
function fileOf(trace: readonly TraceEvent[], { args, seq }: SyscallEvent): string | undefined {
  const opened = trace.findLast(
    (event) =>
      event.type === 'syscall' &&
      event.seq < seq &&
      event.name.startsWith('open') &&
      event.value === BigInt.asIntN(32, args[4] ?? -1n),
  );
  if (opened?.type !== 'syscall') return undefined;
  return opened.shown.find((text) => text.startsWith('"'))?.slice(1, -1);
}

/** What became of the memory at the subject's address, up to the refusal; `store`: the instruction that wrote first. */
export function historyOf(
  trace: readonly TraceEvent[],
  { address }: Subject,
  before: number | undefined,
  store: bigint | undefined,
): HistoryStep[] {
  if (address === undefined) return [];
  const steps = changesAt(trace, address, before).map((change) => stepOf(trace, change));
  const written = { what: 'first written', pc: store ?? 0n, call: undefined };
  return store === undefined ? steps : [...steps.slice(0, 1), written, ...steps.slice(1)];
}

function stepOf(trace: readonly TraceEvent[], change: VmaEvent): HistoryStep {
  const { op, cause, pc } = change;
  const rights = rightsText(change.after?.rights ?? 0);
  const what =
    op === 'insert'
      ? `made ${rights} by ${cause}`
      : op === 'remove'
        ? `unmapped by ${cause}`
        : `changed from ${rightsText(change.before?.rights ?? 0)} to ${rights} by ${cause}`;
  return { what, pc, call: callOf(trace, change) };
}
