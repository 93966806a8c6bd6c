/**
 * How large a scenario may be: it is read by expressions that look at a line more than once, and each program
 * and run is kept. The largest lesson is a hundredth of that.
 */
import { type Problems, ScenarioError } from './scenario-error.js';

const MOST_CHARACTERS = 1 << 20;
const MOST_LINES = 20_000;
const LONGEST_LINE = 10_000;
/** Programs, policies; and programs by policies, which are runs. */
const MOST_PARTS = 100;
const MOST_RUNS = 1000;
const MOST_DIRECTIVES = 5000;
/** Of a file with calls: calls by policies. */
const MOST_CALLS = 20_000;

/** @throws ScenarioError with the one line that is to be said of such a file. */
export function checkSize(text: string, problems: Problems): void {
  if (text.length > MOST_CHARACTERS) {
    throw refused(problems, 1, `more than ${MOST_CHARACTERS} characters`);
  }
  const lines = text.split('\n');
  if (lines.length > MOST_LINES)
    throw refused(problems, MOST_LINES + 1, `more than ${MOST_LINES} lines`);
  const long = lines.findIndex((line) => line.length > LONGEST_LINE);
  if (long !== -1)
    throw refused(problems, long + 1, `a line of more than ${LONGEST_LINE} characters`);
  const directives = text.split(';@').length - 1;
  if (directives > MOST_DIRECTIVES)
    throw refused(problems, 1, `more than ${MOST_DIRECTIVES} directives`);
}

/** @throws ScenarioError */
export function checkParts(programs: number, policies: number, problems: Problems): void {
  if (programs > MOST_PARTS) throw refused(problems, 1, `more than ${MOST_PARTS} programs`);
  if (policies > MOST_PARTS) throw refused(problems, 1, `more than ${MOST_PARTS} policies`);
  if (programs * policies > MOST_RUNS) throw refused(problems, 1, `more than ${MOST_RUNS} runs`);
}

/** @throws ScenarioError */
export function checkCalls(calls: number, policies: number, problems: Problems): void {
  if (calls * policies > MOST_CALLS) throw refused(problems, 1, `more than ${MOST_CALLS} calls`);
}

function refused({ file }: Problems, line: number, what: string): ScenarioError {
  return new ScenarioError([
    { file, line, column: 1, text: '', message: `a scenario has ${what}` },
  ]);
}
