/** Random arguments: mostly sensible and close together, so that operations meet; sometimes odd. */

import * as M from '../../src/abi/linux/mman.js';
import type { Arch } from '../../src/base/address.js';
import type { Random } from '../../src/base/random.js';
import { BASE, PLACES } from './guest.js';
import { type Arg, inWindow, value } from './operation.js';

export type Mode = 'plain' | 'mdwe' | 'mseal';

const PAGE = 4096n;

export class Choices {
  readonly random: Random;
  readonly arch: Arch;
  readonly mode: Mode;
  /** Pages of the window that this sequence plays in: few, so that ranges overlap. */
  readonly pages: number;
  /** One argument in so many is odd. */
  readonly #oddness: number;

  constructor(random: Random, arch: Arch, mode: Mode) {
    this.random = random;
    this.arch = arch;
    this.mode = mode;
    this.pages = this.pick([6, 12, 12, 24, 24, 40]);
    this.#oddness = this.pick([10, 30, 1000]);
  }

  one(n: number): boolean {
    return this.random.below(n) === 0;
  }

  odd(): boolean {
    return this.one(this.#oddness);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)] as T;
  }

  /** Some of the values, each with probability 1/n, ORed together. */
  some(values: readonly number[], n: number): number {
    return values.reduce((sum, one) => (this.one(n) ? sum | one : sum), 0);
  }

  /** A page of the window, and a number of pages from it that mostly stays within. */
  range(limit = 1n << 64n): { readonly address: Arg; readonly length: bigint } {
    const first = this.random.below(this.pages);
    const room = Math.min(this.pages - first, this.pick([1, 2, 3, 4, 8, 64]));
    const address = this.#at(first);
    const pages = 1 + this.random.below(room);
    // A wild address with a huge length could take the guest's own memory away.
    const length = address.base === BASE.NONE ? BigInt(pages) * PAGE : this.#length(pages);
    return { address, length: length > limit ? BigInt(pages) * PAGE : length };
  }

  /** One or two pages somewhere. */
  smallRange(): { readonly address: Arg; readonly length: bigint } {
    return { address: this.address(), length: BigInt(this.pick([1, 1, 2])) * PAGE };
  }

  /** A length that fits nowhere. */
  tooLong(): bigint {
    const top = this.arch === 'i386' ? 0x1_0000_0000n : 1n << 64n;
    return this.pick([top - 1n, top - PAGE, PLACES[this.arch].taskSize]);
  }

  /** Of a page, or far from all of them. */
  pageAddress(): Arg {
    if (this.odd()) return this.#farAway();
    return inWindow(BigInt(this.random.below(this.pages)) * PAGE);
  }

  address(): Arg {
    return this.#at(this.random.below(this.pages));
  }

  /**
   * Where a touch goes. Always even, so that zeros and marks stay whole instructions; at times across
   * the end of a page.
   */
  touchAddress(): Arg {
    if (this.odd()) return this.#farAway();
    const page = this.one(12) ? this.random.below(this.pages + 4) : this.random.below(this.pages);
    const inside = this.odd() ? 0xffc : this.pick([0, 0, 0, 0, 0x800, 0xff8]);
    return inWindow(BigInt(page) * PAGE + BigInt(inside));
  }

  #at(page: number): Arg {
    if (this.odd()) return this.#wild();
    return inWindow(BigInt(page) * PAGE);
  }

  /** An address that no sane program passes. Nothing between 4 KiB and the window: the guest lives there. */
  #wild(): Arg {
    const inside = this.pick([1n, 0xfffn]);
    const unaligned = inWindow(BigInt(this.random.below(this.pages)) * PAGE + inside);
    return this.one(4) ? unaligned : this.#farAway();
  }

  #farAway(): Arg {
    const { taskSize } = PLACES[this.arch];
    const top = this.arch === 'i386' ? 0x1_0000_0000n : 1n << 64n;
    const beyond = this.arch === 'i386' ? 0xffff_e000n : 1n << 62n;
    return this.pick([
      value(0),
      value(0),
      value(taskSize - PAGE),
      value(beyond),
      value(top - PAGE),
      value(top - 1n),
      value(this.arch === 'i386' ? 0xffff_f000n : 0xffff_ffff_8100_0000n),
      inWindow(BigInt(this.pages) * PAGE),
    ]);
  }

  #length(pages: number): bigint {
    const length = BigInt(pages) * PAGE;
    if (!this.odd()) return this.one(10) ? length - BigInt(this.random.below(4096)) : length;
    const { window, taskSize } = PLACES[this.arch];
    const top = this.arch === 'i386' ? 0x1_0000_0000n : 1n << 64n;
    const half = this.arch === 'i386' ? 0xc000_0000n : top / 2n;
    return this.pick([
      0n,
      0n,
      1n,
      length + 1n,
      top - 1n,
      top - PAGE,
      half,
      taskSize,
      top - window,
      taskSize - window,
    ]);
  }

  length(): bigint {
    return this.#length(1 + this.random.below(this.pick([1, 2, 4, 8])));
  }

  prot(): number {
    const plain = this.pick([1, 3, 3, 3, 5, 5, 7, 0, 2, 4, 6]);
    if (!this.odd()) return plain;
    return (
      plain |
      this.pick([
        M.PROT_SEM,
        M.PROT_GROWSDOWN,
        M.PROT_GROWSUP,
        M.PROT_GROWSDOWN | M.PROT_GROWSUP,
        0x10,
        0x20,
        0x40000000,
        0x80,
      ])
    );
  }
}
