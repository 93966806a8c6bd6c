/** What a reader tried, judged by the lesson's own expectations; or run under a policy whose name is not told. */
import { checkRecord, checkText } from '../../base/arguments.js';
import { MayexecError, unknownValue } from '../../base/errors.js';
import { checkOptionNames, type OptionNames } from '../../base/options.js';
import { classify, type OutcomeClass, refusedText } from '../../diagnosis/outcome/outcome-class.js';
import { type OwnPolicies, withOwnPolicies } from '../../policy/own-policies.js';
import { straceText } from '../../trace/print.js';
import { compare, endingText } from '../judge/compare.js';
import type { Difference } from '../judge/difference.js';
import { type Observed, observe, runFreely } from '../judge/observe.js';
import { withoutDirectives } from '../read/directive.js';
import { type LoadOptions, loadProgram, loadScenario } from '../read/load.js';
import type {
  Exercise,
  Expectation,
  ReadyProgram,
  ReadyScenario,
  ScenarioRun,
} from '../read/scenario.js';

/** One run of an attempt. */
export interface AttemptRun {
  readonly program: string;
  readonly run: string;
  readonly solved: boolean;
  readonly outcome: OutcomeClass;
  /** How it ended: `exited 0`. */
  readonly ending: string;
  /** What refused an execution first, with the rule. */
  readonly refused: string | undefined;
  /** What is missing; a sentence each. */
  readonly missing: readonly string[];
}

export interface AttemptReport {
  readonly solved: boolean;
  readonly runs: readonly AttemptRun[];
}

/** What it shows: never a rule's name, nor the kernel's log, which would tell the policy's. */
export interface HiddenRun {
  readonly ending: string;
  readonly stdout: string;
  readonly stderr: string;
  /** The calls, as strace prints them. */
  readonly calls: string;
}

export interface AttemptOptions extends LoadOptions {
  /** The text of the reader's program or policy. */
  readonly attempt: string;
}

export interface HiddenRunOptions extends AttemptOptions {
  /** The run whose policy is in force. */
  readonly run: string;
}

const OPTIONS: OptionNames<AttemptOptions> = {
  ...{ file: true, include: true, ownPolicies: true, assembled: true, kernel: true },
  attempt: true,
};

const HIDDEN_RUN_OPTIONS: OptionNames<HiddenRunOptions> = { ...OPTIONS, run: true };

/**
 * Judges an attempt at an exercise of the kinds repair, break and write.
 * @throws ScenarioError for mistakes in the lesson or, with the lines of the attempt, in a program;
 * MayexecError for those in a policy, and for an exercise of another kind.
 */
export async function judgeAttempt(text: string, options: AttemptOptions): Promise<AttemptReport> {
  const { attempt } = checked('judgeAttempt', text, options, OPTIONS);
  const { include, file } = options;
  const scenario = await loadScenario(text, forLoading(options));
  const { exercise } = scenario;
  switch (exercise?.kind) {
    case 'repair':
    case 'break':
      return attemptProgram(
        scenario,
        exercise,
        await loadProgram(
          { ...model(scenario, exercise), source: withoutDirectives(attempt) },
          scenario,
          {
            file,
            include,
          },
        ),
      );
    case 'write':
      return attemptPolicy(scenario, exercise, attempt);
    default:
      throw new MayexecError(`${file} has no exercise that a program or policy could solve`);
  }
}

/** Runs a program under one of the lesson's policies, and tells what the program itself could see. */
export async function runHidden(text: string, options: HiddenRunOptions): Promise<HiddenRun> {
  const { attempt, run } = checked('runHidden', text, options, HIDDEN_RUN_OPTIONS);
  checkText('run of runHidden', run);
  const { include, file } = options;
  const scenario = await loadScenario(text, forLoading(options));
  const found = scenario.runs.find(({ name }) => name === run);
  if (found === undefined) {
    const names = scenario.runs.map(({ name }) => name);
    throw unknownValue('run', run, names);
  }
  const first = scenario.programs[0]!;
  const given = { ...first, source: withoutDirectives(attempt), expectations: [] };
  const program = await loadProgram(given, scenario, { file, include });
  return seen(await observe(scenario, program, policyOf(found, scenario), found));
}

function checked<T extends AttemptOptions>(
  door: string,
  text: unknown,
  options: T,
  names: OptionNames<T>,
): T {
  checkText(`${door}: the text of the lesson`, text);
  checkRecord(`the options of ${door}`, options, "an object such as { file: 'a.md', attempt: '' }");
  checkOptionNames(door, options, names);
  checkText(`file of ${door}`, options.file);
  checkText(`attempt of ${door}`, options.attempt);
  return options;
}

