/** Reports for machines: JSON, JUnit XML and TAP 14. Each test is one run of one program of one file. */
import { checkShape } from '../../base/shape.js';
import { visibleJson } from '../../base/text.js';
import type { Difference } from '../judge/difference.js';
import {
  checkReports,
  DIFFERENCE,
  type FileReport,
  type RunReport,
  runLabel,
  totalsOf,
} from './report.js';

export function jsonReport(reports: readonly FileReport[]): string {
  checkReports('jsonReport', reports);
  const files = reports.map(({ updated, ...rest }) => rest);
  return `${visibleJson(JSON.stringify({ totals: totalsOf(reports), files }, null, 2))}\n`;
}

/** `file:line: message; expected ..., got ...`. */
export function differenceText(difference: Difference): string {
  checkShape('differenceText: the difference', difference, DIFFERENCE);
  const { position, message, expected, actual, details = [] } = difference;
  const parts = [
    `${position.file}:${position.line}: ${message}`,
    ...(expected === undefined ? [] : [`expected: ${expected}`]),
    ...(actual === undefined ? [] : [`actual: ${actual}`]),
  ];
  return [parts.join('; '), ...details].join('\n');
}

function messagesOf({ differences, error }: RunReport): string[] {
  return error === undefined ? differences.map(differenceText) : [error];
}

function problemTexts({ problems }: FileReport): string[] {
  return problems.map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`);
}

/** The dialect that CI systems read: testsuites, testsuite, testcase, failure, error. */
export function junitReport(reports: readonly FileReport[]): string {
  checkReports('junitReport', reports);
  const { passed, failed, errors, brokenFiles } = totalsOf(reports);
  const tests = passed + failed + errors + brokenFiles;
  const suites = reports.map(junitSuite);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="mayexec" tests="${tests}" failures="${failed}" errors="${errors + brokenFiles}">`,
    ...suites,
    '</testsuites>',
    '',
  ].join('\n');
}

function junitSuite(report: FileReport): string {
  const { file, runs, problems } = report;
  const cases = runs.map((run) => junitCase(file, run));
  if (problems.length > 0) {
    const text = problemTexts(report).join('\n');
    const message = attribute(`${problems.length} mistakes in the file`);
    cases.push(
      `    <testcase classname="${attribute(file)}" name="the file"><error message="${message}">${content(text)}</error></testcase>`,
    );
  }
  const failures = runs.filter(({ result }) => result === 'fail').length;
  const errors =
    runs.filter(({ result }) => result === 'error').length + Number(problems.length > 0);
  const time = seconds(runs.reduce((sum, run) => sum + run.milliseconds, 0));
  const counts = `tests="${cases.length}" failures="${failures}" errors="${errors}" time="${time}"`;
  return [`  <testsuite name="${attribute(file)}" ${counts}>`, ...cases, '  </testsuite>'].join(
    '\n',
  );
}

function junitCase(file: string, run: RunReport): string {
  const head = `    <testcase classname="${attribute(file)}" name="${attribute(runLabel(run))}" time="${seconds(run.milliseconds)}"`;
  if (run.result === 'pass') return `${head}/>`;
  const tag = run.result === 'fail' ? 'failure' : 'error';
  const messages = messagesOf(run);
  const first = attribute(messages[0]?.split('\n')[0] ?? '');
  return `${head}><${tag} message="${first}">${content(messages.join('\n'))}</${tag}></testcase>`;
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}

/** XML 1.0 has no control characters, not even escaped. */
function content(text: string): string {
  return [...text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')]
    .map((char) => (isXmlChar(char.codePointAt(0)!) ? char : '\ufffd'))
    .join('');
}

function isXmlChar(code: number): boolean {
  if (code < 0x20) return code === 9 || code === 10 || code === 13;
  return code < 0xd800 || (code > 0xdfff && code !== 0xfffe && code !== 0xffff);
}

function attribute(text: string): string {
  return content(text).replaceAll('"', '&quot;').replaceAll('\n', '&#10;');
}

export function tapReport(reports: readonly FileReport[]): string {
  checkReports('tapReport', reports);
  const points = reports.flatMap((report) => [
    ...report.runs.map((run) => ({
      ok: run.result === 'pass',
      name: `${report.file} ${runLabel(run)}`,
      messages: messagesOf(run),
    })),
    ...(report.problems.length === 0
      ? []
      : [{ ok: false, name: report.file, messages: problemTexts(report) }]),
  ]);
  const lines = points.flatMap(({ ok, name, messages }, index) => [
    `${ok ? 'ok' : 'not ok'} ${index + 1} - ${tapName(name)}`,
    ...(ok
      ? []
      : [
          '  ---',
          '  messages:',
          ...messages.map((each) => `    - ${JSON.stringify(each)}`),
          '  ...',
        ]),
  ]);
  return `${['TAP version 14', `1..${points.length}`, ...lines].join('\n')}\n`;
}

/** `#` begins a directive such as SKIP, `\` escapes. */
function tapName(name: string): string {
  return name.replaceAll('\\', '\\\\').replaceAll('#', '\\#').replaceAll('\n', ' ');
}
