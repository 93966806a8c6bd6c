/** What an explanation is about: the call or access that was refused, and the memory that it wanted. */

import { callFamily } from '../../abi/linux/call-set.js';
import { givesMemory } from '../../memory/request.js';
import type { SyscallEvent, TraceEvent, VmaEvent } from '../../trace/events.js';
import { rightsText } from '../../trace/print-cause.js';
import type { Refused } from '../outcome/outcome-class.js';

export interface Subject {
  readonly asked: {
    readonly kind: 'mmap' | 'mprotect' | 'fetch' | 'access' | 'call';
    /** RIGHT_* of the call; 0 for an access. */
    readonly rights: number;
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
    made: made?.asks !== undefined && givesMemory(made.asks) ? made : undefined,
    address,
    isHeap: made?.asks?.kind === 'heap',
    isDevZero:
      made !== undefined &&
      (vma?.object?.path ?? fileOf(trace, made)) === '/dev/zero' &&
      isMmap(made),
    policies,
  };
}

function askedOf({ kind, event }: Refused): Subject['asked'] {
  if (kind === 'fault') {
    const fetch = event?.type === 'fault' && event.fault.access === 'exec';
    return { kind: fetch ? 'fetch' : 'access', rights: 0 };
  }
  if (event?.type !== 'syscall' || event.asks === undefined) return { kind: 'call', rights: 0 };
  const { rights, kind: asked } = event.asks;
  if (asked === 'protect') return { kind: 'mprotect', rights };
  return isMmap(event) ? { kind: 'mmap', rights } : { kind: 'call', rights: 0 };
}

/** However the architecture spells it; shmat maps too, but takes other arguments. */
export function isMmap({ name }: SyscallEvent): boolean {
  return callFamily(name) === 'mmap';
}

function addressOf({ event }: Refused): bigint | undefined {
  if (event?.type === 'fault') return event.fault.address;
  if (event?.type !== 'syscall') return undefined;
  return event.asks?.kind === 'protect' ? event.asks.start : undefined;
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
