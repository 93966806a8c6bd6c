/** Runs a scenario: every program under each of its policies, compared, classified and reported. */

import { checkRecord, checkText } from '../../base/arguments.js';
import { checkOptionNames, type OptionNames } from '../../base/options.js';
import {
  type Classified,
  classify,
  type FinishedRun,
  refusedText,
} from '../../diagnosis/outcome/outcome-class.js';
import { idleReason } from '../../inject/injector.js';
import { withOwnPolicies } from '../../policy/own-policies.js';
import type { Policy } from '../../policy/policy.js';
import { straceText } from '../../trace/print.js';
import { isCallSuite } from '../calls/call-suite.js';
import { runCallSuite } from '../calls/run-calls.js';
import { exerciseProblems } from '../exercise/check.js';
import { type LoadOptions, loadScenario } from '../read/load.js';
import { isMarkdown } from '../read/parse.js';
import type { ReadyProgram, ReadyScenario, ScenarioRun, TraceBlock } from '../read/scenario.js';
import { Problems, ScenarioError } from '../read/scenario-error.js';
import { checkSize } from '../read/size.js';
import type { FileReport, RunReport } from '../report/report.js';
import { type Actual, updatedText } from '../report/update.js';
import { compare, endingText } from './compare.js';
import type { Difference } from './difference.js';
import { type Observed, observe, runFreely } from './observe.js';

export interface ScenarioOptions extends LoadOptions {
  /** Runs whose name or policy is one of these only; all when absent. */
  readonly only?: readonly string[];
  /** Replaces the policy of a run: for checks of the checks. */
  readonly policyOf?: (spec: string, scenario: ReadyScenario) => string | readonly Policy[];
}

const OPTIONS: OptionNames<ScenarioOptions> = {
  file: true,
  include: true,
  ownPolicies: true,
  assembled: true,
  only: true,
  policyOf: true,
  kernel: true,
};

/** Loads and runs a file. What is wrong with it is in the report; only a bug of ours throws. */
export async function runScenario(text: string, options: ScenarioOptions): Promise<FileReport> {
  checkText('the text of the scenario', text);
  checkRecord('the options of runScenario', options, "an object such as { file: 'a.s' }");
  checkOptionNames('runScenario', options, OPTIONS);
  checkText('file of runScenario', options.file);
  const { file, include, ownPolicies, assembled, kernel } = options;
  try {
    checkSize(text, new Problems(file));
    if (!isMarkdown(file) && isCallSuite(text)) return await runCallSuite(text, options);
    return await runReady(
      await loadScenario(text, { file, include, ownPolicies, assembled, kernel }),
      text,
      options,
    );
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    return { file, title: file, arch: '', runs: [], problems: error.problems, updated: undefined };
  }
}

async function runReady(
  scenario: ReadyScenario,
  text: string,
  options: ScenarioOptions,
): Promise<FileReport> {
  const done: { report: RunReport; actual: Actual | undefined }[] = [];
  for (const program of scenario.programs) {
    const runs = scenario.runs.filter(
      (run) => program.runs.includes(run.name) && isWanted(run, options.only),
    );
    if (runs.length === 0) continue;
    const references = new Map<string | undefined, FinishedRun>();
    for (const run of runs) {
      const { append } = run;
      const reference = references.get(append) ?? (await runFreely(scenario, program, append));
      references.set(append, reference);
      done.push(await runOne(scenario, program, run, reference, options));
    }
  }
  const { file, title, arch } = scenario;
  const actuals = done.flatMap(({ actual }) => actual ?? []);
  const updated = updatedText(text, scenario, actuals);
  const runs = done.map(({ report }) => report);
  const whole = options.only === undefined && options.policyOf === undefined;
  const problems = whole ? await exerciseProblems(scenario) : [];
  return { file, title, arch, runs, problems, updated: updated === text ? undefined : updated };
}

function isWanted({ name, policy }: ScenarioRun, only: readonly string[] | undefined): boolean {
  return only === undefined || only.includes(name) || only.includes(policy);
}

