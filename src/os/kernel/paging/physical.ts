/**
 * The machine's RAM by physical address. Each page gets a frame of the engine's when it is first used. Where there is
 * no RAM, loads give ones and stores are lost, as on a bus where nothing answers; all such pages are one frame.
 */
import { PAGE_SIZE } from '../../../base/address.js';
import type { PhysicalMemory } from '../../../engine/engine.js';
import type { TableMemory } from './walk.js';

export class PhysicalRam implements TableMemory {
  readonly #memory: PhysicalMemory;
  /** Engine frames by page frame number, -1 for a page that was never used. */
  readonly #frames: Int32Array;
  #nothing: number | undefined;

  /** `pages` of 4 KiB, from physical address 0. */
  constructor(memory: PhysicalMemory, pages: number) {
    this.#memory = memory;
    this.#frames = new Int32Array(pages).fill(-1);
  }

  get pages(): number {
    return this.#frames.length;
  }

  /** The engine's frame for a page; undefined when the sandbox's memory is used up. */
  frameOf(page: number): number | undefined {
    if (page >= this.#frames.length) return this.#nothingFrame();
    const known = this.#frames[page]!;
    if (known >= 0) return known;
    const frame = this.#memory.allocate();
    if (frame !== undefined) this.#frames[page] = frame;
    return frame;
  }

  #nothingFrame(): number | undefined {
    this.#nothing ??= this.#memory.allocate();
    if (this.#nothing !== undefined) this.#memory.bytes(this.#nothing).fill(0xff);
    return this.#nothing;
  }

  word(address: number): number {
    const page = Math.floor(address / PAGE_SIZE);
    if (page >= this.#frames.length) return 0xffff_ffff;
    const frame = this.#frames[page]!;
    if (frame < 0) return 0;
    const bytes = this.#memory.bytes(frame);
    const at = address % PAGE_SIZE;
    return (
      (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
    );
  }

  /** Where no frame can be had, nothing is stored. */
  setWord(address: number, value: number): void {
    const page = Math.floor(address / PAGE_SIZE);
    const frame = page < this.#frames.length ? this.frameOf(page) : undefined;
    if (frame === undefined) return;
    const bytes = this.#memory.bytes(frame);
    const at = address % PAGE_SIZE;
    for (let i = 0; i < 4; i++) bytes[at + i] = value >>> (8 * i);
  }

  /** Bytes within one page. */
  read(address: number, length: number): Uint8Array {
    const page = Math.floor(address / PAGE_SIZE);
    if (page >= this.#frames.length) return new Uint8Array(length).fill(0xff);
    const frame = this.#frames[page]!;
    if (frame < 0) return new Uint8Array(length);
    const at = address % PAGE_SIZE;
    return this.#memory.bytes(frame).slice(at, at + length);
  }

  /** Bytes within one page; false when no frame can be had. */
  write(address: number, bytes: Uint8Array): boolean {
    const frame = this.frameOf(Math.floor(address / PAGE_SIZE));
    if (frame === undefined) return false;
    this.#memory.bytes(frame).set(bytes, address % PAGE_SIZE);
    return true;
  }

  /** Returns what puts every page back as it is now. */
  save(): () => void {
    const kept = new Map<number, Uint8Array>();
    this.#frames.forEach((frame, page) => {
      if (frame >= 0) kept.set(page, this.#memory.bytes(frame).slice());
    });
    return () => {
      this.#frames.forEach((frame, page) => {
        if (frame < 0 || kept.has(page)) return;
        this.#memory.release(frame);
        this.#frames[page] = -1;
      });
      for (const [page, bytes] of kept) this.write(page * PAGE_SIZE, bytes);
    };
  }

  release(): void {
    for (const frame of this.#frames) if (frame >= 0) this.#memory.release(frame);
    if (this.#nothing !== undefined) this.#memory.release(this.#nothing);
  }
}
