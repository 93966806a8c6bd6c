/** Entropy: the random bytes that a machine hands out (getrandom, AT_RANDOM, /dev/urandom), all from its seed. */
import { Random } from '../base/random.js';
import { type Saved, saved } from './snapshot.js';

export class Entropy {
  readonly #source: Random;
  /** Requests so far: each has a generator of its own, so that this number is the whole state. */
  #requests = 0;

  constructor(seed: number) {
    this.#source = new Random(seed).fork('entropy');
  }

  bytes(length: number): Uint8Array {
    const random = this.#source.fork(String(this.#requests++));
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 4) {
      const word = random.next32();
      for (let i = 0; i < 4 && at + i < length; i++) bytes[at + i] = word >>> (8 * i);
    }
    return bytes;
  }

  save(): Saved {
    const requests = this.#requests;
    return saved(() => {
      this.#requests = requests;
    });
  }
}
