/**
 * Reference counts over the engine's physical frames (struct page's _refcount). A frame with more
 * than one owner (fork, snapshots, the zero page) is never written in place: whoever writes copies.
 */
import { PAGE_SIZE } from '../base/address.js';
import { InvariantError } from '../base/errors.js';
import { Meter } from '../base/meter.js';
import type { PhysicalMemory } from '../engine/engine.js';

/**
 * One pool for the guest's pages and for what the kernel keeps for it: page tables, mappings, inodes,
 * processes. The latter live in the host's memory, and are reserved here by their size.
 */
export class Frames {
  readonly memory: PhysicalMemory;
  /** Counts the work that pages and what is made of them cost. */
  readonly meter: Meter;
  /** Told of frames that nobody owns any more. */
  freed: ((frame: number) => void) | undefined;
  /** Owners by frame number. */
  #owners = new Int32Array(1024);
  #zero: number | undefined;
  #reserved = 0;

  constructor(memory: PhysicalMemory, meter = new Meter()) {
    this.memory = memory;
    this.meter = meter;
  }

  /** Bytes that the kernel keeps for the guest. A snapshot puts back what it was. */
  get reserved(): number {
    return this.#reserved;
  }

  set reserved(bytes: number) {
    this.#reserved = bytes;
  }

  /** Takes memory for an object of the kernel's; false, and nothing taken, when there is not enough. */
  reserve(bytes: number): boolean {
    if (!this.hasRoom(bytes)) return false;
    this.#reserved += bytes;
    return true;
  }

  hasRoom(bytes: number): boolean {
    return this.#pagesWith(bytes) <= this.memory.maxFrames;
  }

  /** Bytes that pages and objects may still take. */
  get free(): number {
    return (this.memory.maxFrames - this.#pagesWith(0)) * PAGE_SIZE;
  }

  unreserve(bytes: number): void {
    this.#reserved -= bytes;
  }

  /** Pages in use when the kernel had so many bytes more. */
  #pagesWith(bytes: number): number {
    return this.memory.framesInUse + Math.ceil((this.#reserved + bytes) / PAGE_SIZE);
  }

  /** A zeroed frame with one owner, or undefined when the machine's memory is used up. */
  allocate(): number | undefined {
    if (this.#pagesWith(0) >= this.memory.maxFrames) return undefined;
    const frame = this.memory.allocate();
    if (frame === undefined) return undefined;
    if (frame >= this.#owners.length) this.#grow(frame);
    this.#owners[frame] = 1;
    return frame;
  }

  retain(frame: number): void {
    if (!this.owners(frame)) throw new InvariantError(`frame ${frame} is retained but free`);
    this.#owners[frame]!++;
  }

  release(frame: number): void {
    const owners = this.owners(frame);
    if (owners === 0) throw new InvariantError(`frame ${frame} is released but free`);
    this.#owners[frame] = owners - 1;
    if (owners > 1) return;
    if (frame === this.#zero) this.#zero = undefined;
    this.freed?.(frame);
    this.memory.release(frame);
  }

  owners(frame: number): number {
    return this.#owners[frame] ?? 0;
  }

  /** True when a write has to copy first. */
  shared(frame: number): boolean {
    return this.owners(frame) > 1;
  }

  /** In place; valid until the next `allocate` or run of the engine. */
  bytes(frame: number): Uint8Array {
    return this.memory.bytes(frame);
  }

  /** A new frame with one owner and the bytes of `frame`. */
  copy(frame: number): number | undefined {
    const target = this.allocate();
    if (target !== undefined) this.memory.copy(frame, target);
    return target;
  }

  /** The machine's one page of zeros, retained for the caller; never to be written. */
  acquireZero(): number | undefined {
    if (this.#zero === undefined) this.#zero = this.allocate();
    else this.retain(this.#zero);
    return this.#zero;
  }

  #grow(frame: number): void {
    const larger = new Int32Array(Math.max(this.#owners.length * 2, frame + 1));
    larger.set(this.#owners);
    this.#owners = larger;
  }
}
