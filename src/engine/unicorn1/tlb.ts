/**
 * The software TLB in the module's memory, filled and flushed from outside, and with it the cache of translated
 * blocks by program counter.
 *
 * An entry is what QEMU's tlb_set_page() (cputlb.c) would write. Two differences: the victim TLB stays
 * empty, because 1.0.3 looks code up in it by the right to read; and the first store through an entry
 * always takes the slow path (TLB_NOTDIRTY), where QEMU finds code translated from that frame under
 * whatever virtual address, and clears the mark when there is none.
 */
import { HW_EXEC, HW_READ, HW_WRITE } from '../engine.js';
import type { Machine } from './machine.js';
import { CPU, ENV, JMP_CACHE, PHYS_SECTION_NOTDIRTY, TLB, TLB_NOTDIRTY } from './offsets.js';

const EMPTY = 0xffff_ffff;

export class SoftTlb {
  readonly #machine: Machine;
  readonly #tlb: number;
  readonly #iotlb: number;
  readonly #blocks: number;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#tlb = machine.env + ENV.TLB;
    this.#iotlb = machine.env + ENV.IOTLB;
    this.#blocks = machine.cpu + CPU.TB_JMP_CACHE;
  }

  /** Maps the page at `hi:lo` (any address in it) to the RAM at `pointer`, whose ram_addr_t is `ram`. */
  fill(mode: number, lo: number, hi: number, pointer: number, ram: number, bits: number): void {
    const words = this.#machine.heap.words;
    const slot = (lo >>> 12) & (TLB.ENTRIES - 1);
    const low = (lo & -4096) >>> 0;
    const entry = (this.#tlb + mode * TLB.MODE_BYTES + slot * TLB.ENTRY_BYTES) >>> 2;
    const readable = (bits & HW_READ) !== 0;
    const writable = (bits & HW_WRITE) !== 0;
    const executable = (bits & HW_EXEC) !== 0;
    words[entry] = readable ? low : EMPTY;
    words[entry + 1] = readable ? hi : EMPTY;
    words[entry + 2] = writable ? low | TLB_NOTDIRTY : EMPTY;
    words[entry + 3] = writable ? hi : EMPTY;
    words[entry + 4] = executable ? low : EMPTY;
    words[entry + 5] = executable ? hi : EMPTY;
    words[entry + 6] = pointer - low;
    const io = (this.#iotlb + (mode * TLB.ENTRIES + slot) * 8) >>> 2;
    const section = (ram | PHYS_SECTION_NOTDIRTY) >>> 0;
    words[io] = section - low;
    words[io + 1] = -hi - (section < low ? 1 : 0);
  }

  flushAll(): void {
    const { bytes } = this.#machine.heap;
    bytes.fill(0xff, this.#tlb, this.#tlb + TLB.BYTES);
    bytes.fill(0, this.#blocks, this.#blocks + JMP_CACHE.BYTES);
  }

  /** A slot holds one of many pages: dropping another page's entry costs a miss, no more. */
  flushPages(page: number, count: number): void {
    if (count >= TLB.ENTRIES) {
      this.flushAll();
      return;
    }
    const bytes = this.#machine.heap.bytes;
    for (let i = 0; i < count; i++) {
      this.flushSlot((page + i) % TLB.ENTRIES);
      this.#forgetBlocks(bytes, page + i);
    }
    // A block that begins in the page before may reach into the first one.
    this.#forgetBlocks(bytes, page - 1);
  }

  /** Whichever page it holds; blocks stay, since what they stand for does. */
  flushSlot(slot: number): void {
    const { bytes } = this.#machine.heap;
    for (let mode = 0; mode < TLB.MODES; mode++) {
      const start = this.#tlb + mode * TLB.MODE_BYTES + slot * TLB.ENTRY_BYTES;
      bytes.fill(0xff, start, start + TLB.ENTRY_BYTES);
    }
  }

  /** tb_flush_jmp_cache() of cputlb.c, for one page. */
  #forgetBlocks(bytes: Uint8Array, page: number): void {
    const low = page % (JMP_CACHE.PAGES * JMP_CACHE.PAGES);
    const group = (low ^ Math.floor(low / JMP_CACHE.PAGES)) & (JMP_CACHE.PAGES - 1);
    const start = this.#blocks + group * JMP_CACHE.PAGE_BYTES;
    bytes.fill(0, start, start + JMP_CACHE.PAGE_BYTES);
  }
}
