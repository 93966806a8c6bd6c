/**
 * What misses of the TLB count. Which there are depends on more than on what the guest does: a snapshot flushes, code
 * and data share the slots. So those are counted that a TLB of the same shape would have which holds nothing but data and
 * is never flushed: the same for the same guest, however it is run, and never more than there are.
 */
import type { Heap } from './heap.js';
import { BLOCKS_LEFT_CELL, MISS_BLOCKS, TLB } from './offsets.js';

export type MissTags = Float64Array;

export class MissCharge {
  readonly #heap: Heap;
  /** The page last accessed in each slot, with the mode: 4 * page + mode. */
  readonly #tags: MissTags = new Float64Array(TLB.ENTRIES).fill(-1);

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** An access to data has been answered. */
  filled(page: number, mode: number): void {
    const slot = page % TLB.ENTRIES;
    const tag = 4 * page + mode;
    if (this.#tags[slot] === tag) return;
    this.#tags[slot] = tag;
    this.#heap.words[BLOCKS_LEFT_CELL >>> 2]! -= MISS_BLOCKS;
  }

  /** May the engine's own TLB let data of the page pass without asking? What it holds must have been counted. */
  has(page: number, mode: number): boolean {
    return this.#tags[page % TLB.ENTRIES] === 4 * page + mode;
  }

  save(): MissTags {
    return this.#tags.slice();
  }

  /** @returns the slots whose page is another one now: the engine's own TLB must forget what it has there. */
  load(tags: MissTags): number[] {
    const changed: number[] = [];
    for (let slot = 0; slot < TLB.ENTRIES; slot++) {
      if (this.#tags[slot] === tags[slot]) continue;
      this.#tags[slot] = tags[slot]!;
      changed.push(slot);
    }
    return changed;
  }
}
