/**
 * The TLB of the CPU: what earlier walks found, until something invalidates it (Intel SDM volume 3, section 5.10). A
 * changed entry of a page table has no effect on a page that is here, which is what a forgotten flush is about. An access
 * that an entry here refuses is walked again, as processors do, so that more rights take effect at once. The caches
 * of upper entries are not modelled: a change of one acts on each page whose translation is not here.
 */
import { SPAN } from './entry.js';
import type { LinearTranslation } from './walk.js';

/** Entries of each page size; the oldest goes first. */
const CAPACITY = 1536;

/** What was invalidated so far. */
export interface TlbCounts {
  /** Single pages: `invlpg`. */
  readonly pages: number;
  /** Everything that is not global: a load of CR3. */
  readonly nonGlobal: number;
  /** Everything: a change of CR4 that matters. */
  readonly all: number;
  /** Walks of the page tables. */
  readonly misses: number;
}

export class GuestTlb {
  /** By number of the page, in units of its own size; the smallest size first. */
  #sizes: readonly Map<number, LinearTranslation>[] = [new Map(), new Map(), new Map()];
  #counts = { pages: 0, nonGlobal: 0, all: 0, misses: 0 };

  get counts(): TlbCounts {
    return { ...this.#counts };
  }

  lookup(page: number): LinearTranslation | undefined {
    for (const [level, entries] of this.#sizes.entries()) {
      if (entries.size === 0) continue;
      const found = entries.get(Math.floor(page / SPAN[level]!));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Returns the page whose entry made room, if one had to: the first of its 4 KiB pages, and how many they are. */
  insert(page: number, entry: LinearTranslation): { page: number; span: number } | undefined {
    this.#counts.misses++;
    const entries = this.#sizes[SPAN.indexOf(entry.span as 1)]!;
    entries.set(Math.floor(page / entry.span), entry);
    if (entries.size <= CAPACITY) return undefined;
    const [oldest] = entries.keys();
    entries.delete(oldest!);
    return { page: oldest! * entry.span, span: entry.span };
  }

  /** Forgets one page, global or not. Returns how many 4 KiB pages may have gone with it. */
  drop(page: number): number {
    let most = 0;
    for (const [level, entries] of this.#sizes.entries()) {
      const span = SPAN[level]!;
      if (entries.delete(Math.floor(page / span))) most = span;
    }
    return most;
  }

  invalidatePage(page: number): number {
    this.#counts.pages++;
    return this.drop(page);
  }

  invalidateNonGlobal(): void {
    this.#counts.nonGlobal++;
    for (const entries of this.#sizes) {
      for (const [key, { global }] of entries) if (!global) entries.delete(key);
    }
  }

  invalidateAll(): void {
    this.#counts.all++;
    for (const entries of this.#sizes) entries.clear();
  }

  /** Returns what puts it back. */
  save(): () => void {
    const sizes = this.#sizes.map((entries) => [...entries]);
    const counts = { ...this.#counts };
    return () => {
      this.#sizes = sizes.map((entries) => new Map(entries));
      this.#counts = { ...counts };
    };
  }
}
