/**
 * What happened to the pages of a VMA, for people who ask why a page has its rights. Entries ride on
 * the VMAs: a split shares them, a merge joins them, and they go when the VMA goes. Each names the
 * pages it was about, so that the history of one address can be told after any of these.
 */
import type { VmFlags } from './vma.js';

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
  return added.length === 0 ? a : [...a, ...added].slice(-2 * MAX_ENTRIES);
}

export function historyOf(history: readonly VmaHistory[], page: number): readonly VmaHistory[] {
  return history.filter((entry) => entry.startPage <= page && page < entry.endPage);
}
