/**
 * Translated code lives on from run to run. What the guest stores to it the engine sees; what the host writes to a
 * frame between two runs, or gives another content because it was released and taken again, is found here: who asks
 * for the bytes of a frame that has translated code may change them, so they are compared afterwards.
 */
import type { Machine } from './machine.js';
import { CODE_PAGES } from './offsets.js';

const PAGE = 4096;
const WORDS = PAGE / 4;
/** Copies kept for the next time. */
const KEPT = 64;

interface Suspect {
  readonly pointer: number;
  readonly ram: number;
  readonly before: Uint8Array;
}

export class CodeFrames {
  readonly #machine: Machine;
  /** By RAM address. */
  readonly #suspects = new Map<number, Suspect>();
  readonly #spare: Uint8Array[] = [];

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** The frame at `pointer` in the module's memory, `ram` to QEMU, is about to be read or written by the host. */
  touch(pointer: number, ram: number): void {
    if (!this.#hasCode(ram) || this.#suspects.has(ram)) return;
    const before = this.#spare.pop() ?? new Uint8Array(PAGE);
    before.set(this.#machine.heap.bytes.subarray(pointer, pointer + PAGE));
    this.#suspects.set(ram, { pointer, ram, before });
  }

  /** Drops the code of what has changed. Allowed in a run, between two instructions and for pages that do not run. */
  settle(): void {
    if (this.#suspects.size === 0) return;
    for (const suspect of this.#suspects.values()) {
      this.#compare(suspect);
      if (this.#spare.length < KEPT) this.#spare.push(suspect.before);
    }
    this.#suspects.clear();
  }

  /** All code is dropped. */
  forget(): void {
    this.#suspects.clear();
  }

  #compare({ pointer, ram, before }: Suspect): void {
    const { heap, handle, module } = this.#machine;
    const now = heap.words;
    const then = new Uint32Array(before.buffer);
    const base = pointer >>> 2;
    let first = 0;
    while (first < WORDS && now[base + first] === then[first]) first++;
    if (first === WORDS) return;
    let last = WORDS - 1;
    while (now[base + last] === then[last]) last--;
    module.uc.invalidate_code(handle, ram + 4 * first, ram + 4 * last + 4, 0);
  }

  #hasCode(ram: number): boolean {
    const { heap, handle } = this.#machine;
    const { words } = heap;
    const page = ram >>> 12;
    const map = words[(handle + CODE_PAGES.MAP) >>> 2] ?? 0;
    if (map === 0) return false;
    const table = words[(map >>> 2) + Math.floor(page / CODE_PAGES.ENTRIES)] ?? 0;
    if (table === 0) return false;
    return words[(table + (page % CODE_PAGES.ENTRIES) * CODE_PAGES.BYTES) >>> 2] !== 0;
  }
}
