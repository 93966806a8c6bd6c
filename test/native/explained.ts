/**
 * Differences that are known and left: each with the reason. A difference that matches none fails.
 * README.md lists them for people; keep both alike.
 */
import type { Sequence } from './operation.js';
import type { SequenceReport } from './report.js';

export interface Explanation {
  readonly name: string;
  readonly reason: string;
  matches(ops: Sequence, real: SequenceReport, ours: SequenceReport): boolean;
}

export const EXPLANATIONS: readonly Explanation[] = [];

export function explanationOf(
  ops: Sequence,
  real: SequenceReport,
  ours: SequenceReport,
): Explanation | undefined {
  return EXPLANATIONS.find((one) => one.matches(ops, real, ours));
}
