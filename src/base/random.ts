/**
 * Deterministic random numbers: xoshiro128** 1.1 (Blackman and Vigna), its four words filled by
 * splitmix32 from the seed. The same seed gives the same numbers on every host. Not for secrets.
 */

/** splitmix32: one step of a Weyl sequence and a finaliser; gives words that are never all zero. */
function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let word = state ^ (state >>> 16);
    word = Math.imul(word, 0x21f0aaad);
    word ^= word >>> 15;
    word = Math.imul(word, 0x735a2d97);
    return (word ^ (word >>> 15)) >>> 0;
  };
}

function rotateLeft(word: number, count: number): number {
  return (word << count) | (word >>> (32 - count));
}

/** FNV-1a over UTF-16 code units. */
function hash(label: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < label.length; i++) value = Math.imul(value ^ label.charCodeAt(i), 0x01000193);
  return value >>> 0;
}

export class Random {
  readonly seed: number;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** `seed`: an integer, of which the low 32 bits count. */
  constructor(seed: number) {
    this.seed = seed >>> 0;
    const next = splitmix32(this.seed);
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next();
  }

  /** An integer from 0 to 2^32 - 1. */
  next32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotateLeft(this.#d, 11);
    return result;
  }

  /** An integer from 0 to n - 1, each equally likely. `n` from 1 to 2^32. */
  below(n: number): number {
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % n);
    let word = this.next32();
    while (word >= limit) word = this.next32();
    return word % n;
  }

  /** `n` random bits, from 0 to 2^n - 1. */
  bits(n: number): bigint {
    let value = 0n;
    for (let got = 0; got < n; got += 32) value = (value << 32n) | BigInt(this.next32());
    return BigInt.asUintN(n, value);
  }

  /** An independent generator; depends on the seed and the label, not on what was drawn before. */
  fork(label: string): Random {
    return new Random(splitmix32(this.seed ^ hash(label))());
  }
}
