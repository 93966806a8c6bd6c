/**
 * What happened to the pages of a VMA, for people who ask why a page has its rights. Entries ride on
 * the VMAs: a split shares them, a merge joins them, and they go when the VMA goes. Each names the
 * pages it was about, so that the history of one address can be told after any of these.
 */
import type { Cause, TakenRights } from '../base/verdict.js';

export interface VmaHistory {
  /** The call that did it, as text: the address space's `cause` at the time. */
  readonly cause: string;
  readonly startPage: number;
  readonly endPage: number;
  /** The system's own flags, whose low three bits are the rights. Undefined when the call created the mapping. */
  readonly before: number | undefined;
  readonly after: number;
  /** The policy rule that took bits away, and its sentence. */
  readonly rule?: string;
  readonly reason?: string;
  /** All rules that did, and which bits each took. */
  readonly taken?: readonly TakenRights[];
}

/** A JIT that flips one page a million times must not grow without bound: creation and the last changes stay. */
const MAX_ENTRIES = 24;

export function addHistory(
  history: readonly VmaHistory[],
  entry: VmaHistory,
): readonly VmaHistory[] {
  const last = history.at(-1);
  // A stack that grows page by page is one growth.
  if (last !== undefined && last.cause === entry.cause && continues(last, entry)) {
    return [...history.slice(0, -1), span(last, entry)];
  }
  if (history.length < MAX_ENTRIES) return [...history, entry];
  const drop = history.findIndex((old) => old.before !== undefined);
  return [...history.filter((_, index) => index !== Math.max(drop, 0)), entry];
}

/**
 * The history of two VMAs that become one, `high` beginning where `low` ends: each entry once. What only
 * one of them has says nothing of the other's pages, whatever had been there when it was made.
 */
export function joinHistory(
  low: readonly VmaHistory[],
  high: readonly VmaHistory[],
  boundary: number,
): readonly VmaHistory[] {
  if (high.every((entry) => low.includes(entry))) return low;
  const joined: VmaHistory[] = [];
  for (const entry of low) {
    const part = high.includes(entry) ? entry : within(entry, 0, boundary);
    if (part !== undefined) joined.push(part);
  }
  for (const entry of high) {
    const part = low.includes(entry)
      ? undefined
      : within(entry, boundary, Number.POSITIVE_INFINITY);
    if (part !== undefined) joined.push(part);
  }
  return joined.length <= 2 * MAX_ENTRIES ? joined : folded(joined).slice(-2 * MAX_ENTRIES);
}

/** As far as the entry is about [start, end); undefined where it is not at all. */
function within(entry: VmaHistory, start: number, end: number): VmaHistory | undefined {
  if (entry.startPage >= start && entry.endPage <= end) return entry;
  const startPage = Math.max(entry.startPage, start);
  const endPage = Math.min(entry.endPage, end);
  return startPage < endPage ? { ...entry, startPage, endPage } : undefined;
}

/** Neighbouring creations become one, by the cause of the first: a heap that brk made grow in many calls. */
function folded(entries: readonly VmaHistory[]): VmaHistory[] {
  const result: VmaHistory[] = [];
  for (const entry of entries) {
    const last = result.at(-1);
    if (last !== undefined && continues(last, entry)) result[result.length - 1] = span(last, entry);
    else result.push(entry);
  }
  return result;
}

/** Both made memory with the same rights, side by side. */
function continues(a: VmaHistory, b: VmaHistory): boolean {
  const touching = a.endPage === b.startPage || b.endPage === a.startPage;
  const made = a.before === undefined && b.before === undefined;
  return made && touching && a.after === b.after && a.rule === b.rule;
}

function span(a: VmaHistory, b: VmaHistory): VmaHistory {
  return {
    ...a,
    startPage: Math.min(a.startPage, b.startPage),
    endPage: Math.max(a.endPage, b.endPage),
  };
}

export function historyOf(history: readonly VmaHistory[], page: number): readonly VmaHistory[] {
  return history.filter((entry) => entry.startPage <= page && page < entry.endPage);
}

/** The rule that took one of these may bits from a page; undefined when none did. */
export function whoTookMay(
  history: readonly VmaHistory[],
  page: number,
  mayBits: number,
): Cause | undefined {
  return historyOf(history, page)
    .map((entry) => takerOf(entry, mayBits))
    .findLast((cause) => cause !== undefined);
}

/**
 * The rule by which a page lacks this right: whoever gave the page its rights last had asked for it.
 * `access`: all bits that are rights.
 */
export function whoTookRight(
  history: readonly VmaHistory[],
  page: number,
  right: number,
  access: number,
): Cause | undefined {
  for (const entry of historyOf(history, page).toReversed()) {
    const cause = takerOf(entry, right);
    if (cause !== undefined) return cause;
    const { before, after } = entry;
    if (before !== undefined && (before ^ after) & access) return undefined;
  }
  return undefined;
}

function takerOf({ taken }: VmaHistory, bits: number): Cause | undefined {
  const by = taken?.find(({ rights }) => rights & bits);
  return by && { kind: 'taken', policy: by.policy, rule: by.rule, reason: by.reason };
}
