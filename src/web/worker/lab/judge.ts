/** Questions about a program that take runs of their own: why it was refused, and what other policies say. */
import { linkedEnding } from '../../../link/ending.js';
import type { WorkshopCase } from '../../../link/workshop-case.js';
import { classify, explain, finishedRun, unhindered } from '../../../parts/diagnosis.js';
import type { SandboxOptions } from '../../../parts/sandbox.js';
import { type Rewrite, rewritesOf } from '../../lab/rewrites.js';
import type { ExplainView, PolicyCell } from '../../lab/view.js';
import { labProgram, policiesFor } from './program.js';

/** A cell of the table is worth a second, not more. */
const CELL_BLOCKS = 5_000_000;

/** Undefined where nothing was refused that another call or a weaker policy would allow. */
export async function explainLab(given: WorkshopCase): Promise<ExplainView | undefined> {
  const { options } = await labProgram(given);
  const found = await explain(options);
  if (found === undefined) return undefined;
  const { remedies, rule, reason, above, asked } = found;
  const some = (works: boolean, isSwitch: boolean) =>
    remedies.filter((each) => each.works === works && (each.kind === 'switch') === isSwitch);
  return {
    asked: above === undefined ? asked : `${above}; under it, of Wine: ${asked}`,
    rule:
      rule === undefined ? 'no rule of a policy: the kernel itself' : `${rule}: ${reason ?? ''}`,
    why: found.why,
    history: found.history.map(({ what }) => what),
    works: some(true, false).map(({ text }) => text),
    weakens: some(true, true).map(({ text, policy }) => ({ text, policy })),
    rewrites: await workingRewrites(given, options),
    refused: some(false, false).map(
      ({ text, refused, outcome }) => `${text}: ${refused ?? outcome}`,
    ),
  };
}

/** Those with which the program ends as it does without a policy, and nothing is refused. */
async function workingRewrites(
  given: WorkshopCase,
  options: SandboxOptions,
): Promise<readonly Rewrite[]> {
  if (given.os !== 'linux' || given.binary !== undefined) return [];
  const limits = { ...options.limits, blocks: CELL_BLOCKS };
  const free = await finishedRun({ ...unhindered(options), limits });
  const working: Rewrite[] = [];
  for (const rewrite of rewritesOf(given.source)) {
    const changed = await labProgram({ ...given, source: rewrite.source });
    const run = await finishedRun({ ...changed.options, limits });
    if (classify(run, free).class === 'works') working.push(rewrite);
  }
  return working;
}

/** The program under each policy that can govern it, as that policy is by default. */
export async function policiesLab(
  given: WorkshopCase,
  progress: (cells: readonly PolicyCell[]) => void,
): Promise<readonly PolicyCell[]> {
  const { options } = await labProgram(given);
  const limits = { ...options.limits, blocks: CELL_BLOCKS };
  const free = await finishedRun({ ...unhindered(options), limits });
  const cells: PolicyCell[] = [];
  for (const policy of policiesFor(given)) {
    const run = await finishedRun({ ...options, policy, limits });
    const { class: outcome, refused } = classify(run, free);
    cells.push({ policy, outcome, ending: linkedEnding(run.outcome), rule: refused?.rule });
    progress(cells);
  }
  return cells;
}