async function runOne(
  scenario: ReadyScenario,
  program: ReadyProgram,
  run: ScenarioRun,
  reference: FinishedRun,
  { policyOf }: ScenarioOptions,
): Promise<{ report: RunReport; actual: Actual | undefined }> {
  const start = performance.now();
  const policy =
    policyOf === undefined
      ? withOwnPolicies(run.policy, scenario.ownPolicies)
      : policyOf(run.policy, scenario);
  const head = { program: program.name, run: run.name, policy: run.policy };
  try {
    const observed = await observe(scenario, program, policy, run);
    const classified = classify(observed, reference);
    const expected = compare(program, run.name, observed);
    const trace = straceText(observed.trace);
    const written = [
      ...idleInjections(run, observed),
      ...tableDifferences(scenario, head, classified),
      ...scenario.traces.flatMap((block) => traceDifferences(block, head, trace)),
    ];
    const differences = [...expected, ...written];
    const actual = { ...head, classified, trace };
    const report: RunReport = {
      ...head,
      result: differences.length === 0 ? 'pass' : 'fail',
      outcome: classified.class,
      ending: endingText(observed.outcome),
      refused: classified.refused && refusedText(classified.refused),
      rule: classified.refused?.rule,
      rules: rulesOf(observed),
      differences,
      error: undefined,
      milliseconds: performance.now() - start,
    };
    // What an expectation contradicts is not written down as if it were right.
    return { report, actual: expected.length === 0 ? actual : undefined };
  } catch (error) {
    return { report: broken(head, error, performance.now() - start), actual: undefined };
  }
}

/** An injection that met no call leaves the run as it was: most likely it is not what was meant. */
function idleInjections({ position, name }: ScenarioRun, { injections }: Observed): Difference[] {
  return injections.flatMap((count): Difference[] => {
    const actual = idleReason(count);
    if (actual === undefined) return [];
    const message = `nothing was injected into '${name}'`;
    return [{ position, message, expected: count.injection, actual }];
  });
}

function broken(
  head: Pick<RunReport, 'program' | 'run' | 'policy'>,
  error: unknown,
  milliseconds: number,
): RunReport {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    ...head,
    result: 'error',
    outcome: 'crashes',
    ending: 'error',
    refused: undefined,
    rule: undefined,
    rules: [],
    differences: [],
    error: text,
    milliseconds,
  };
}

function rulesOf({ trace }: Observed): string[] {
  const rules = trace.flatMap((event) =>
    event.type === 'verdict' ? (event.verdict.rule ?? []) : [],
  );
  return [...new Set(rules)];
}

type Head = Pick<RunReport, 'program' | 'run'>;

function tableDifferences(
  { table, programs }: ReadyScenario,
  { program, run }: Head,
  { class: actual, refused }: Classified,
): Difference[] {
  if (table === undefined) return [];
  const row = table.find((each) => each.program === program && each.run === run);
  if (row === undefined) {
    const position = table[0]?.position ?? programs[0]!.position;
    const message = `the table of outcomes has no row for '${run}' of program '${program}'`;
    return [{ position, message, expected: undefined, actual }];
  }
  const differences: Difference[] = [];
  const { position, outcome: expected, rules } = row;
  if (expected !== actual) {
    const message = `the table says otherwise of '${run}'`;
    differences.push({ position, message, expected: expected ?? 'nothing', actual });
  }
  const rule = refused?.rule;
  if (rule === undefined ? rules.length > 0 : !rules.includes(rule)) {
    const message = `another rule decided '${run}' than its row says`;
    const written = rules.length === 0 ? 'no rule' : rules.join(', ');
    differences.push({ position, message, expected: written, actual: rule ?? 'no rule decided' });
  }
  return differences;
}

function traceDifferences(block: TraceBlock, { program, run }: Head, actual: string): Difference[] {
  if (block.program !== program || block.run !== run || block.text === actual) return [];
  const [was, is] = [block.text.split('\n'), actual.split('\n')];
  const index = is.findIndex((line, at) => line !== was[at]);
  const at = index === -1 ? is.length : index;
  const position = { ...block.position, line: block.position.line + 1 + at };
  const message = `the trace differs from here on (${run})`;
  return [{ position, message, expected: was[at] ?? 'its end', actual: is[at] ?? 'its end' }];
}
