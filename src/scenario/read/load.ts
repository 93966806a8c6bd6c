/** A scenario ready to run: parsed and assembled, or refused with all that is wrong with it at once. */

import { checkBytes, checkRecord, checkText } from '../../base/arguments.js';
import { MayexecError } from '../../base/errors.js';
import { checkOptionNames, type OptionNames } from '../../base/options.js';
import { type OwnPolicies, ownPoliciesOf } from '../../policy/own-policies.js';
import type { Policy } from '../../policy/policy.js';
import { linkAddress } from '../../sandbox/worlds.js';
import type { SourceLine } from '../../toolchain/assemble.js';
import { assemblePe } from '../../toolchain/assemble-pe.js';
import { type AssembledProgram, assembleProgram } from '../../toolchain/assemble-program.js';
import { policyText } from './exercise.js';
import { kernelOf, reporting } from './kernel.js';
import { readMarkdown } from './markdown.js';
import { isMarkdown, parseScenario } from './parse.js';
import type {
  Expectation,
  ReadyProgram,
  ReadyScenario,
  Scenario,
  ScenarioProgram,
} from './scenario.js';
import { Problems, ScenarioError } from './scenario-error.js';
import { checkSize } from './size.js';

export interface LoadOptions {
  /** What an earlier assembly of its kernel gave; undefined: it is assembled. */
  readonly kernel?: Uint8Array | undefined;
  /** Name of the file: in messages, and what `.include` is relative to. */
  readonly file: string;
  /** The text of an included file, or undefined; asked for the path beside the file first. */
  readonly include?: ((path: string) => string | undefined) | undefined;
  /** Policies that the file may name beside the built-in ones; each made by definePolicy. */
  readonly ownPolicies?: readonly Policy[] | undefined;
  /** What an earlier assembly of the same source gave; undefined: the program is assembled. */
  readonly assembled?: ((program: ScenarioProgram) => AssembledProgram | undefined) | undefined;
}

const OPTIONS: OptionNames<LoadOptions> = {
  file: true,
  include: true,
  ownPolicies: true,
  assembled: true,
  kernel: true,
};

/** @throws ScenarioError that lists every mistake with its place. */
export async function loadScenario(text: string, options: LoadOptions): Promise<ReadyScenario> {
  checkText('the text of the scenario', text);
  checkRecord('the options of loadScenario', options, "an object such as { file: 'a.s' }");
  checkOptionNames('loadScenario', options, OPTIONS);
  checkText('file of loadScenario', options.file);
  if (options.kernel !== undefined) checkBytes('kernel of loadScenario', options.kernel);
  const problems = new Problems(options.file, await policiesFor(text, options));
  checkSize(text, problems);
  const scenario = parseScenario(text, problems);
  const programs: ReadyProgram[] = [];
  for (const program of scenario.programs) {
    const assembled = await assembledOf(program, scenario, options, problems);
    if (assembled !== undefined) programs.push(ready(program, assembled, problems));
  }
  const kernel = await kernelOf(scenario, options, problems);
  if (problems.list.length > 0) throw new ScenarioError(problems.list);
  return { ...scenario, programs, kernel, ownPolicies: problems.ownPolicies };
}

/** Those of the caller, and that of an exercise, which has to be known before the file's policies are read. */
async function policiesFor(
  text: string,
  { file, ownPolicies = [] }: LoadOptions,
): Promise<OwnPolicies> {
  const problems = new Problems(file);
  checkSize(text, problems);
  const fences = isMarkdown(file) ? readMarkdown(text, new Problems(file)).fences : [];
  const solution = policyText(fences, 'solution');
  if (solution === undefined) return ownPoliciesOf(ownPolicies);
  const line = fences.find(({ language }) => language === 'policy')?.line ?? 1;
  try {
    // Few files have one, and the interpreter is large.
    const { policyFromText } = await import('../../interpreter/policy-text.js');
    return ownPoliciesOf([...ownPolicies, await policyFromText(solution)]);
  } catch (error) {
    if (!(error instanceof MayexecError)) throw error;
    problems.add(line, 1, `the policy of the solution: ${error.message}`);
    throw new ScenarioError(problems.list);
  }
}

/**
 * A program of a scenario with another source, and what is expected of it.
 * @throws ScenarioError whose lines are those of the source.
 */
export async function loadProgram(
  program: ScenarioProgram,
  scenario: ReadyScenario,
  options: Pick<LoadOptions, 'file' | 'include'>,
): Promise<ReadyProgram> {
  const problems = new Problems(options.file, scenario.ownPolicies);
  checkSize(program.source, problems);
  const assembled = await assembledOf(program, scenario, options, problems);
  const loaded = assembled && ready(program, assembled, problems);
  if (loaded === undefined || problems.list.length > 0) throw new ScenarioError(problems.list);
  return loaded;
}

async function assembledOf(
  program: ScenarioProgram,
  { arch, os }: Pick<Scenario, 'arch' | 'os'>,
  { file, include, assembled }: LoadOptions,
  problems: Problems,
): Promise<AssembledProgram | undefined> {
  const known = assembled?.(program);
  if (known !== undefined) return known;
  let made: AssembledProgram | undefined;
  await reporting(problems, program.position.line, async () => {
    // A name of assembly: Markdown's would say nothing of what `;` means.
    const target = os === 'linux' || os === 'kernel' ? assembleProgram : assemblePe;
    const address = linkAddress(os);
    made = await target(program.source, {
      arch,
      file,
      semicolon: /\.(asm|nasm)$/i.test(file) ? 'comment' : 'separator',
      ...(include === undefined ? {} : { include }),
      ...(address === undefined ? {} : { address }),
    });
  });
  return made;
}

function ready(
  program: ScenarioProgram,
  assembled: AssembledProgram,
  problems: Problems,
): ReadyProgram {
  const { elf, symbols, lines } = assembled;
  const own = lines.filter(({ file }) => file === problems.file);
  const expectations = program.expectations.map((each) => anchored(each, own, problems));
  for (const { check, position } of expectations) {
    if (check.kind !== 'fault' || check.label === undefined || symbols.has(check.label)) continue;
    problems.add(position.line, position.column, `the program has no label '${check.label}'`);
  }
  return { ...program, elf, symbols, lines: own, expectations };
}

/** The nearest line above, or its own, that became bytes. */
function anchored(
  expectation: Expectation,
  own: readonly SourceLine[],
  problems: Problems,
): Expectation {
  const { position, check, where } = expectation;
  const above = own.map(({ line }) => line).filter((line) => line <= position.line);
  const anchor = above.length === 0 ? undefined : Math.max(...above);
  const needed = where === 'here' && check.kind !== 'end' && check.kind !== 'output';
  if (needed && anchor === undefined) {
    const message = "no instruction stands here or above: put it beside one, or say 'anywhere'";
    problems.add(position.line, position.column, message);
  }
  return { ...expectation, anchor };
}
