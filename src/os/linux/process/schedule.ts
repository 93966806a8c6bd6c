/**
 * Schedule: in which order threads get the CPU, and for how long. Whatever it is, the same run has the same one each time.
 * Round robin: by number, and each for a share that is long beside what a program does between two calls. By a seed:
 * any that could run, for a share of any length, so that other seeds show other interleavings.
 */
import { Entropy } from '../../../kernel/entropy.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';

/** Blocks that a thread may run while others wait for the CPU. */
const SHARE = 100_000;
/** Largest of the shares of a seed: short enough to cut a critical section of a few lines in two. */
const LARGEST_SHARE = 1000;

export class Schedule {
  readonly #chance: Entropy | undefined;

  /** `seed`: undefined is round robin. */
  constructor(seed?: number) {
    this.#chance = seed === undefined ? undefined : new Entropy(seed);
  }

  /** Blocks of a turn that begins. */
  share(): number {
    return this.#chance === undefined ? SHARE : 1 + (this.#word() % LARGEST_SHARE);
  }

  /** One of those that could run, of which there is one at least; the first is the next in order. */
  pick<Task>(runnable: readonly Task[]): Task {
    const index =
      this.#chance === undefined || runnable.length === 1 ? 0 : this.#word() % runnable.length;
    return runnable[index]!;
  }

  save(): Saved {
    return this.#chance?.save() ?? saved(() => {});
  }

  #word(): number {
    const [a = 0, b = 0, c = 0] = this.#chance!.bytes(3);
    return (a << 16) | (b << 8) | c;
  }
}
