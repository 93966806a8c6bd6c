/** The report of `mayexec test` for people: what failed, where, and what was expected there. */
import { type FileReport, type RunReport, runLabel, totalsOf, visible } from '../../index.js';
import type { Terminal } from '../terminal/terminal.js';

export function prettyReport(
  reports: readonly FileReport[],
  source: (file: string) => string,
  terminal: Terminal,
): string[] {
  const { paint } = terminal;
  // A file of which no run was wanted (--policy) has nothing to say.
  const shown = reports.filter(({ runs, problems }) => runs.length + problems.length > 0);
  const lines = shown.flatMap((report) => fileLines(report, source, terminal));
  const { passed, failed, errors, files, brokenFiles } = totalsOf(shown);
  const counts = [
    `${passed} passed`,
    ...(failed > 0 ? [paint('red', `${failed} failed`)] : []),
    ...(errors > 0 ? [paint('red', `${errors} errors (of mayexec, not of the program)`)] : []),
    ...(brokenFiles > 0 ? [paint('red', `${filesText(brokenFiles)} with mistakes`)] : []),
  ];
  return [...lines, '', `${counts.join(', ')}, in ${filesText(files)}`];
}

function filesText(count: number): string {
  return `${count} ${count === 1 ? 'file' : 'files'}`;
}

/** Of a file with more runs only their number is said. */
const MOST_NAMED = 20;

function fileLines(
  report: FileReport,
  source: (file: string) => string,
  terminal: Terminal,
): string[] {
  const { file, title, runs, problems } = report;
  const { paint } = terminal;
  const bad = problems.length > 0 || runs.some(({ result }) => result !== 'pass');
  const outcomes =
    runs.length > MOST_NAMED
      ? `${title}: ${runs.length} runs`
      : runs.map((run) => `${runLabel(run)}: ${run.outcome}`).join(', ');
  const mark = bad ? paint('red', 'FAIL') : paint('green', 'ok  ');
  // What has mistakes may have no title but its file.
  const text = problems.length === 0 ? outcomes : title === file ? '' : title;
  const head = `${mark} ${visible(file)}${text === '' ? '' : `  ${paint('dim', text)}`}`;
  const mistakes = problems.map(({ file: place, line, column, message, text }) =>
    visible(`  ${place}:${line}:${column}: ${message}${text === '' ? '' : `: ${text}`}`),
  );
  const sourceLines = runs.some(({ differences }) => differences.length > 0)
    ? source(file).split(/\r?\n/)
    : [];
  const failures = runs.flatMap((run) => runLines(run, sourceLines, terminal));
  return [head, ...mistakes, ...failures];
}

function runLines(run: RunReport, source: readonly string[], { paint }: Terminal): string[] {
  if (run.result === 'pass') return [];
  const head = `  ${paint('bold', runLabel(run))} (policy ${visible(run.policy)}): ${run.outcome}, ${visible(run.ending)}${run.refused === undefined ? '' : `; ${visible(run.refused)}`}`;
  if (run.error !== undefined)
    return [head, ...run.error.split('\n').map((line) => `    ${visible(line)}`)];
  const lines = run.differences.flatMap(({ position, message, expected, actual, details = [] }) => [
    visible(`    ${position.file}:${position.line}:${position.column}: ${message}`),
    ...quote(source, position.line).map((line) => paint('dim', line)),
    ...(expected === undefined ? [] : [paint('green', `      expected: ${expected}`)]),
    ...(actual === undefined ? [] : [paint('red', `      actual:   ${actual}`)]),
    ...details.map((line) => `      ${visible(line, '\t')}`),
  ]);
  return [head, ...lines];
}

function quote(source: readonly string[], line: number): string[] {
  const text = source[line - 1]?.trim() ?? '';
  return text === '' ? [] : [`      ${line} | ${text}`];
}

/** The lines that `--update` changes, old and new. */
export function changeLines(
  file: string,
  before: string,
  after: string,
  { paint }: Terminal,
): string[] {
  const [old, now] = [before.split(/\r?\n/), after.split(/\r?\n/)];
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start++;
  let [oldEnd, nowEnd] = [old.length, now.length];
  while (oldEnd > start && nowEnd > start && old[oldEnd - 1] === now[nowEnd - 1]) {
    oldEnd--;
    nowEnd--;
  }
  return [
    visible(`${file}:${start + 1}`),
    ...old.slice(start, oldEnd).map((line) => paint('red', `- ${line}`)),
    ...now.slice(start, nowEnd).map((line) => paint('green', `+ ${line}`)),
  ];
}
