/** The `exercise:` block of a lesson: what the reader is asked to do, and what the lesson has for that. */
import { MayexecError, unknownValue } from '../../base/errors.js';
import type { Field, Value } from './front-matter.js';
import type { Fence } from './markdown.js';
import {
  EXERCISE_KINDS,
  type Exercise,
  type ExerciseKind,
  type ScenarioProgram,
  type ScenarioRun,
  type TableRow,
} from './scenario.js';
import type { Problems } from './scenario-error.js';

const FIELDS: Readonly<Record<ExerciseKind, readonly string[]>> = {
  guess: [],
  repair: ['program', 'solution', 'under'],
  break: ['program', 'solution', 'under'],
  which: ['budget'],
  write: ['policy'],
};

/** Runs that an exercise may allow, far more than anybody needs. */
const MOST_EXPERIMENTS = 100;

export interface LessonParts {
  readonly runs: readonly ScenarioRun[];
  readonly programs: readonly ScenarioProgram[];
  readonly table: readonly TableRow[];
  readonly fences: readonly Fence[];
}

/** Undefined for a lesson without one, and for one that is wrong, which `problems` then says. */
export function exerciseOf(
  field: Field | undefined,
  lesson: LessonParts,
  problems: Problems,
): Exercise | undefined {
  if (field === undefined) return undefined;
  const position = { file: problems.file, line: field.line, column: field.column };
  return problems.attempt(field.line, field.column, () => {
    const given = new Map(field.map.map(({ key, values }) => [key.text, values]));
    const kind = kindOf(given.get('kind')?.[0]);
    const fields = ['kind', ...FIELDS[kind]];
    for (const name of given.keys()) {
      if (!fields.includes(name)) throw unknownValue(`key of the exercise '${kind}'`, name, fields);
    }
    switch (kind) {
      case 'guess':
        needsTwoOutcomes(lesson.table);
        return { position, kind };
      case 'repair':
      case 'break':
        return { position, kind, ...programsOf(given, kind, lesson) };
      case 'which':
        if (lesson.runs.length < 2) throw new MayexecError('with one policy there is no question');
        return { position, kind, budget: budgetOf(given.get('budget')?.[0]) };
      case 'write':
        return { position, kind, ...policyOf(given, lesson) };
    }
  });
}

function kindOf(value: Value | undefined): ExerciseKind {
  if (value === undefined) {
    throw new MayexecError(`the exercise has no 'kind': one of ${EXERCISE_KINDS.join(', ')}`);
  }
  const kind = EXERCISE_KINDS.find((each) => each === value.text);
  if (kind === undefined) throw unknownValue('kind of exercise', value.text, EXERCISE_KINDS);
  return kind;
}

function needsTwoOutcomes(table: readonly TableRow[]): void {
  const outcomes = new Set(table.map(({ outcome }) => outcome));
  // One that is not written yet may be another.
  if (outcomes.size < 2 && !outcomes.has(undefined)) {
    throw new MayexecError('there is nothing to guess: the table of outcomes needs two different');
  }
}

type Given = ReadonlyMap<string, readonly Value[]>;

function programsOf(
  given: Given,
  kind: 'repair' | 'break',
  { programs }: LessonParts,
): { program: string; solution: string; under: readonly string[] } {
  const names = programs.map(({ name }) => name);
  const [program, solution] = ['program', 'solution'].map((key) => {
    const name = textOf(given, key);
    if (!names.includes(name)) throw unknownValue('program', name, names);
    return name;
  }) as [string, string];
  if (program === solution) throw new MayexecError('the solution is the program to begin with');
  const solved = programs.find(({ name }) => name === solution)!;
  const under = given.get('under')?.flatMap(({ text }) => text.split(/\s*,\s*/)) ?? solved.runs;
  for (const run of under) {
    if (!solved.runs.includes(run)) throw unknownValue(`run of '${solution}'`, run, solved.runs);
  }
  const finds = solved.expectations.some(
    ({ check, where }) => check.kind === 'finding' && where !== 'never',
  );
  if (kind === 'break' && !finds) {
    const message = `'${solution}' expects no finding: ;@ finding executed-after-write, for example`;
    throw new MayexecError(message);
  }
  return { program, solution, under };
}

function budgetOf(value: Value | undefined): number {
  const budget = Number(value?.text);
  if (Number.isInteger(budget) && budget >= 1 && budget <= MOST_EXPERIMENTS) return budget;
  throw new MayexecError(
    `'budget' is ${value?.text ?? 'missing'}: expected how often the reader may run something, 1 to ${MOST_EXPERIMENTS}`,
  );
}

function policyOf(
  given: Given,
  { runs, fences }: LessonParts,
): { policy: string; start: string; solution: string } {
  const policy = textOf(given, 'policy');
  if (!runs.some((run) => run.policy.split('+').includes(policy))) {
    throw new MayexecError(`no run of the lesson is under '${policy}'`);
  }
  const [start, solution] = ['start', 'solution'].map((word) => {
    const text = policyText(fences, word);
    if (text === undefined) throw new MayexecError(`there is no block \`\`\`policy ${word}`);
    return text;
  }) as [string, string];
  return { policy, start, solution };
}

/** The text of a block ```` ```policy WORD ````. */
export function policyText(fences: readonly Fence[], word: string): string | undefined {
  return fences
    .find(({ language, words }) => language === 'policy' && words[0] === word)
    ?.content.join('\n');
}

function textOf(given: Given, key: string): string {
  const text = given.get(key)?.[0]?.text;
  if (text === undefined || text === '') throw new MayexecError(`the exercise has no '${key}'`);
  return text;
}
