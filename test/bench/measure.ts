/** Time, measured so that what else the machine does hurts little. */
const ROUNDS = 5;

/** Milliseconds of one call of `work`, over `times` calls. */
export function each(times: number, work: () => void): number {
  const start = performance.now();
  for (let i = 0; i < times; i++) work();
  return (performance.now() - start) / times;
}

/** As `each`, of the processor's time: what else the machine does counts less. */
export function processorEach(times: number, work: () => void): number {
  const round = (): void => {
    for (let i = 0; i < times; i++) work();
  };
  return processorTime(round) / times;
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

const PAIRS = 31;
const WARM_UP = 4;

/** Of two ways to do the same work. */
export interface Duel {
  /** Milliseconds of processor time, the median of all rounds. */
  readonly first: number;
  readonly second: number;
  /** Median of first / second within a round: above 1, the second is faster. */
  readonly ratio: number;
}

/**
 * Processor time, not the clock's, of two contenders in many short rounds; who begins alternates. A median of
 * ratios within rounds stays what it is on a machine that is busy or changes its speed.
 */
export function duel(first: () => void, second: () => void): Duel {
  const rounds: [number, number][] = [];
  for (let i = 0; i < WARM_UP + PAIRS; i++) {
    const swapped = i % 2 === 1;
    const before = processorTime(swapped ? second : first);
    const after = processorTime(swapped ? first : second);
    rounds.push(swapped ? [after, before] : [before, after]);
  }
  const measured = rounds.slice(WARM_UP);
  return {
    first: median(measured.map(([one]) => one)),
    second: median(measured.map(([, other]) => other)),
    ratio: median(measured.map(([one, other]) => one / other)),
  };
}

function processorTime(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