function forLoading({
  file,
  include,
  ownPolicies,
  assembled,
  kernel,
}: AttemptOptions): LoadOptions {
  return { file, include, ownPolicies, assembled, kernel };
}

export function seen({ outcome, stdout, stderr, trace }: Observed): HiddenRun {
  const decoder = new TextDecoder();
  return {
    ending: endingText(outcome),
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
    calls: straceText(trace),
  };
}

export function policyOf(run: ScenarioRun, { ownPolicies }: ReadyScenario) {
  return withOwnPolicies(run.policy, ownPolicies);
}

type ProgramExercise = Extract<Exercise, { kind: 'repair' | 'break' }>;

/** The solution, with expectations that do not say at which instruction. */
function model(scenario: ReadyScenario, { solution }: ProgramExercise): ReadyProgram {
  const program = scenario.programs.find(({ name }) => name === solution)!;
  return { ...program, expectations: program.expectations.map(anywhere) };
}

/** What the solution's expectations say must hold of the other program too, at whichever instruction. */
export async function attemptProgram(
  scenario: ReadyScenario,
  exercise: ProgramExercise,
  { source, elf, symbols, lines }: Pick<ReadyProgram, 'source' | 'elf' | 'symbols' | 'lines'>,
): Promise<AttemptReport> {
  const program = { ...model(scenario, exercise), source, elf, symbols, lines };
  const reference = await runFreely(scenario, program);
  const runs: AttemptRun[] = [];
  for (const run of scenario.runs.filter(({ name }) => exercise.under.includes(name))) {
    const observed = await observe(scenario, program, policyOf(run, scenario), run);
    runs.push(judged(scenario, program, run, observed, reference));
  }
  return { solved: runs.every(({ solved }) => solved), runs };
}

function anywhere(expectation: Expectation): Expectation {
  const { check, where } = expectation;
  if (check.kind === 'end' || check.kind === 'output' || where !== 'here') return expectation;
  if (check.kind !== 'fault') return { ...expectation, where: 'anywhere' };
  // A label of the solution's is not one of the reader's.
  const { label, ...fault } = check;
  return { ...expectation, where: 'anywhere', check: fault };
}

type PolicyExercise = Extract<Exercise, { kind: 'write' }>;

/** The lesson's runs with this policy in the place of the solution's. */
export async function attemptPolicy(
  scenario: ReadyScenario,
  { policy: name }: PolicyExercise,
  text: string,
): Promise<AttemptReport> {
  const { policyFromText } = await import('../../interpreter/policy-text.js');
  const policy = await policyFromText(text);
  const own: OwnPolicies = new Map([...scenario.ownPolicies, [name, policy]]);
  const runs: AttemptRun[] = [];
  for (const program of scenario.programs) {
    const reference = await runFreely(scenario, program);
    for (const run of scenario.runs) {
      if (!program.runs.includes(run.name) || !run.policy.split('+').includes(name)) continue;
      const choice = withOwnPolicies(run.policy, own);
      const observed = await observe(scenario, program, choice, run);
      runs.push(judged(scenario, withoutRules(program, name), run, observed, reference));
    }
  }
  return { solved: runs.every(({ solved }) => solved), runs };
}

/** The reader may call the rules of a policy as they like. */
function withoutRules(program: ReadyProgram, policy: string): ReadyProgram {
  const expectations = program.expectations.map((each): Expectation => {
    if (!each.rule?.startsWith(`${policy}/`)) return each;
    const { rule, ...rest } = each;
    return rest;
  });
  return { ...program, expectations };
}

function judged(
  { table }: ReadyScenario,
  program: ReadyProgram,
  run: ScenarioRun,
  observed: Observed,
  reference: Awaited<ReturnType<typeof runFreely>>,
): AttemptRun {
  const { class: outcome, refused } = classify(observed, reference);
  const row = table?.find((each) => each.program === program.name && each.run === run.name);
  const missing = compare(program, run.name, observed).map(sentence);
  if (row?.outcome !== undefined && row.outcome !== outcome) {
    missing.unshift(`it ${verb(outcome)}; the exercise wants that it ${verb(row.outcome)}`);
  }
  return {
    program: program.name,
    run: run.name,
    solved: missing.length === 0,
    outcome,
    ending: endingText(observed.outcome),
    refused: refused && refusedText(refused),
    missing,
  };
}

function verb(outcome: OutcomeClass): string {
  return outcome === 'errors' ? 'ends with an error' : outcome;
}

function sentence({ message, expected, actual }: Difference): string {
  const parts = [
    ...(expected === undefined ? [] : [`expected ${expected}`]),
    ...(actual === undefined ? [] : [`got ${actual}`]),
  ];
  return parts.length === 0 ? message : `${message}: ${parts.join(', ')}`;
}
