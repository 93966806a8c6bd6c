/**
 * Differences that are known and left, each with its reason. A difference that matches none fails.
 * README.md lists them for people.
 */
import type { Sequence } from './operation.js';
import type { SequenceReport } from './report.js';

export interface Explanation {
  readonly name: string;
  readonly reason: string;
  matches(ops: Sequence, real: SequenceReport, ours: SequenceReport): boolean;
}

export const EXPLANATIONS: readonly Explanation[] = [
  {
    name: 'segment limit',
    reason:
      'i386: an access that runs past 0xffffffff is #GP on the CPU; the engine does not know the length of an access that misses its TLB, and makes a page fault of it',
    matches: (ops, real, ours) => {
      const { expected, got } = firstDifference(real, ours);
      const op = ops[expected?.index ?? -1];
      const touches = op?.kind === 'read' || op?.kind === 'write';
      return (
        touches &&
        op.address.offset > 0xffff_fff8n &&
        expected?.text === 'SIGSEGV SI_KERNEL trap 13 at 0x0' &&
        got?.text.startsWith('SIGSEGV SEGV_MAPERR') === true
      );
    },
  },
];

export function explanationOf(
  ops: Sequence,
  real: SequenceReport,
  ours: SequenceReport,
): Explanation | undefined {
  return EXPLANATIONS.find((one) => one.matches(ops, real, ours));
}

type Found = SequenceReport['entries'][number] | undefined;

export function firstDifference(
  real: SequenceReport,
  ours: SequenceReport,
): { readonly expected: Found; readonly got: Found } {
  const length = Math.max(real.entries.length, ours.entries.length);
  for (let at = 0; at < length; at++) {
    const [expected, got] = [real.entries[at], ours.entries[at]];
    if (expected?.index !== got?.index || expected?.text !== got?.text) return { expected, got };
  }
  return { expected: undefined, got: undefined };
}
