/** Time, measured so that what else the machine does hurts little: the best of several rounds. */
const ROUNDS = 5;

/** Milliseconds of one call of `work`, over `times` calls. */
export function each(times: number, work: () => void): number {
  const start = performance.now();
  for (let i = 0; i < times; i++) work();
  return (performance.now() - start) / times;
}

/** The best, that is the least, of each contender. They take turns, so that a busy moment hits all. */
export async function contest(
  contenders: readonly (() => number | Promise<number>)[],
  rounds = ROUNDS,
): Promise<number[]> {
  const best = contenders.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++)
    for (const [i, contender] of contenders.entries())
      best[i] = Math.min(best[i]!, await contender());
  return best;
}
