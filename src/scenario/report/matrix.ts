/** The matrix: programs by policy, with outcome class and the rule that decided. */

import { checkRecord, checkText, checkTextList } from '../../base/arguments.js';
import { checkOptionNames, type OptionNames } from '../../base/options.js';
import {
  classify,
  type FinishedRun,
  type OutcomeClass,
  refusedText,
} from '../../diagnosis/outcome/outcome-class.js';
import { type OwnPolicies, ownPoliciesOf, withOwnPolicies } from '../../policy/own-policies.js';
import type { Policy } from '../../policy/policy.js';
import { outOfPlace } from '../../policy/registry.js';
import { endingText } from '../judge/compare.js';
import { observe, runFreely } from '../judge/observe.js';
import { type LoadOptions, loadScenario } from '../read/load.js';
import type { ReadyProgram, ReadyScenario } from '../read/scenario.js';

/** '-': not applicable, for the policy governs programs of another operating system. */
export const NOT_APPLICABLE = '-';

export interface MatrixCell {
  readonly policy: string;
  readonly outcome: OutcomeClass | typeof NOT_APPLICABLE;
  /** How the program ended, or why it did not run. */
  readonly ending: string;
  /** The deciding rule. */
  readonly rule: string | undefined;
  readonly refused: string | undefined;
}

export interface MatrixRow {
  readonly file: string;
  readonly title: string;
  readonly program: string;
  readonly arch: string;
  readonly cells: readonly MatrixCell[];
}

export interface MatrixOptions extends LoadOptions {
  /** Columns: specs, or policies of one's own. */
  readonly policies: readonly (string | Policy)[];
}

const OPTIONS: OptionNames<MatrixOptions> = {
  file: true,
  include: true,
  ownPolicies: true,
  assembled: true,
  policies: true,
  kernel: true,
};

/**
 * Rows of a file: each of its programs under every policy, whichever its front matter names.
 * @throws ScenarioError for a file that is wrong.
 */
export async function matrixRows(text: string, options: MatrixOptions): Promise<MatrixRow[]> {
  checkText('the text of the scenario', text);
  checkRecord('the options of matrixRows', options, "an object such as { file: 'a.s' }");
  checkOptionNames('matrixRows', options, OPTIONS);
  checkTextList('policies of matrixRows', options.policies);
  const { file, include, ownPolicies, assembled, kernel } = options;
  const own = ownPoliciesOf(ownPolicies);
  const scenario = await loadScenario(text, { file, include, ownPolicies, assembled, kernel });
  const rows: MatrixRow[] = [];
  for (const program of scenario.programs) {
    const reference = await runFreely(scenario, program);
    const cells: MatrixCell[] = [];
    for (const policy of options.policies) {
      cells.push(await cellOf(scenario, program, policy, own, reference));
    }
    const { title, arch } = scenario;
    rows.push({ file, title, program: program.name, arch, cells });
  }
  return rows;
}

async function cellOf(
  scenario: ReadyScenario,
  program: ReadyProgram,
  policy: string | Policy,
  own: OwnPolicies,
  reference: FinishedRun,
): Promise<MatrixCell> {
  const name = typeof policy === 'string' ? policy : policy.name;
  const other = typeof policy === 'string' ? outOfPlace(policy, scenario.os) : undefined;
  if (other !== undefined) {
    const none = { rule: undefined, refused: undefined };
    return { policy: name, outcome: NOT_APPLICABLE, ending: other, ...none };
  }
  const choice = typeof policy === 'string' ? withOwnPolicies(policy, own) : [policy];
  const observed = await observe(scenario, program, choice);
  const { class: outcome, refused } = classify(observed, reference);
  return {
    policy: name,
    outcome,
    ending: endingText(observed.outcome),
    rule: refused?.rule,
    refused: refused && refusedText(refused),
  };
}
