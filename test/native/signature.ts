/** The kind of a difference: equal ones have the same cause, most of the time. */
import { formatOp } from './format.js';
import type { Sequence } from './operation.js';
import type { SequenceReport } from './report.js';

export function signature(ops: Sequence, real: SequenceReport, ours: SequenceReport): string {
  if (real.end !== ours.end) return `end: ${ours.end}`;
  const { expected, got } = firstDifference(real, ours);
  if (expected === undefined && got === undefined) return 'equal';
  const op = ops[Math.min(expected?.index ?? Infinity, got?.index ?? Infinity)];
  const [name = ''] = op === undefined ? [] : formatOp(op).split(/[( ]/);
  return `${name}: ${shape(expected?.text)} | ${shape(got?.text)}`;
}

/** Without addresses and numbers. */
function shape(text = 'nothing'): string {
  return text.replace(/[WHB][+-]0x[0-9a-f]+/g, '@').replace(/0x[0-9a-f]+/g, '#');
}

type Found = SequenceReport['entries'][number] | undefined;

function firstDifference(
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
