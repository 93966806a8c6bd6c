import { describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.js';

describe('Random', () => {
  it('gives the same numbers for the same seed, on every host', () => {
    const numbers = Array.from({ length: 4 }, () => 0);
    const first = new Random(1);
    expect(numbers.map(() => first.next32())).toMatchInlineSnapshot(`
      [
        393288148,
        2174103013,
        3814759091,
        2092745082,
      ]
    `);
  });

  it('gives other numbers for another seed', () => {
    expect(new Random(1).next32()).not.toBe(new Random(2).next32());
    expect(new Random(0).next32()).not.toBe(0);
  });

  it('draws below n without reaching it', () => {
    const random = new Random(7);
    const seen = new Set(Array.from({ length: 200 }, () => random.below(5)));
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4]);
    expect(random.below(1)).toBe(0);
  });

  it('gives exactly as many bits as asked for', () => {
    const random = new Random(3);
    for (const bits of [0, 1, 8, 28, 32, 33, 64, 100]) {
      const values = Array.from({ length: 50 }, () => random.bits(bits));
      expect(values.every((value) => value >= 0n && value < 1n << BigInt(bits))).toBe(true);
      if (bits > 0) expect(values.some((value) => value >> BigInt(bits - 1) === 1n)).toBe(true);
    }
  });

  it('forks by label, whatever was drawn before', () => {
    const used = new Random(9);
    used.next32();
    expect(used.fork('layout').next32()).toBe(new Random(9).fork('layout').next32());
    expect(used.fork('layout').next32()).not.toBe(used.fork('stack').next32());
  });
});
