/**
 * Vad: one allocation (virtual address descriptor): a reservation, a view of a section or an image, with the
 * protection of each of its pages as runs. VadList: those of a process, sorted and disjoint.
 */
import { MEM_IMAGE, MEM_MAPPED, MEM_PRIVATE } from '../../../abi/windows/memory.js';
import { InvariantError } from '../../../base/errors.js';
import { Meter } from '../../../base/meter.js';
import type { VmaHistory } from '../../../memory/history.js';
import type { Section } from './section.js';

/** Pages [start, end) with one protection; 0: reserved, not committed. */
export interface Run {
  readonly start: number;
  readonly end: number;
  readonly protect: number;
}

export type VadKind = 'private' | 'mapped' | 'image';

export const TYPE_OF: Readonly<Record<VadKind, number>> = {
  private: MEM_PRIVATE,
  mapped: MEM_MAPPED,
  image: MEM_IMAGE,
};

export interface VadInit {
  readonly start: number;
  readonly end: number;
  readonly kind: VadKind;
  /** AllocationProtect. */
  readonly protect: number;
  readonly committed: boolean;
  readonly writeWatch?: boolean;
  readonly section?: Section | undefined;
  /** Page of the section where the view begins. */
  readonly offset?: number;
  /** Writes go to copies of the process's own. */
  readonly copies?: boolean;
  /** Belongs to the system: it can't be freed. */
  readonly fixed?: boolean;
  /** Holds a place for a later allocation or view. */
  readonly placeholder?: boolean;
  /** Lies where a placeholder was, which can be had back. */
  readonly replaced?: boolean;
  /** What it is for, for maps: 'stack', 'heap', the path of an image. */
  readonly name?: string;
}

export class Vad {
  readonly start: number;
  readonly end: number;
  readonly kind: VadKind;
  readonly protect: number;
  readonly writeWatch: boolean;
  readonly section: Section | undefined;
  readonly offset: number;
  readonly copies: boolean;
  readonly fixed: boolean;
  readonly placeholder: boolean;
  readonly replaced: boolean;
  readonly name: string;
  /** Replaced, never changed in place. */
  runs: readonly Run[];
  /** What created and changed it, oldest first; as far as somebody keeps it. */
  history: readonly VmaHistory[] = [];

  constructor(init: VadInit) {
    this.start = init.start;
    this.end = init.end;
    this.kind = init.kind;
    this.protect = init.protect;
    this.writeWatch = init.writeWatch ?? false;
    this.section = init.section;
    this.offset = init.offset ?? 0;
    this.copies = init.copies ?? init.kind === 'image';
    this.fixed = init.fixed ?? false;
    this.placeholder = init.placeholder ?? false;
    this.replaced = init.replaced ?? false;
    this.name = init.name ?? '';
    this.runs = [{ start: init.start, end: init.end, protect: init.committed ? init.protect : 0 }];
  }

  runAt(page: number): Run {
    const run = this.runs[indexOf(this.runs, page)];
    if (run === undefined) throw new InvariantError(`page ${page} is outside its allocation`);
    return run;
  }

  /** Runs of [start, end), cut to it. */
  runsIn(start: number, end: number): Run[] {
    const found: Run[] = [];
    for (let index = indexOf(this.runs, start); index < this.runs.length; index++) {
      const run = this.runs[index]!;
      if (run.start >= end) break;
      found.push({
        start: Math.max(run.start, start),
        end: Math.min(run.end, end),
        protect: run.protect,
      });
    }
    return found;
  }

  isCommitted(start: number, end: number): boolean {
    return this.runsIn(start, end).every(({ protect }) => protect !== 0);
  }

  set(start: number, end: number, protect: number): void {
    const before = this.runs.filter((run) => run.start < start);
    const after = this.runs.filter((run) => run.end > end);
    const next: Run[] = [];
    for (const run of before) add(next, { ...run, end: Math.min(run.end, start) });
    add(next, { start, end, protect });
    for (const run of after) add(next, { ...run, start: Math.max(run.start, end) });
    this.runs = next;
  }

