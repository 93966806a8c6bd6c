/** What an explanation is about: the call or access that was refused, and the memory that it wanted. */

import { callFamily } from '../../abi/linux/call-set.js';
import type { Mapping } from '../../memory/mapping.js';
import { givesMemory } from '../../memory/request.js';
import { callsAbove } from '../../trace/calls-above.js';
import type { ApiEvent, CallEvent, TraceEvent, VmaEvent } from '../../trace/events.js';
import { protectionText, rightsText } from '../../trace/print-cause.js';
import type { Refused } from '../outcome/outcome-class.js';

export interface Subject {
  readonly asked: {
    readonly kind: 'map' | 'protect' | 'fetch' | 'access' | 'call';
    /** RIGHT_* of the call; 0 for an access. */
    readonly rights: number;
  };
  /** The guest's call that made the memory; of a refused mmap that call. */
  readonly made: CallEvent | undefined;
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
  /** The instruction that did it; 0 where none of the program did. */
  readonly pc: bigint;
  readonly call: CallEvent | undefined;
}

export function subjectOf(
  refused: Refused,
  trace: readonly TraceEvent[],
  policies: ReadonlySet<string>,
): Subject {
  const event = ownRequest(refused, trace);
  const address = addressOf(event);
  const asked = askedOf(event);
  const steps = address === undefined ? [] : changesAt(trace, address, event?.seq);
  const own = isCall(event) && asked.kind === 'map' ? event : undefined;
  const creation = steps.findLast(({ op }) => op === 'insert');
  const taken = takenFrom(trace, event, address);
  const made = taken ?? own ?? (creation && callOf(trace, creation));
  const vma = creation?.after;
  return {
    asked,
    made: made?.asks !== undefined && givesMemory(made.asks) ? made : undefined,
    address,
    isHeap: made?.asks?.kind === 'heap' || made?.name === 'HeapCreate',
    isDevZero:
      made !== undefined &&
      (vma?.object?.path ?? fileOf(trace, made)) === '/dev/zero' &&
      isMmap(made),
    policies,
  };
}

/** What the program itself asked: a function of Windows stands above the system call that Wine makes of it. */
function ownRequest({ event }: Refused, trace: readonly TraceEvent[]): Refused['event'] {
  return event === undefined ? undefined : (callAbove(trace, event) ?? event);
}

function isCall(event: Refused['event']): event is CallEvent {
  return event?.type === 'syscall' || event?.type === 'api';
}

function askedOf(event: Refused['event']): Subject['asked'] {
  if (event?.type === 'fault') {
    return { kind: event.fault.access === 'exec' ? 'fetch' : 'access', rights: 0 };
  }
  if (!isCall(event) || event.asks === undefined) return { kind: 'call', rights: 0 };
  const { rights, kind } = event.asks;
  if (kind === 'protect') return { kind, rights };
  const maps = event.type === 'api' ? kind === 'map' : isMmap(event);
  return { kind: maps ? 'map' : 'call', rights };
}

/** However the architecture spells it; shmat maps too, but takes other arguments. */
export function isMmap({ name }: CallEvent): boolean {
  return callFamily(name) === 'mmap';
}

function addressOf(event: Refused['event']): bigint | undefined {
  if (event?.type === 'fault') return event.fault.address;
  return isCall(event) && event.asks?.kind === 'protect' ? event.asks.start : undefined;
}

/** A block of a heap is no mapping of its own: the latest call that gave an address just below. */
function takenFrom(
  trace: readonly TraceEvent[],
  event: Refused['event'],
  address: bigint | undefined,
): CallEvent | undefined {
  if (address === undefined || event === undefined) return undefined;
  const call = trace.findLast(
    (each) =>
      each.type === 'api' &&
      each.seq < event.seq &&
      each.asks?.kind === 'heap' &&
      each.value <= address &&
      address < each.value + each.asks.length,
  );
  return call?.type === 'api' ? call : undefined;
}

/** The function of Windows that a system call of Wine's was part of. */
export function callAbove(trace: readonly TraceEvent[], event: TraceEvent): ApiEvent | undefined {
  const inside = event.type === 'syscall' || event.type === 'verdict' || event.type === 'vma';
  return inside ? callsAbove(trace)(event) : undefined;
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
function callOf(trace: readonly TraceEvent[], change: VmaEvent): CallEvent | undefined {
  const above = callAbove(trace, change);
  if (above !== undefined) return above;
  const call = trace.find(
    (event) => event.seq > change.seq && event.pid === change.pid && event.type === 'syscall',
  );
  return call?.type === 'syscall' && call.name === change.cause ? call : undefined;
}

/** The path that a descriptor was opened for, from the trace. */
function fileOf(trace: readonly TraceEvent[], { args, seq }: CallEvent): string | undefined {
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
  const { op, cause, pc, site } = change;
  const call = callOf(trace, change);
  const rights = rightsOf(change.after);
  const what =
    op === 'insert'
      ? `made ${rights} by ${cause}`
      : op === 'remove'
        ? `unmapped by ${cause}`
        : `changed from ${rightsOf(change.before)} to ${rights} by ${cause}`;
  return { what, pc: call?.site ?? site ?? (call === undefined ? pc : pc - 2n), call };
}

function rightsOf(mapping: Mapping | undefined): string {
  return mapping === undefined ? rightsText(0) : protectionText(mapping);
}
