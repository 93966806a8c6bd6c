/** What `mayexec test` checks of an exercise beside the lesson: that there is something to do, and that it can be done. */
import { MayexecError } from '../../base/errors.js';
import type { AssemblyProblem } from '../../toolchain/assembly-error.js';
import { observe } from '../judge/observe.js';
import type { ReadyProgram, ReadyScenario } from '../read/scenario.js';
import { type AttemptReport, attemptPolicy, attemptProgram, policyOf, seen } from './attempt.js';

/** What is wrong with it, at the line of the block. */
export async function exerciseProblems(scenario: ReadyScenario): Promise<AssemblyProblem[]> {
  const { exercise, file } = scenario;
  if (exercise === undefined) return [];
  const { position } = exercise;
  const wrong = await mistakes(scenario);
  return wrong.map((message) => ({ ...position, file, message: `exercise: ${message}`, text: '' }));
}

async function mistakes(scenario: ReadyScenario): Promise<string[]> {
  const { exercise, programs } = scenario;
  switch (exercise?.kind) {
    case 'repair':
    case 'break': {
      const attempt = (name: string): Promise<AttemptReport> =>
        attemptProgram(scenario, exercise, programs.find((each) => each.name === name)!);
      return bothWays(exercise.program, exercise.solution, attempt);
    }
    case 'write': {
      const { start, solution } = exercise;
      const texts = { 'the policy to begin with': start, 'the solution': solution };
      return bothWays('the policy to begin with', 'the solution', (name) =>
        attemptPolicy(scenario, exercise, texts[name as keyof typeof texts]),
      );
    }
    case 'which':
      return indistinct(scenario, exercise.budget);
    default:
      return [];
  }
}

/** What the reader begins with must not do yet, and the solution must. */
async function bothWays(
  start: string,
  solution: string,
  attempt: (name: string) => Promise<AttemptReport>,
): Promise<string[]> {
  const wrong: string[] = [];
  if ((await tried(attempt, start))?.solved) wrong.push(`${start} does it already`);
  const solved = await tried(attempt, solution);
  if (solved === undefined) wrong.push(`${solution} does not run`);
  for (const { run, missing } of solved?.runs ?? []) {
    wrong.push(...missing.map((each) => `${solution} is no solution (${run}): ${each}`));
  }
  return wrong;
}

/** Undefined for one that does not even run, which is as good as any beginning. */
async function tried(
  attempt: (name: string) => Promise<AttemptReport>,
  name: string,
): Promise<AttemptReport | undefined> {
  try {
    return await attempt(name);
  } catch (error) {
    if (error instanceof MayexecError) return undefined;
    throw error;
  }
}

/** Policies that the lesson's own programs cannot tell apart within the budget. */
async function indistinct(scenario: ReadyScenario, budget: number): Promise<string[]> {
  const { runs, programs } = scenario;
  const answers: string[][] = [];
  for (const program of programs) answers.push(await answersOf(scenario, program));
  const pairs = runs.flatMap((_, a) => runs.slice(a + 1).map((__, i) => [a, a + 1 + i] as const));
  const tells = (at: number, [a, b]: readonly [number, number]): boolean =>
    answers[at]?.[a] !== answers[at]?.[b];
  const same = pairs.filter((pair) => !programs.some((_, at) => tells(at, pair)));
  if (same.length > 0) {
    return same.map(
      ([a, b]) => `no program of the lesson tells '${runs[a]?.name}' from '${runs[b]?.name}'`,
    );
  }
  const left = new Set(pairs);
  let used = 0;
  for (; left.size > 0; used++) {
    const gains = programs.map((_, at) => [...left].filter((pair) => tells(at, pair)));
    const best = gains.reduce((most, each) => (each.length > most.length ? each : most));
    for (const pair of best) left.delete(pair);
  }
  return used <= budget ? [] : [`${used} experiments are needed, and the budget is ${budget}`];
}

async function answersOf(scenario: ReadyScenario, program: ReadyProgram): Promise<string[]> {
  const answers: string[] = [];
  for (const run of scenario.runs) {
    const observed = await observe(scenario, program, policyOf(run, scenario), run);
    answers.push(JSON.stringify(seen(observed)));
  }
  return answers;
}
