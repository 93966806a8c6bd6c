/**
 * Schedule: in which order threads get the CPU, and for how long. Whatever it is, the same run has the same one each time.
 * Round robin: by number, and each for a share that is long beside what a program does between two calls. By a seed:
 * any that could run, for a share of any length, so that other seeds show other interleavings.
 */
import { Entropy } from './entropy.js';
import { type Saved, saved } from './snapshot.js';

/** Largest of the shares of a seed: short enough to cut a critical section of a few lines in two. */
const LARGEST_SHARE = 1000;

export class Schedule {
  readonly #share: number;
  readonly #chance: Entropy | undefined;

  /** `share`: blocks of a turn in round robin. `seed`: undefined is round robin. */
  constructor(share: number, seed?: number) {
    this.#share = share;
    this.#chance = seed === undefined ? undefined : new Entropy(seed);
  }

  /** Blocks of a turn that begins. */
  share(): number {
    return this.#chance === undefined ? this.#share : 1 + (this.#word() % LARGEST_SHARE);
  }

  /** One of those that could run, the first of which is the next in order; undefined where there is none. */
  pick<Task>(runnable: readonly Task[]): Task | undefined {
    if (this.#chance === undefined || runnable.length < 2) return runnable[0];
    return runnable[this.#word() % runnable.length];
  }

  save(): Saved {
    return this.#chance?.save() ?? saved(() => {});
  }

  #word(): number {
    const [a = 0, b = 0, c = 0] = this.#chance!.bytes(3);
    return (a << 16) | (b << 8) | c;
  }
}
