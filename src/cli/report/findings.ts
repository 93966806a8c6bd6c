/** What the monitors found in a run, for people: a line each, addresses with their labels. */
import type { Finding, Sandbox } from '../../index.js';
import { type Terminal, wrap } from '../terminal/terminal.js';
import { placeText } from './address-text.js';

/** More lines than this are a flood; --json has them all. */
const MOST_LINES = 6;
const INDENT = '  ';

export function findingLines(sandbox: Sandbox, { paint, width }: Terminal): string[] {
  const { findings } = sandbox;
  if (findings.length === 0) return [];
  const things = findings.length === 1 ? '1 thing' : `${findings.length} things`;
  const only =
    sandbox.os === 'linux' ? '' : ' (executed-after-write is looked for in Linux programs only)';
  const head = `mayexec: the monitors noticed ${things}${only}`;
  const lines = findings.slice(0, MOST_LINES).flatMap((finding) => {
    const text = `${finding.kind}: ${withLabels(sandbox, finding)}`;
    return wrap(text, Math.min(width, 100) - 2 * INDENT.length).map((line, index) =>
      index === 0
        ? INDENT + line.replace(finding.kind, paint('yellow', finding.kind))
        : INDENT + INDENT + line,
    );
  });
  const rest = findings.length - MOST_LINES;
  return [head, ...lines, ...(rest > 0 ? [`${INDENT}and ${rest} more: --json lists all`] : [])];
}

function withLabels(sandbox: Sandbox, { sentence, pc, begun, count }: Finding): string {
  const known = new Set([pc, begun.pc].flatMap((at) => (at === undefined ? [] : [at])));
  const text = sentence.replace(/0x[0-9a-f]+/g, (digits) =>
    known.has(BigInt(digits)) ? placeText(sandbox, BigInt(digits)) : digits,
  );
  return count === 1 ? text : `${text} (${count} times)`;
}
