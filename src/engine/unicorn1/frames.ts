/** Frames over guest RAM: which are free, which are the guest's, and no more than it may have. */
import { InvariantError } from '../../base/errors.js';
import type { PhysicalMemory } from '../engine.js';
import type { CodeFrames } from './code-frames.js';
import type { CodeHistory } from './code-history.js';
import type { Heap } from './heap.js';
import type { Ram } from './ram.js';

const PAGE = 4096;
/** RAM pages before frame 0: the one that the CPU's own tables (the GDT) are in. */
const RESERVED = 1;

interface FrameParts {
  readonly heap: Heap;
  readonly ram: Ram;
  readonly code: CodeFrames;
  readonly history: CodeHistory;
}

export class EngineFrames implements PhysicalMemory {
  readonly maxFrames: number;
  readonly #heap: Heap;
  readonly #ram: Ram;
  readonly #code: CodeFrames;
  readonly #history: CodeHistory;
  readonly #idle: () => boolean;
  #inUse = new Uint8Array(0);
  readonly #free: number[] = [];
  /** Frames from here on were never handed out. */
  #next = 0;
  framesInUse = 0;

  /** `idle`: no run is active, so that a new block may be told to Unicorn at once. */
  constructor({ heap, ram, code, history }: FrameParts, maxFrames: number, idle: () => boolean) {
    this.#heap = heap;
    this.#ram = ram;
    this.#code = code;
    this.#history = history;
    this.maxFrames = maxFrames;
    this.#idle = idle;
  }

  allocate(): number | undefined {
    if (this.framesInUse >= this.maxFrames) return undefined;
    const frame = this.#free.pop() ?? this.#fresh();
    if (frame === undefined) return undefined;
    this.#inUse[frame] = 1;
    this.framesInUse++;
    this.bytes(frame).fill(0);
    return frame;
  }

  #fresh(): number | undefined {
    if (this.#next + RESERVED >= this.#ram.pages) {
      if (!this.#ram.grow()) return undefined;
      if (this.#idle()) this.#ram.register();
    }
    if (this.#next >= this.#inUse.length) {
      const inUse = new Uint8Array(this.#ram.pages - RESERVED);
      inUse.set(this.#inUse);
      this.#inUse = inUse;
    }
    return this.#next++;
  }

  release(frame: number): void {
    this.#assertAllocated(frame);
    this.#inUse[frame] = 0;
    this.framesInUse--;
    this.#free.push(frame);
    this.#history.released(frame);
  }

  copy(from: number, to: number): void {
    this.bytes(to).set(this.content(from));
    this.#history.copied(from, to);
  }

  bytes(frame: number): Uint8Array {
    this.#assertAllocated(frame);
    const start = this.pointer(frame);
    const ram = this.ramAddress(frame);
    if (ram !== undefined) this.#code.touch(start, ram);
    return this.#heap.bytes.subarray(start, start + PAGE);
  }

  /** As `bytes`, to be read only. */
  content(frame: number): Uint8Array {
    this.#assertAllocated(frame);
    const start = this.pointer(frame);
    return this.#heap.bytes.subarray(start, start + PAGE);
  }

  isAllocated(frame: number): boolean {
    return this.#inUse[frame] === 1;
  }

  /** The frame's address in the module's memory. */
  pointer(frame: number): number {
    return this.#ram.pointers[frame + RESERVED] ?? 0;
  }

  /** undefined while Unicorn does not know the frame's block yet. */
  ramAddress(frame: number): number | undefined {
    return this.#ram.ramAddresses[frame + RESERVED];
  }

  /** Of a ram_addr_t; below 0 for the CPU's own tables. */
  frameOf(ram: number): number {
    return this.#ram.pageAt(ram) - RESERVED;
  }

  get kernelPage(): { readonly pointer: number; readonly ram: number } {
    return { pointer: this.#ram.pointers[0] ?? 0, ram: this.#ram.ramAddresses[0] ?? 0 };
  }

  #assertAllocated(frame: number): void {
    if (this.#inUse[frame] !== 1) throw new InvariantError(`frame ${frame} is not allocated`);
  }
}
