/**
 * What code that is rewritten counts. Which translations the engine makes depends on how a run is cut, watched and put
 * back; which bytes the guest stored over and executed next does not. So of each page that was executed from, the bytes
 * that the guest has stored to since are kept, and code is charged where it is translated with such a byte in it:
 * as those bytes had its translation dropped, there is one exactly then. A store to such a page is charged too, for the
 * engine looks each time whether it hits code.
 */
import type { Heap } from './heap.js';
import {
  BLOCKS_LEFT_CELL,
  CODE_STORE_BLOCKS,
  CONTINUES_CELL,
  LINE_BYTES,
  REWRITTEN_LINE_BLOCKS,
  TB,
} from './offsets.js';

const PAGE = 4096;
const WORDS = PAGE / 32;
const NO_PAGE = 0xffff_ffff;

/** Belongs to the engine that made it. */
export interface CodeState {
  readonly fetched: ReadonlySet<number>;
  readonly rewritten: ReadonlyMap<number, Uint32Array>;
}

export class CodeHistory {
  readonly #heap: Heap;
  readonly #frameOf: (ram: number) => number;
  /** Frames that were executed from. */
  #fetched = new Set<number>();
  /** A bit for each byte that was stored to and not executed since. */
  #rewritten = new Map<number, Uint32Array>();

  /** `frameOf`: of a ram_addr_t. */
  constructor(heap: Heap, frameOf: (ram: number) => number) {
    this.#heap = heap;
    this.#frameOf = frameOf;
  }

  fetched(frame: number): void {
    this.#fetched.add(frame);
  }

  /** The guest has stored `length` bytes within a page. True: the next store there has to be seen as well. */
  stored(ram: number, length: number): boolean {
    const frame = this.#frameOf(ram);
    if (!this.#fetched.has(frame)) return false;
    let bits = this.#rewritten.get(frame);
    if (bits === undefined) {
      bits = new Uint32Array(WORDS);
      this.#rewritten.set(frame, bits);
    }
    const start = ram & (PAGE - 1);
    for (let at = start; at < start + length; at++) bits[at >>> 5]! |= 1 << (at & 31);
    this.#charge(CODE_STORE_BLOCKS);
    return true;
  }

  /** The engine has made a block of the code at `tb`, a struct TranslationBlock. */
  translated(tb: number): void {
    if (this.#rewritten.size === 0) return;
    const { words, bytes } = this.#heap;
    const start = words[(tb + TB.PC) >>> 2]! & (PAGE - 1);
    const length = bytes[tb + TB.SIZE]! | (bytes[tb + TB.SIZE + 1]! << 8);
    const first = words[(tb + TB.PAGE_0) >>> 2]!;
    const second = words[(tb + TB.PAGE_1) >>> 2]!;
    const end = Math.min(PAGE, start + length);
    let lines = this.#execute(this.#frameOf(first), start, end);
    if (second !== NO_PAGE) lines += this.#execute(this.#frameOf(second), 0, start + length - PAGE);
    if (lines > 0) this.#charge(lines * REWRITTEN_LINE_BLOCKS);
  }

  /** The lines of [start, end) that had been stored to; what else stands in them is forgotten with them. */
  #execute(frame: number, start: number, end: number): number {
    const bits = this.#rewritten.get(frame);
    if (bits === undefined) return 0;
    let lines = 0;
    for (let line = start & -LINE_BYTES; line < end; line += LINE_BYTES) {
      if (!hasBit(bits, Math.max(line, start), Math.min(line + LINE_BYTES, end))) continue;
      bits.fill(0, line >>> 5, (line + LINE_BYTES) >>> 5);
      lines++;
    }
    if (lines > 0 && bits.every((word) => word === 0)) this.#rewritten.delete(frame);
    return lines;
  }

  /** A block that goes on from one translation to the next still does. */
  #charge(blocks: number): void {
    const { words } = this.#heap;
    const [left, continues] = [BLOCKS_LEFT_CELL >>> 2, CONTINUES_CELL >>> 2];
    const goesOn = words[left] === words[continues];
    words[left]! -= blocks;
    if (goesOn) words[continues] = words[left]!;
  }

  /** A frame's content is another one's now. */
  copied(from: number, to: number): void {
    if (this.#fetched.has(from)) this.#fetched.add(to);
    const bits = this.#rewritten.get(from);
    if (bits !== undefined) this.#rewritten.set(to, bits.slice());
  }

  released(frame: number): void {
    this.#fetched.delete(frame);
    this.#rewritten.delete(frame);
  }

  save(): CodeState {
    return { fetched: new Set(this.#fetched), rewritten: copyOf(this.#rewritten) };
  }

  /**
   * @returns frames from which the next fetch has to be seen, and frames whose translations have to be made anew so that
   * they are charged: those of bytes that are stored to and not executed in this state, and may have been since.
   */
  load(state: CodeState): { readonly unfetched: ReadonlySet<number>; readonly stale: number[] } {
    const unfetched = new Set([...this.#fetched].filter((frame) => !state.fetched.has(frame)));
    const stale = [...state.rewritten.keys()];
    this.#fetched = new Set(state.fetched);
    this.#rewritten = copyOf(state.rewritten);
    return { unfetched, stale };
  }
}

function hasBit(bits: Uint32Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((bits[at >>> 5]! >>> (at & 31)) & 1) return true;
  return false;
}

function copyOf(bits: ReadonlyMap<number, Uint32Array>): Map<number, Uint32Array> {
  return new Map([...bits].map(([page, words]) => [page, words.slice()]));
}
