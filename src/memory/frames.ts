/**
 * Reference counts over the engine's physical frames (struct page's _refcount). A frame with more
 * than one owner (fork, snapshots, the zero page) is never written in place: whoever writes copies.
 */
import { InvariantError } from '../base/errors.js';
import type { PhysicalMemory } from '../engine/engine.js';

export class Frames {
  readonly memory: PhysicalMemory;
  /** Told of frames that nobody owns any more. */
  freed: ((frame: number) => void) | undefined;
  /** Owners by frame number. */
  #owners = new Int32Array(1024);
  #zero: number | undefined;

  constructor(memory: PhysicalMemory) {
    this.memory = memory;
  }

  /** A zeroed frame with one owner, or undefined when the machine's memory is used up. */
  allocate(): number | undefined {
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
    if (target !== undefined) this.bytes(target).set(this.bytes(frame));
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
