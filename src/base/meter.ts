/**
 * Meter: how much work has been done for a guest, in blocks (see charges.ts), and when it is enough. Never
 * reads a clock.
 */
import { CHARGES, type ChargedWork } from './charges.js';

export class Meter {
  /** What `spent` may come to: the end of the present run. */
  limit = Number.POSITIVE_INFINITY;
  #charged = 0;
  readonly #begun: () => number;

  /** `begun`: blocks that the guest itself has run. */
  constructor(begun: () => number = () => 0) {
    this.#begun = begun;
  }

  get spent(): number {
    return this.#begun() + this.#charged;
  }

  /** `count` pieces of work. */
  charge(work: ChargedWork, count = 1): void {
    this.#charged += CHARGES[work] * count;
  }

  /** Code that another CPU ran for the guest. */
  chargeBlocks(blocks: number): void {
    this.#charged += blocks;
  }

  /** Bytes that are moved or made. */
  chargeBytes(bytes: number): void {
    this.#charged += CHARGES.kilobyte * Math.ceil(bytes / 1024);
  }

  /** Nothing is left: a call that could go on and on ends here, and the run with it. */
  get exhausted(): boolean {
    return this.spent >= this.limit;
  }
}