  /** The part [start, end) as an allocation of its own: what is left when a part is released. */
  part(start: number, end: number): Vad {
    const part = new Vad({ ...this, start, end, committed: false });
    part.runs = this.runsIn(start, end);
    part.history = this.history;
    return part;
  }
}

/** Pages of [start, end) that are committed. */
export function committedIn(vad: Vad, start: number, end: number): number {
  return vad
    .runsIn(start, end)
    .reduce((sum, run) => sum + (run.protect === 0 ? 0 : run.end - run.start), 0);
}

/** Neighbours of one protection are one run. */
function add(runs: Run[], run: Run): void {
  const last = runs.at(-1);
  if (last !== undefined && last.end === run.start && last.protect === run.protect) {
    runs[runs.length - 1] = { ...last, end: run.end };
  } else {
    runs.push(run);
  }
}

/** The last that begins at or before the page. */
function indexOf(sorted: readonly { readonly start: number }[], page: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]!.start <= page) low = middle + 1;
    else high = middle;
  }
  return Math.max(low - 1, 0);
}

export interface PageRange {
  readonly start: number;
  readonly end: number;
}

export class VadList {
  #vads: Vad[] = [];
  readonly #meter: Meter;

  constructor(meter = new Meter()) {
    this.#meter = meter;
  }

  get all(): readonly Vad[] {
    return this.#vads;
  }

  /** Goes back to a snapshot's. */
  replace(vads: readonly Vad[]): void {
    this.#vads = [...vads];
  }

  find(page: number): Vad | undefined {
    const vad = this.#vads[indexOf(this.#vads, page)];
    return vad !== undefined && page >= vad.start && page < vad.end ? vad : undefined;
  }

  isFree(start: number, end: number): boolean {
    const index = indexOf(this.#vads, start);
    return this.#vads.slice(index, index + 2).every((vad) => vad.end <= start || vad.start >= end);
  }

  insert(vad: Vad): void {
    if (!this.isFree(vad.start, vad.end)) {
      throw new InvariantError(`allocation at page ${vad.start} overlaps another`);
    }
    const index = indexOf(this.#vads, vad.start);
    const first = this.#vads[index];
    this.#vads.splice(first !== undefined && first.start < vad.start ? index + 1 : index, 0, vad);
  }

  remove(vad: Vad): void {
    const index = indexOf(this.#vads, vad.start);
    if (this.#vads[index] !== vad) throw new InvariantError('an allocation is removed twice');
    this.#vads.splice(index, 1);
  }

  /** The free pages around one that is free, within [floor, top). */
  hole(page: number, floor: number, top: number): PageRange {
    const index = indexOf(this.#vads, page);
    const before = this.#vads[index];
    const isBefore = before !== undefined && before.end <= page;
    const after = isBefore ? this.#vads[index + 1] : before;
    return {
      start: isBefore ? Math.max(before.end, floor) : floor,
      end: Math.min(after?.start ?? top, top),
    };
  }

  /** The lowest (or highest) place of `count` pages in the area that begins at a multiple of `align`. */
  gap(area: PageRange, count: number, align: number, topDown: boolean): number | undefined {
    this.#meter.charge('object', this.#vads.length);
    return topDown ? this.#highest(area, count, align) : this.#lowest(area, count, align);
  }

  #lowest(area: PageRange, count: number, align: number): number | undefined {
    let at = Math.ceil(area.start / align) * align;
    for (let index = indexOf(this.#vads, at); index < this.#vads.length; index++) {
      const vad = this.#vads[index]!;
      if (vad.end <= at) continue;
      if (at + count <= vad.start || at + count > area.end) break;
      at = Math.ceil(vad.end / align) * align;
    }
    return at + count <= area.end ? at : undefined;
  }

  #highest(area: PageRange, count: number, align: number): number | undefined {
    let at = Math.floor((area.end - count) / align) * align;
    for (let index = this.#vads.length - 1; index >= 0; index--) {
      const vad = this.#vads[index]!;
      if (vad.start >= at + count) continue;
      if (vad.end <= at || at < area.start) break;
      at = Math.floor((vad.start - count) / align) * align;
    }
    return at >= area.start ? at : undefined;
  }
}
