/**
 * Guest RAM: blocks of the module's memory that Unicorn knows as RAM, cut into 4 KiB frames.
 *
 * Unicorn asks on every access which of its regions holds the *virtual* address. The first region is
 * therefore made to claim all of them (its `addr` and `end` are overwritten); which frame answers is
 * decided by the TLB alone. Unicorn's own bookkeeping wants the true values, so they are put back while
 * a region is added.
 */
import { InvariantError } from '../../base/errors.js';
import { UC_PROT_ALL } from './api.js';
import type { Machine } from './machine.js';
import { REGION, UC } from './offsets.js';
import { HEAP_LIMIT } from './shell.js';

const PAGE = 4096;
/** Physical addresses are seen by nobody; any place that is not virtual memory's first will do. */
const PHYSICAL_BASE = 0x51_0000_0000n;
/** Of the module's memory, kept for what the engine itself needs while it runs. */
const ENGINE_SHARE = 128 << 20;
const FIRST_BLOCK = 512;
const LARGEST_BLOCK = 4096;
const EVERYWHERE = 0xffff_ffff_ffff_ffffn;

interface Block {
  readonly pointer: number;
  readonly pages: number;
}

export class Ram {
  readonly #machine: Machine;
  /** By page: address in the module's memory, and QEMU's ram_addr_t (valid below `registered`). */
  pointers = new Uint32Array(0);
  ramAddresses = new Uint32Array(0);
  /** By page of ram_addr_t: which page it is. */
  #pages = new Int32Array(0);
  /** Pages that Unicorn knows of. Others may be handed out, but not yet be executed on. */
  registered = 0;
  readonly #unregistered: Block[] = [];

  constructor(machine: Machine) {
    this.#machine = machine;
    if (!this.grow()) throw new InvariantError('no memory for a first block of guest RAM');
    this.register();
  }

  get pages(): number {
    return this.pointers.length;
  }

  /** Which page lies at a ram_addr_t. */
  pageAt(ram: number): number {
    return this.#pages[ram >>> 12] ?? 0;
  }

  /** Takes another block, as large as all so far; false when the module's memory is as good as exhausted. */
  grow(): boolean {
    if (this.#machine.heap.bytes.length > HEAP_LIMIT - ENGINE_SHARE) return false;
    const pages = Math.min(Math.max(this.pages, FIRST_BLOCK), LARGEST_BLOCK);
    const raw = this.#machine.module.malloc((pages + 1) * PAGE);
    if (raw === 0) return false;
    const pointer = (raw + PAGE - 1) & -PAGE;
    const before = this.pages;
    const pointers = new Uint32Array(before + pages);
    pointers.set(this.pointers);
    for (let i = 0; i < pages; i++) pointers[before + i] = pointer + i * PAGE;
    this.pointers = pointers;
    this.#unregistered.push({ pointer: pointer >>> 0, pages });
    return true;
  }

  /** Tells Unicorn of the blocks taken since. Outside runs only. */
  register(): void {
    for (const block of this.#unregistered.splice(0)) this.#register(block);
  }

  #register({ pointer, pages }: Block): void {
    const { module, heap, handle } = this.#machine;
    const first = this.registered;
    const physical = PHYSICAL_BASE + BigInt(first * PAGE);
    if (first > 0) this.#claim(PHYSICAL_BASE, PHYSICAL_BASE + BigInt(FIRST_BLOCK * PAGE));
    const lo = Number(physical & 0xffff_ffffn) | 0;
    const hi = Number(physical >> 32n);
    const length = pages * PAGE;
    const code = module.uc.uc_mem_map_ptr(handle, lo, hi, length, UC_PROT_ALL, pointer);
    this.#machine.check(code, 'uc_mem_map_ptr');
    const blocks = heap.readU32(handle + UC.MAPPED_BLOCKS);
    const index = first === 0 ? 0 : this.#blockCount;
    const region = heap.readU32(blocks + 4 * index);
    if (
      heap.readU64(region + REGION.ADDR) !== physical ||
      heap.readU64(region + REGION.END) !== physical + BigInt(length)
    )
      throw new InvariantError('a memory region is not where offsets.ts says');
    const ramAddress = heap.readU32(region + REGION.RAM_ADDR);
    const addresses = new Uint32Array(first + pages);
    addresses.set(this.ramAddresses);
    const known = new Int32Array(Math.max(this.#pages.length, (ramAddress >>> 12) + pages));
    known.set(this.#pages);
    for (let i = 0; i < pages; i++) {
      addresses[first + i] = ramAddress + i * PAGE;
      known[(ramAddress >>> 12) + i] = first + i;
    }
    this.#pages = known;
    this.ramAddresses = addresses;
    this.registered = first + pages;
    this.#blockCount++;
    this.#claim(0n, EVERYWHERE);
  }

  #blockCount = 0;

  #claim(start: bigint, end: bigint): void {
    const { heap, handle } = this.#machine;
    const region = heap.readU32(heap.readU32(handle + UC.MAPPED_BLOCKS));
    heap.writeU64(region + REGION.ADDR, start);
    heap.writeU64(region + REGION.END, end);
  }
}
