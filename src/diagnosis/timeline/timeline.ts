/**
 * The address space over time: which pages had which rights after each call that changed something, or
 * that asked for a change and was refused. A fold over the changes of the map; of one process.
 */

import { callFamily, callSet } from '../../abi/linux/call-set.js';
import type { Addr } from '../../base/address.js';
import { callsAbove } from '../../trace/calls-above.js';
import { checkEvents, checkProcess } from '../../trace/event-shape.js';
import type { CallEvent, SyscallEvent, TraceEvent, VmaEvent } from '../../trace/events.js';
import { failureOfApi } from '../../trace/print.js';
import { rightsText } from '../../trace/print-cause.js';
import { type Area, nameOfArea, withChange } from './areas.js';

/** What brought a change about. */
export interface TimelineStep {
  /** `exec`, the name of a system call or of a function of Windows, or `stack growth`. */
  readonly cause: string;
  /** Undefined for what is no call that returned. */
  readonly call: CallEvent | undefined;
  /** The policy's rule that refused it or took rights, and its sentence. */
  readonly rule: string | undefined;
  readonly reason: string | undefined;
}

/** Pages that had the same rights all along. */
export interface TimelineRow {
  readonly start: Addr;
  readonly end: Addr;
  readonly name: string;
  /** One for each step: `rw-`, or undefined while nothing was mapped there. */
  readonly rights: readonly (string | undefined)[];
}

export interface Timeline {
  readonly steps: readonly TimelineStep[];
  readonly rows: readonly TimelineRow[];
}

const MEMORY_CALLS: ReadonlySet<string> = new Set(callSet('%memory'));

interface Moment {
  readonly step: TimelineStep;
  /** Sorted, disjoint; after the step. */
  readonly areas: readonly Area[];
}

export function timelineOf(trace: readonly TraceEvent[], pid?: number): Timeline {
  checkEvents('timelineOf', trace);
  checkProcess('timelineOf', pid);
  const wanted = pid ?? trace[0]?.pid;
  const moments = momentsOf(trace.filter((event) => event.pid === wanted));
  return {
    steps: moments.map(({ step }) => step),
    rows: rowsOf(moments.map(({ areas }) => areas)),
  };
}

function momentsOf(trace: readonly TraceEvent[]): Moment[] {
  const moments: Moment[] = [];
  /** Since the last step. */
  let changes: VmaEvent[] = [];
  const above = callsAbove(trace);
  // Under Wine the program calls functions of Windows; the system calls are Wine's, and those of no function its loader's.
  const isWine = trace.some(isApi) && trace.some(({ type }) => type === 'syscall');
  const close = (call: CallEvent | undefined): void => {
    const [first] = changes;
    if (first !== undefined || (call !== undefined && isRefused(call))) {
      const step = stepOf(first?.cause ?? call!.name, call, changes);
      // A new program has a new address space.
      const before = step.cause === 'exec' ? [] : (moments.at(-1)?.areas ?? []);
      moments.push({ step, areas: changes.reduce(withChange, before) });
    }
    changes = [];
  };
  for (const event of trace) {
    if (event.type === 'vma') {
      // What the loader did, and a stack that grew, belongs to no call of the program.
      const cause = isWine ? (above(event)?.name ?? 'exec') : event.cause;
      const last = changes.at(-1);
      if (last !== undefined && last.cause !== cause) close(undefined);
      changes.push({ ...event, cause });
    } else if (event.type === 'api') {
      const own = changes.some(({ cause }) => cause === event.name);
      if (changes.length > 0 && !own) close(undefined);
      close(event);
    } else if (event.type === 'syscall' && !isWine) {
      const own = changes.some(({ cause }) => cause === event.name || cause === 'exec');
      if (changes.length > 0 && (!own || isFirstExec(moments, event))) close(undefined);
      close(event);
    }
  }
  close(undefined);
  return moments;
}

/** The loader of the first program was no call of it. */
function isFirstExec(moments: readonly Moment[], { name }: SyscallEvent): boolean {
  return moments.length === 0 && !name.startsWith('execve');
}

function isApi({ type }: TraceEvent): boolean {
  return type === 'api';
}

function isRefused(call: CallEvent): boolean {
  if (call.type === 'api') return call.asks !== undefined && failureOfApi(call) !== undefined;
  return call.errno !== undefined && MEMORY_CALLS.has(callFamily(call.name));
}

function stepOf(
  cause: string,
  call: CallEvent | undefined,
  changes: readonly VmaEvent[],
): TimelineStep {
  const by = call?.cause ?? changes.find(({ takenBy }) => takenBy !== undefined)?.takenBy;
  return { cause, call, rule: by?.rule, reason: by?.reason };
}

/** Cut at every boundary that there ever was; neighbours that were always alike are one row. */
function rowsOf(moments: readonly (readonly Area[])[]): TimelineRow[] {
  const edges = new Set<Addr>();
  for (const { start, end } of moments.flat()) edges.add(start).add(end);
  const bounds = [...edges].sort((a, b) => (a < b ? -1 : 1));
  const rows: TimelineRow[] = [];
  for (const [index, start] of bounds.slice(0, -1).entries()) {
    const end = bounds[index + 1]!;
    const areas = moments.map((each) =>
      each.find((area) => area.start <= start && start < area.end),
    );
    const last = areas.findLast((area) => area !== undefined);
    if (last === undefined) continue;
    const rights = areas.map((area) => (area === undefined ? undefined : rightsText(area.rights)));
    const row = { start, end, name: nameOfArea(last), rights };
    const before = rows.at(-1);
    if (before !== undefined && continues(before, row)) rows[rows.length - 1] = { ...before, end };
    else rows.push(row);
  }
  return rows;
}

function continues(before: TimelineRow, row: TimelineRow): boolean {
  return (
    before.end === row.start &&
    before.name === row.name &&
    before.rights.every((rights, index) => rights === row.rights[index])
  );
}
