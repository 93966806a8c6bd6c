/**
 * PageTable: page number to entry, sparse. Like the kernel's, it is a cache of what faults
 * established and holds only pages that the address space owns itself (private pages); shared
 * objects are asked for their frames at each miss, so that no second copy of the truth exists.
 */

import { KERNEL_BYTES } from '../base/charges.js';
import type { Meter } from '../base/meter.js';

/** What kernel objects are made from: see Frames. */
export interface KernelPool {
  /** May so many bytes more be taken? */
  hasRoom(bytes: number): boolean;
  reserved: number;
  readonly meter: Meter;
}

/** No page yet. */
export const ENTRY_NONE = 0;
/** Read before it was written: the zero page, or (guard) a page that MADV_GUARD_INSTALL protects. */
export const ENTRY_ZERO = 1;
export const ENTRY_GUARD = 2;
const FIRST_FRAME = 8;

const CHUNK_SHIFT = 9;
const CHUNK_PAGES = 1 << CHUNK_SHIFT;
/** The last word of a chunk counts its entries. */
const USED = CHUNK_PAGES;

export function frameEntry(frame: number): number {
  return frame + FIRST_FRAME;
}

/** The frame of an entry, or -1 when it has none of its own. */
export function entryFrame(entry: number): number {
  return entry >= FIRST_FRAME ? entry - FIRST_FRAME : -1;
}

/** Pages that are noted as changed since a mark; with more of them everything counts as changed. */
const MOST_CHANGES = 1024;

/** The state of a table at one moment, by identity. */
export type PageMark = object;

export class PageTable {
  readonly #chunks: Map<number, Int32Array>;
  #frames: number;
  #lastKey = -1;
  #last: Int32Array | undefined;
  /** The last chunk that became empty: programs that map, use and unmap one page do so often. */
  #spare: Int32Array | undefined;
  readonly #pool: KernelPool | undefined;
  #mark: PageMark | undefined;
  readonly #changes = new Set<number>();

  /** `pool`: what the tables count against; none for the copy that a snapshot keeps. */
  constructor(pool?: KernelPool, chunks: Map<number, Int32Array> = new Map(), frames = 0) {
    this.#pool = pool;
    this.#chunks = chunks;
    this.#frames = frames;
    this.#count(chunks.size);
  }

  /** Entries that have a frame of their own. */
  get frames(): number {
    return this.#frames;
  }

  /** Is there a table for the page, or memory for one? To be asked before the first entry of a page is set. */
  hasRoomFor(page: number): boolean {
    if (this.#pool === undefined || this.#chunk(page) !== undefined) return true;
    return this.#pool.hasRoom(KERNEL_BYTES.pageTable);
  }

  get(page: number): number {
    return this.#chunk(page)?.[page % CHUNK_PAGES] ?? ENTRY_NONE;
  }

  set(page: number, entry: number): void {
    const chunk = this.#chunk(page) ?? this.#addChunk(page);
    const index = page % CHUNK_PAGES;
    const before = chunk[index]!;
    chunk[index] = entry;
    if (this.#mark !== undefined) this.#note(page);
    if (before >= FIRST_FRAME) this.#frames--;
    if (entry >= FIRST_FRAME) this.#frames++;
    if (before === ENTRY_NONE && entry !== ENTRY_NONE) chunk[USED]!++;
    if (before !== ENTRY_NONE && entry === ENTRY_NONE && --chunk[USED]! === 0) {
      this.#chunks.delete(Math.floor(page / CHUNK_PAGES));
      this.#count(-1);
      this.#spare = chunk;
      this.#last = undefined;
      this.#lastKey = -1;
    }
  }

  /** Entries of [start, end) that exist, in no particular order. `visit` may change the entry. */
  forEach(start: number, end: number, visit: (page: number, entry: number) => void): void {
    const firstKey = Math.floor(start / CHUNK_PAGES);
    const lastKey = Math.floor((end - 1) / CHUNK_PAGES);
    const wide = lastKey - firstKey >= this.#chunks.size;
    this.#pool?.meter.charge('object', wide ? this.#chunks.size : lastKey - firstKey + 1);
    if (!wide) {
      for (let key = firstKey; key <= lastKey; key++) this.#visitChunk(key, start, end, visit);
      return;
    }
    for (const key of [...this.#chunks.keys()]) {
      if (key >= firstKey && key <= lastKey) this.#visitChunk(key, start, end, visit);
    }
  }

  /** The present state is called `mark` from now on. */
  mark(mark: PageMark): void {
    this.#mark = mark;
    this.#changes.clear();
  }

  /** The pages whose entries may be others than at the mark; undefined when that is not known. */
  changesSince(mark: PageMark): readonly number[] | undefined {
    return mark === this.#mark ? [...this.#changes] : undefined;
  }

  #note(page: number): void {
    this.#changes.add(page);
    if (this.#changes.size > MOST_CHANGES) this.#mark = undefined;
  }

  clone(pool?: KernelPool): PageTable {
    const chunks = new Map<number, Int32Array>();
    for (const [key, chunk] of this.#chunks) chunks.set(key, chunk.slice());
    return new PageTable(pool, chunks, this.#frames);
  }

  /** Tables that there are. */
  get tables(): number {
    return this.#chunks.size;
  }

  /** It is used no more: its tables no longer count. */
  discard(): void {
    this.#count(-this.#chunks.size);
    this.#chunks.clear();
    this.#last = undefined;
    this.#lastKey = -1;
  }

  #count(tables: number): void {
    if (this.#pool !== undefined) this.#pool.reserved += tables * KERNEL_BYTES.pageTable;
  }

  #visitChunk(
    key: number,
    start: number,
    end: number,
    visit: (page: number, entry: number) => void,
  ): void {
    const chunk = this.#chunks.get(key);
    if (chunk === undefined) return;
    this.#pool?.meter.charge('pageTable');
    const base = key * CHUNK_PAGES;
    const from = Math.max(start - base, 0);
    const to = Math.min(end - base, CHUNK_PAGES);
    for (let index = from; index < to; index++) {
      const entry = chunk[index]!;
      if (entry !== ENTRY_NONE) visit(base + index, entry);
    }
  }

  #chunk(page: number): Int32Array | undefined {
    const key = Math.floor(page / CHUNK_PAGES);
    if (key === this.#lastKey) return this.#last;
    const chunk = this.#chunks.get(key);
    if (chunk !== undefined) {
      this.#lastKey = key;
      this.#last = chunk;
    }
    return chunk;
  }

  #addChunk(page: number): Int32Array {
    const chunk = this.#spare ?? new Int32Array(CHUNK_PAGES + 1);
    this.#spare = undefined;
    this.#lastKey = Math.floor(page / CHUNK_PAGES);
    this.#last = chunk;
    this.#chunks.set(this.#lastKey, chunk);
    this.#count(1);
    return chunk;
  }
}
