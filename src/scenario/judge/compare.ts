/**
 * Expectations against what happened, both ways: what is expected and missing, and denials and faults
 * that nobody expects. Pure.
 */
import { type Outcome, otherEndText } from '../../base/outcome.js';
import type { Ending, Expectation, ReadyProgram } from '../read/scenario.js';
import { compareCalls } from './compare-calls.js';
import { compareFaults } from './compare-faults.js';
import { compareFindings } from './compare-findings.js';
import type { Difference } from './difference.js';
import type { Observed } from './observe.js';

/** Differences of one run of `program`, in the order of the file. */
export function compare(program: ReadyProgram, run: string, observed: Observed): Difference[] {
  const expectations = program.expectations.filter(({ runs }) => runs.includes(run));
  const differences = [
    ...compareCalls(program, expectations, observed),
    ...compareFaults(program, expectations, observed),
    ...compareFindings(program, expectations, observed),
    ...expectations.flatMap((expectation) => other(expectation, observed)),
  ];
  return differences.sort((a, b) => a.position.line - b.position.line);
}

function other(expectation: Expectation, observed: Observed): Difference[] {
  const { check, position, text } = expectation;
  if (check.kind === 'end') return ending(check.end, expectation, observed);
  if (check.kind !== 'output') return [];
  const actual =
    check.stream === 'log' ? observed.kernelLog.join('\n') : decode(observed[check.stream]);
  if (check.whole ? actual === check.text : actual.includes(check.text)) return [];
  const message = `${check.stream} differs`;
  return [{ position, message, expected: text, actual: JSON.stringify(actual) }];
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function ending(
  end: Ending,
  { position, text, rule }: Expectation,
  observed: Observed,
): Difference[] {
  const actual = endingText(observed.outcome);
  if (!endsSo(end, observed.outcome)) {
    return [{ position, message: 'the run ended otherwise', expected: text, actual }];
  }
  if (rule === undefined) return [];
  const rules = endingRules(observed);
  if (rules.includes(rule)) return [];
  const said = rules.length === 0 ? 'no rule decided' : `by ${rules.join(', ')}`;
  return [
    {
      position,
      message: 'another rule ended the run',
      expected: text,
      actual: `${actual}, ${said}`,
    },
  ];
}

/** Rules that may have ended the run: that of its last fault, and of a kill. */
export function endingRules({ faults, calls, trace }: Observed): string[] {
  const kill = trace.findLast((event) => event.type === 'verdict' && event.verdict.kind === 'kill');
  const denied = calls.findLast(({ denial }) => denial !== undefined)?.denial?.rule;
  const killed = kill?.type === 'verdict' ? kill.verdict.rule : undefined;
  return [...new Set([killed, faults.at(-1)?.rule, denied])].filter((rule) => rule !== undefined);
}

function endsSo(end: Ending, outcome: Outcome): boolean {
  switch (end.kind) {
    case 'exited':
      return outcome.kind === 'exit' && outcome.code === end.code;
    case 'killed':
      return (
        outcome.kind === 'signal' &&
        outcome.signal === end.signal &&
        (end.code === undefined || outcome.code === end.code)
      );
    case 'raised':
      return outcome.kind === 'exception' && outcome.status === end.status;
    case 'stopped':
      return outcome.kind === 'limit' && outcome.limit === end.limit;
    case 'asleep':
    case 'deadlock':
    case 'oops':
    case 'triple-fault':
      return outcome.kind === end.kind;
    case 'halted':
      return outcome.kind === 'halt';
  }
}

export function endingText(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'exit':
      return `exited ${outcome.code}`;
    case 'signal':
      return `killed ${outcome.signal} ${outcome.code}`;
    case 'limit':
      return `stopped ${outcome.limit}`;
    case 'return':
      return `returned ${outcome.value}`;
    case 'exception':
      return `exception 0x${outcome.status.toString(16)}`;
    default:
      return otherEndText(outcome);
  }
}
