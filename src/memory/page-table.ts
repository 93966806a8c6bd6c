/**
 * PageTable: page number to entry, sparse. Like the kernel's, it is a cache of what faults
 * established and holds only pages that the address space owns itself (private pages); shared
 * objects are asked for their frames at each miss, so that no second copy of the truth exists.
 */

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

export class PageTable {
  readonly #chunks: Map<number, Int32Array>;
  #frames: number;
  #lastKey = -1;
  #last: Int32Array | undefined;
  /** The last chunk that became empty: programs that map, use and unmap one page do so often. */
  #spare: Int32Array | undefined;

  constructor(chunks: Map<number, Int32Array> = new Map(), frames = 0) {
    this.#chunks = chunks;
    this.#frames = frames;
  }

  /** Entries that have a frame of their own. */
  get frames(): number {
    return this.#frames;
  }

  get(page: number): number {
    return this.#chunk(page)?.[page % CHUNK_PAGES] ?? ENTRY_NONE;
  }

  set(page: number, entry: number): void {
    const chunk = this.#chunk(page) ?? this.#addChunk(page);
    const index = page % CHUNK_PAGES;
    const before = chunk[index]!;
    chunk[index] = entry;
    if (before >= FIRST_FRAME) this.#frames--;
    if (entry >= FIRST_FRAME) this.#frames++;
    if (before === ENTRY_NONE && entry !== ENTRY_NONE) chunk[USED]!++;
    if (before !== ENTRY_NONE && entry === ENTRY_NONE && --chunk[USED]! === 0) {
      this.#chunks.delete(Math.floor(page / CHUNK_PAGES));
      this.#spare = chunk;
      this.#last = undefined;
      this.#lastKey = -1;
    }
  }

  /** Entries of [start, end) that exist, in no particular order. `visit` may change the entry. */
  forEach(start: number, end: number, visit: (page: number, entry: number) => void): void {
    const firstKey = Math.floor(start / CHUNK_PAGES);
    const lastKey = Math.floor((end - 1) / CHUNK_PAGES);
    if (lastKey - firstKey < this.#chunks.size) {
      for (let key = firstKey; key <= lastKey; key++) this.#visitChunk(key, start, end, visit);
      return;
    }
    for (const key of [...this.#chunks.keys()]) {
      if (key >= firstKey && key <= lastKey) this.#visitChunk(key, start, end, visit);
    }
  }

  clone(): PageTable {
    const chunks = new Map<number, Int32Array>();
    for (const [key, chunk] of this.#chunks) chunks.set(key, chunk.slice());
    return new PageTable(chunks, this.#frames);
  }

  #visitChunk(
    key: number,
    start: number,
    end: number,
    visit: (page: number, entry: number) => void,
  ): void {
    const chunk = this.#chunks.get(key);
    if (chunk === undefined) return;
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
    return chunk;
  }
}
