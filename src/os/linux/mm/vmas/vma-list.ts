/**
 * VmaList: the VMAs of an address space, sorted and disjoint (the maple tree mm_mt).
 * VMAs are immutable values; every change goes through `splice`, which keeps counters and object
 * references right. They are kept in short runs, each of which knows its largest gap: neither a change nor a
 * search for space takes longer when there are many.
 */
import { KERNEL_BYTES } from '../../../../base/charges.js';
import { InvariantError } from '../../../../base/errors.js';
import type { MemoryObject } from '../../../../memory/object.js';
import type { KernelPool } from '../../../../memory/page-table.js';
import type { MappedVma } from './mapped-vma.js';
import { type ObjectObserver, VmaAccounts, type VmaCounters } from './vma-accounts.js';

/** Runs hold at most this many VMAs: what a change costs does not grow with the list. */
const LARGEST_RUN = 128;
/** Runs that a search passes over in one step when none of their gaps will do. */
const GROUP = 32;
const NO_VMAS: ReadonlySet<MappedVma> = new Set();

/** Neighbours in the list. */
interface Run {
  readonly vmas: readonly MappedVma[];
  /** Pages from the first VMA's start to the last one's end. */
  readonly start: number;
  readonly end: number;
  /** The largest free space between two of them, in pages. */
  readonly gap: number;
}

function makeRun(vmas: readonly MappedVma[]): Run {
  let gap = 0;
  for (let i = 1; i < vmas.length; i++) {
    gap = Math.max(gap, vmas[i]!.startPage - vmas[i - 1]!.endPage);
  }
  return { vmas, start: vmas[0]!.startPage, end: vmas[vmas.length - 1]!.endPage, gap };
}

function runsOf(vmas: readonly MappedVma[]): Run[] {
  if (vmas.length <= LARGEST_RUN) return vmas.length === 0 ? [] : [makeRun(vmas)];
  const runs: Run[] = [];
  const size = Math.ceil(vmas.length / Math.ceil(vmas.length / ((3 * LARGEST_RUN) / 4)));
  for (let at = 0; at < vmas.length; at += size) runs.push(makeRun(vmas.slice(at, at + size)));
  return runs;
}

