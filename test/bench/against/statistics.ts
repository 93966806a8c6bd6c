/** The median of a sample, and an interval that holds the true one with a probability of at least 95 %. */

export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/**
 * By order statistics, so that nothing is assumed of the distribution: the k-th smallest and the k-th largest value,
 * where fewer than k of n fair coins show heads with a probability of at most 2.5 %.
 */
export function estimate(values: readonly number[]): Estimate {
  const sorted = values.toSorted((a, b) => a - b);
  const n = sorted.length;
  let k = 0;
  let below = 0.5 ** n;
  for (let term = below; below <= 0.025; below += term) {
    k++;
    term = (term * (n - k + 1)) / k;
  }
  const low = sorted[Math.max(0, k - 1)]!;
  return { median: sorted[n >> 1]!, low, high: sorted[Math.min(n - 1, n - k)]! };
}
