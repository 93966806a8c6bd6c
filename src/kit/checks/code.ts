/** checkDisassembly, toMatchListing, checkBehavesLike: what the code is, and whether another does the same. */

import { checkText } from '../../base/arguments.js';
import { checkOptionNames } from '../../base/options.js';
import type { CodeSource } from '../bed/code.js';
import { disagreement } from '../inputs/explore.js';
import { INPUT_OPTIONS, type InputOptions } from '../inputs/inputs.js';
import type { CallResult } from '../run/call-result.js';
import { checkResult } from '../run/result-shape.js';
import { argumentsText } from '../watch/call-text.js';
import { fullListing, plainListing } from '../watch/code-listing.js';
import { failureText } from '../watch/failure.js';
import { normalInstruction } from '../watch/instruction-text.js';
import { valueWriter } from '../watch/last-writer.js';
import type { CheckVerdict } from './verdict.js';

/** Comments make no difference, nor what normalInstruction levels; labels may stand for addresses. */
export function checkDisassembly(result: CallResult, expected: string): CheckVerdict {
  checkResult('checkDisassembly', result);
  checkText('checkDisassembly: what is expected', expected);
  const { facts } = result;
  const { code } = facts;
  const actual = plainListing(code).split('\n');
  const wanted = expected
    .split(/[\n;]/)
    .map((line) => line.replace(/#.*$/, '').trim())
    .filter((line) => line !== '' && !/^[\w.$]+:$/.test(line));
  const normal = (line: string | undefined): string | undefined =>
    line === undefined ? undefined : normalInstruction(line, code.symbols);
  const at = Array.from(
    { length: Math.max(actual.length, wanted.length) },
    (_, index) => index,
  ).find((index) => normal(actual[index]) !== normal(wanted[index]));
  const message = (): string => {
    if (at === undefined) return 'expected the code not to disassemble to this text, but it does';
    const marked = actual.map((line, index) => `    ${index === at ? '=>' : '  '} ${line}`);
    if (at >= actual.length) marked.push('    =>');
    const instead = wanted[at] === undefined ? 'the end' : `'${wanted[at]}'`;
    return [`expected ${instead} at instruction ${at + 1}`, '  code', ...marked].join('\n');
  };
  return { pass: at === undefined, message };
}

/** What a snapshot of a listing holds. */
export function listingOf(result: CallResult): string {
  checkResult('listingOf', result);
  const { facts } = result;
  return fullListing(facts.code);
}

export function checkBehavesLike(
  result: CallResult,
  other: CodeSource,
  options: InputOptions = {},
): CheckVerdict {
  checkResult('checkBehavesLike', result);
  checkOptionNames('toBehaveLike', options, INPUT_OPTIONS);
  const found = disagreement(result, other, options);
  const runs = result.facts.plan.args.length === 0 ? 1 : (options.runs ?? 100) + 1;
  const message = (): string => {
    if (found === undefined) {
      return `expected the code not to behave like the other, but they agree on all ${runs} inputs`;
    }
    const args = argumentsText(found.args);
    const headline = `expected the code to behave like the other, but for (${args}) ${found.difference}`;
    const theirs = failureText(found.other, 'the other:', {
      mark: valueWriter(found.other),
    }).split('\n');
    const mark = valueWriter(found.one);
    return [failureText(found.one, headline, { mark }), ...theirs.map((line) => `  ${line}`)].join(
      '\n',
    );
  };
  return { pass: found === undefined, message };
}
