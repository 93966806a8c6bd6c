/**
 * What happened to the pages of a VMA, for people who ask why a page has its rights. Entries ride on
 * the VMAs: a split shares them, a merge joins them, and they go when the VMA goes. Each names the
 * pages it was about, so that the history of one address can be told after any of these.
 */
import type { VmFlags } from '../os/linux/mm/vma.js';

export interface VmaHistory {
  /** The call that did it, as text: the address space's `cause` at the time. */
  readonly cause: string;
  readonly startPage: number;
  readonly endPage: number;
  /** Undefined when the call created the mapping. */
  readonly before: VmFlags | undefined;
  readonly after: VmFlags;
  /** The policy rule that took bits away, and its sentence. */
  readonly rule?: string;
  readonly reason?: string;
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

/** The history of merged VMAs: each entry once, those of `a` first. */
export function joinHistory(
  a: readonly VmaHistory[],
  b: readonly VmaHistory[],
): readonly VmaHistory[] {
  const added = b.filter((entry) => !a.includes(entry));
  if (added.length === 0) return a;
  const joined = [...a, ...added];
  return joined.length <= 2 * MAX_ENTRIES ? joined : folded(joined).slice(-2 * MAX_ENTRIES);
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
