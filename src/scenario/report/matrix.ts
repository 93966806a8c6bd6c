/** The matrix: programs by policy, with outcome class and the rule that decided. */

import { checkOptionNames, type OptionNames } from '../../base/options.js';
import { classify, type OutcomeClass, refusedText } from '../../diagnosis/outcome/outcome-class.js';
import { ownPoliciesOf, withOwnPolicies } from '../../policy/own-policies.js';
import type { Policy } from '../../policy/policy.js';
import { endingText } from '../judge/compare.js';
import { observe, runFreely } from '../judge/observe.js';
import { type LoadOptions, loadScenario } from '../read/load.js';

export interface MatrixCell {
  readonly policy: string;
  readonly outcome: OutcomeClass;
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
  policies: true,
};

/**
 * Rows of a file: each of its programs under every policy, whichever its front matter names.
 * @throws ScenarioError for a file that is wrong.
 */
export async function matrixRows(text: string, options: MatrixOptions): Promise<MatrixRow[]> {
  checkOptionNames('matrixRows', options, OPTIONS);
  const { file, include, ownPolicies } = options;
  const own = ownPoliciesOf(ownPolicies);
  const scenario = await loadScenario(text, { file, include, ownPolicies });
  const rows: MatrixRow[] = [];
  for (const program of scenario.programs) {
    const reference = await runFreely(scenario, program);
    const cells: MatrixCell[] = [];
    for (const policy of options.policies) {
      const observed = await observe(
        scenario,
        program,
        typeof policy === 'string' ? withOwnPolicies(policy, own) : [policy],
      );
      const { class: outcome, refused } = classify(observed, reference);
      cells.push({
        policy: typeof policy === 'string' ? policy : policy.name,
        outcome,
        ending: endingText(observed.outcome),
        rule: refused?.rule,
        refused: refused && refusedText(refused),
      });
    }
    const { title, arch } = scenario;
    rows.push({ file, title, program: program.name, arch, cells });
  }
  return rows;
}
