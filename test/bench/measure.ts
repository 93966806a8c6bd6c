/** Time, measured so that what else the machine does hurts little: the best of several rounds. */
export const ROUNDS = 5;

/** Milliseconds of one call of `work`. */
export function timed(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

/** Milliseconds of one call, over `times` calls. */
export function each(times: number, work: () => void): number {
  return timed(() => {
    for (let i = 0; i < times; i++) work();
  }) / times;
}

/** The best of each contender. They take turns, so that a busy moment does not hit one alone. */
export function contest(contenders: readonly (() => number)[], rounds = ROUNDS): number[] {
  const best = contenders.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++)
    contenders.forEach((contender, i) => {
      best[i] = Math.min(best[i]!, contender());
    });
  return best;
}

export async function contestAsync(
  contenders: readonly (() => Promise<number>)[],
  rounds = ROUNDS,
): Promise<number[]> {
  const best = contenders.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++)
    for (const [i, contender] of contenders.entries())
      best[i] = Math.min(best[i]!, await contender());
  return best;
}