/** The first index from 0 for which `above` holds, or the length; `above` holds for all after the first. */
function firstIndex(length: number, above: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (above(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

export class VmaList {
  /** None is empty. */
  #runs: Run[] = [];
  /** Of each GROUP of runs; undefined: not known. */
  #groupGaps: (number | undefined)[] = [];
  /** Index of the first VMA of each run; undefined after a change of their number. */
  #starts: number[] | undefined;
  #items: readonly MappedVma[] | undefined;
  #length = 0;
  #hit: MappedVma | undefined;
  readonly #pool: KernelPool | undefined;
  #state: object = {};
  readonly #accounts: VmaAccounts;

  /** `pool`: what the VMAs count against. */
  constructor(observer?: ObjectObserver, pool?: KernelPool) {
    this.#accounts = new VmaAccounts(observer);
    this.#pool = pool;
  }

  get items(): readonly MappedVma[] {
    this.#items ??= this.#runs.flatMap(({ vmas }) => vmas);
    return this.#items;
  }

  get length(): number {
    return this.#length;
  }

  get objects(): Iterable<MemoryObject> {
    return this.#accounts.objects;
  }

  /** Pages, each always equal to the sum over the list. */
  get counters(): Readonly<VmaCounters> {
    return this.#accounts.counters;
  }

  /** What it holds now, by identity: another one after each change. */
  get state(): object {
    return this.#state;
  }

  /** Puts back all that it held in a state of its own; false when it holds that now. */
  restore(state: object, vmas: readonly MappedVma[]): boolean {
    if (state === this.#state) return false;
    this.splice(0, this.#length, vmas);
    this.#state = state;
    return true;
  }

  /** Those that map an object. */
  vmasOf(object: MemoryObject): ReadonlySet<MappedVma> {
    return this.#accounts.vmasOf(object);
  }

  /** The VMA that holds the page. */
  find(page: number): MappedVma | undefined {
    const hit = this.#hit;
    if (hit !== undefined && page >= hit.startPage && page < hit.endPage) return hit;
    const run = this.#runs[this.#runFrom(page)];
    const vma = run?.vmas[indexWithin(run, page)];
    if (vma === undefined || vma.startPage > page) return undefined;
    this.#hit = vma;
    return vma;
  }

  /** Index of the first VMA that ends above the page (find_vma), or the length. */
  indexFrom(page: number): number {
    const run = this.#runFrom(page);
    const found = this.#runs[run];
    return found === undefined ? this.#length : this.#startOf(run) + indexWithin(found, page);
  }

  at(index: number): MappedVma | undefined {
    if (index < 0 || index >= this.#length) return undefined;
    const run = this.#runAt(index);
    return this.#runs[run]!.vmas[index - this.#startOf(run)];
  }

  /** `count` VMAs from an index on. */
  slice(index: number, count: number): MappedVma[] {
    const found: MappedVma[] = [];
    for (let run = this.#runAt(index); found.length < count; run++) {
      const { vmas } = this.#runs[run]!;
      const from = found.length === 0 ? index - this.#startOf(run) : 0;
      for (const vma of vmas.slice(from, from + count - found.length)) found.push(vma);
    }
    return found;
  }

  /** True when a VMA overlaps [start, end). */
  overlaps(start: number, end: number): boolean {
    const vma = this.at(this.indexFrom(start));
    return vma !== undefined && vma.startPage < end;
  }

  /**
   * The highest index up to `index` before whose VMA there are so many free pages; 0 and the length, where the
   * space has no VMA on one side, always count.
   */
  gapDown(index: number, pages: number): number {
    if (index <= 0 || index >= this.#length) return index;
    let run = this.#runAt(index);
    let within = index - this.#startOf(run);
    for (;;) {
      const { vmas, gap } = this.#runs[run]!;
      for (; gap >= pages && within > 0; within--) {
        if (vmas[within]!.startPage - vmas[within - 1]!.endPage >= pages) {
          return this.#startOf(run) + within;
        }
      }
      if (run === 0 || this.#gapBefore(run) >= pages) return this.#startOf(run);
      run--;
      while (run >= GROUP && (run + 1) % GROUP === 0 && this.#gapOfGroup(run) < pages) run -= GROUP;
      within = this.#runs[run]!.vmas.length - 1;
    }
  }

  /** The lowest index from `index` on, as `gapDown`. */
  gapUp(index: number, pages: number): number {
    if (index <= 0 || index >= this.#length) return index;
    let run = this.#runAt(index);
    let within = index - this.#startOf(run);
    for (; run < this.#runs.length; run++, within = 0) {
      if (within === 0 && run % GROUP === 0 && this.#gapOfGroup(run) < pages) {
        run += GROUP - 1;
        continue;
      }
      const { vmas, gap } = this.#runs[run]!;
      if (within === 0 && this.#gapBefore(run) >= pages) return this.#startOf(run);
      for (within = Math.max(1, within); gap >= pages && within < vmas.length; within++) {
        if (vmas[within]!.startPage - vmas[within - 1]!.endPage >= pages) {
          return this.#startOf(run) + within;
        }
      }
    }
    return this.#length;
  }

  /** The largest gap in a run's group and below each of its runs. */
  #gapOfGroup(run: number): number {
    const group = Math.floor(run / GROUP);
    const known = this.#groupGaps[group];
    if (known !== undefined) return known;
    let most = 0;
    const end = Math.min((group + 1) * GROUP, this.#runs.length);
    for (let i = group * GROUP; i < end; i++) {
      most = Math.max(most, this.#runs[i]!.gap, this.#gapBefore(i));
    }
    this.#groupGaps[group] = most;
    return most;
  }

  /** Free pages between a run and the one below it. */
  #gapBefore(run: number): number {
    return this.#runs[run]!.start - (this.#runs[run - 1]?.end ?? 0);
  }

  /** Replaces `count` VMAs from an index on. */
  splice(index: number, count: number, vmas: readonly MappedVma[] = []): void {
    const removed = this.#replaceAt(index, count, vmas);
    const kept = common(removed, vmas);
    // New ones first: an object that is mapped before and after keeps its reference.
    for (const vma of vmas) if (!kept.has(vma)) this.#accounts.count(vma, 1);
    for (const vma of removed) if (!kept.has(vma)) this.#accounts.count(vma, -1);
  }

  /** Replaces one VMA by others that cover the same pages. */
  replace(vma: MappedVma, ...vmas: MappedVma[]): void {
    const index = this.indexFrom(vma.startPage);
    if (this.at(index) !== vma) throw new InvariantError('the VMA to replace is not in the list');
    this.splice(index, 1, vmas);
  }

  insert(vma: MappedVma): void {
    this.splice(this.indexFrom(vma.startPage), 0, [vma]);
  }

  /** The VMAs that were there. */
  #replaceAt(index: number, count: number, vmas: readonly MappedVma[]): MappedVma[] {
    const first = Math.min(this.#runAt(index), Math.max(0, this.#runs.length - 1));
    const start = this.#startOf(first);
    let last = first;
    let end = start + (this.#runs[first]?.vmas.length ?? 0);
    while (end < index + count) end += this.#runs[++last]!.vmas.length;
    const before =
      first === last
        ? (this.#runs[first]?.vmas ?? [])
        : this.#runs.slice(first, last + 1).flatMap((run) => run.vmas);
    const { removed, after } = spliced(before, index - start, count, vmas);
    const runs = runsOf(after);
    if (runs.length === 1 && last === first && this.#runs.length > 0) {
      this.#replaceRun(first, runs[0]!);
    } else {
      this.#runs = this.#runs.slice(0, first).concat(runs, this.#runs.slice(last + 1));
      this.#starts = undefined;
      this.#groupGaps = [];
    }
    this.#length += vmas.length - removed.length;
    if (this.#pool !== undefined) {
      this.#pool.reserved += (vmas.length - removed.length) * KERNEL_BYTES.vma;
      this.#pool.meter.charge('vma', vmas.length + removed.length);
    }
    this.#hit = undefined;
    this.#items = undefined;
    this.#state = {};
    return removed;
  }

  /** Most changes are within a run: what is known of the others stays. */
  #replaceRun(index: number, run: Run): void {
    const more = run.vmas.length - this.#runs[index]!.vmas.length;
    this.#runs[index] = run;
    const starts = this.#starts;
    if (starts !== undefined && more !== 0) {
      for (let i = index + 1; i < starts.length; i++) starts[i] = starts[i]! + more;
    }
    // Its end is where the gap below the next one begins.
    this.#groupGaps[Math.floor(index / GROUP)] = undefined;
    this.#groupGaps[Math.floor((index + 1) / GROUP)] = undefined;
  }

  /** The run with the first VMA that ends above the page. */
  #runFrom(page: number): number {
    const runs = this.#runs;
    return firstIndex(runs.length, (index) => runs[index]!.end > page);
  }

  /** The run that holds the VMA of this index; the number of runs for the length. */
  #runAt(index: number): number {
    const starts = this.#indexes();
    return firstIndex(starts.length, (run) => (starts[run + 1] ?? this.#length) > index);
  }

  #startOf(run: number): number {
    return this.#indexes()[run] ?? 0;
  }

  #indexes(): number[] {
    if (this.#starts !== undefined) return this.#starts;
    const starts: number[] = [];
    let next = 0;
    for (const { vmas } of this.#runs) {
      starts.push(next);
      next += vmas.length;
    }
    this.#starts = starts;
    return starts;
  }
}

/** Few, nearly always: without a set then. */
function common(
  some: readonly MappedVma[],
  others: readonly MappedVma[],
): { has(vma: MappedVma): boolean } {
  if (some.length === 0 || others.length === 0) return NO_VMAS;
  if (some.length * others.length <= 16) {
    return { has: (vma) => some.includes(vma) && others.includes(vma) };
  }
  const known = new Set(some);
  return new Set(others.filter((vma) => known.has(vma)));
}

function spliced(
  before: readonly MappedVma[],
  at: number,
  count: number,
  vmas: readonly MappedVma[],
): { readonly removed: MappedVma[]; readonly after: readonly MappedVma[] } {
  if (vmas.length <= 4) {
    const after = before.slice();
    return { removed: after.splice(at, count, ...vmas), after };
  }
  const removed = before.slice(at, at + count);
  return { removed, after: before.slice(0, at).concat(vmas, before.slice(at + count)) };
}

function indexWithin({ vmas }: Run, page: number): number {
  return firstIndex(vmas.length, (index) => vmas[index]!.endPage > page);
}
