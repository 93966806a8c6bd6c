/** Values at which generated code goes wrong: sign boundaries, powers of two, NaNs, denormals, infinities. */
import { wrongArgument } from '../../base/arguments.js';

const MOST_BITS = 512;

/** Of an integer of so many bits, as signed values. */
export function edgeIntegers(bits: number): bigint[] {
  if (!Number.isInteger(bits) || bits < 1 || bits > MOST_BITS) {
    throw wrongArgument('bits', bits, `an integer from 1 to ${MOST_BITS}`);
  }
  const half = 1n << BigInt(bits - 1);
  const steps = [7, 8, 15, 16, 31, 32, 63].filter((shift) => shift < bits - 1);
  const powers = steps.flatMap((shift) => [(1n << BigInt(shift)) - 1n, 1n << BigInt(shift)]);
  const positive = [0n, 1n, 2n, ...powers, half - 1n];
  const all = [...positive, ...positive.map((value) => -value), -half];
  return [...new Set(all.map((value) => BigInt.asIntN(bits, value)))];
}

/** Smallest denormal and normal, largest, and what a conversion to integers overflows at; all signs. */
export function edgeFloats(size: 4 | 8): number[] {
  if (size !== 4 && size !== 8) throw wrongArgument('size', size, '4 or 8');
  const single = [2 ** -149, 2 ** -126, 3.4028234663852886e38, 16777216];
  const double = [Number.MIN_VALUE, 2 ** -1022, Number.MAX_VALUE, 2 ** 53];
  const positive = [0, 1, 0.5, 1.5, ...(size === 4 ? single : double), 2 ** 31, 2 ** 63];
  const all = [...positive, Number.POSITIVE_INFINITY];
  return [...all, ...all.map((value) => -value), Number.NaN];
}
