/**
 * What the monitors found against expectations. A finding that nobody names is no difference: under a policy
 * that stops nothing, a lesson's program may well make the mistake that it is about.
 */
import type { Finding } from '../../diagnosis/monitor/finding.js';
import { lineOf } from '../read/places.js';
import type { Check, Expectation, ReadyProgram } from '../read/scenario.js';
import type { Difference } from './difference.js';
import type { Observed } from './observe.js';

interface FindingExpectation extends Expectation {
  readonly check: Extract<Check, { kind: 'finding' }>;
}

export function compareFindings(
  program: ReadyProgram,
  all: readonly Expectation[],
  { findings }: Observed,
): Difference[] {
  const expected = all.filter((each): each is FindingExpectation => each.check.kind === 'finding');
  return expected.flatMap((each): Difference[] => {
    const { position, text, where, check } = each;
    const met = findings.find(
      (finding) =>
        finding.kind === check.finding && (where !== 'here' || standsAt(each, finding, program)),
    );
    if (where === 'never') {
      if (met === undefined) return [];
      const message = 'it happened all the same';
      return [{ position, message, expected: text, actual: met.sentence }];
    }
    if (met !== undefined) return [];
    const others = findings.map(({ kind, sentence }) => `${kind}: ${sentence}`);
    const actual = others.length === 0 ? 'nothing was found' : others.slice(0, 5).join('; ');
    return [{ position, message: 'this was not found', expected: text, actual }];
  });
}

/** At the instruction that made it, or at the call or store that it goes back to. */
function standsAt(
  { anchor }: FindingExpectation,
  { pc, begun }: Finding,
  program: ReadyProgram,
): boolean {
  const lines = [pc, begun.pc].map((at) => (at === undefined ? at : lineOf(program, at)));
  return anchor !== undefined && lines.includes(anchor);
}
