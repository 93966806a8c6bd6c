/** One candidate against the results: what agrees, what differs, and what the machine could not try. */
import { EXPERIMENTS } from './experiments.js';
import { outcomeOf, type ProbeResults } from './results.js';
import { WIN32_EXPERIMENTS } from './win32/experiments.js';

export interface ProbeDifference {
  readonly experiment: string;
  readonly measured: string;
  readonly expected: string;
}

export interface Comparison {
  readonly agreeing: number;
  readonly differences: readonly ProbeDifference[];
}

/** Steps whose failure only says that the machine lacks the means. */
const MEANS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  [...EXPERIMENTS, ...WIN32_EXPERIMENTS].map(({ name, steps }) => [
    name,
    new Set(steps.filter((step) => 'means' in step && step.means).map(({ label }) => label)),
  ]),
);

/** Those that say something of a policy; the others are facts. */
export const COMPARED: readonly string[] = EXPERIMENTS.filter(({ fact }) => !fact).map(
  ({ name }) => name,
);

const compared = new Set([...COMPARED, ...WIN32_EXPERIMENTS.map(({ name }) => name)]);

/** Did the experiment stop for want of means (no memfd, no /dev/shm)? */
export function lacksMeans(experiment: string, outcome: string): boolean {
  const taken = outcomeOf(outcome);
  // A function that an old Windows does not have.
  if (taken.kind === 'errno' && taken.what === 'missing') return true;
  return taken.kind === 'errno' && MEANS.get(experiment)?.has(taken.step) === true;
}

/** `expected` may hold some of the experiments only. */
export function compareOutcomes(
  { outcomes }: ProbeResults,
  expected: Iterable<readonly [experiment: string, outcome: string]>,
): Comparison {
  let agreeing = 0;
  const differences: ProbeDifference[] = [];
  for (const [experiment, outcome] of expected) {
    const measured = outcomes.get(experiment);
    if (measured === undefined || !compared.has(experiment)) continue;
    if (measured === outcome) agreeing++;
    else if (!lacksMeans(experiment, measured)) {
      differences.push({ experiment, measured, expected: outcome });
    }
  }
  return { agreeing, differences };
}
