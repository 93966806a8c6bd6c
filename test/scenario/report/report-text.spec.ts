import { describe, expect, it } from 'vitest';
import type { FileReport, RunReport } from '../../../src/scenario/report/report.js';
import { exitStatusOf } from '../../../src/scenario/report/report.js';
import { jsonReport, junitReport, tapReport } from '../../../src/scenario/report/report-text.js';
import { XMLParser } from '../xml.js';

const passed: RunReport = {
  program: 'main',
  run: 'nx',
  policy: 'nx',
  result: 'pass',
  outcome: 'works',
  ending: 'exited 0',
  refused: undefined,
  rule: undefined,
  rules: [],
  differences: [],
  error: undefined,
  milliseconds: 12.3,
};
const failed: RunReport = {
  ...passed,
  program: 'two # "<&>',
  result: 'fail',
  differences: [
    {
      position: { file: 'a.md', line: 3, column: 1 },
      message: 'a < b & "c" ]]> \u0001',
      expected: 'x',
      actual: undefined,
    },
  ],
};
const file = (runs: readonly RunReport[], problems: FileReport['problems'] = []): FileReport => ({
  file: 'a.md',
  title: 'A',
  arch: 'i386',
  runs,
  problems,
  updated: undefined,
});
const problem = { file: 'a.md', line: 1, column: 2, message: 'bad', text: '' };

describe('JUnit', () => {
  it('is well-formed XML whose counts agree with its cases', () => {
    const text = junitReport([file([passed, failed]), file([], [problem])]);
    const root = new XMLParser(text).parse();
    expect(root.name).toBe('testsuites');
    expect(root.attributes).toMatchObject({ tests: '3', failures: '1', errors: '1' });
    const cases = root.children.flatMap(({ children }) => children);
    expect(cases.map(({ attributes }) => attributes.name)).toEqual([
      'nx',
      'two # "<&>/nx',
      'the file',
    ]);
    expect(cases[1]?.children[0]?.name).toBe('failure');
    expect(cases[1]?.children[0]?.text).toContain('a < b & "c" ]]> \ufffd');
  });
});

describe('TAP', () => {
  it('has a plan, numbers, and names without directives of its own', () => {
    const lines = tapReport([file([passed, failed])])
      .trimEnd()
      .split('\n');
    expect(lines.slice(0, 4)).toEqual([
      'TAP version 14',
      '1..2',
      'ok 1 - a.md nx',
      'not ok 2 - a.md two \\# "<&>/nx',
    ]);
    expect(lines.slice(4)).toEqual([
      '  ---',
      '  messages:',
      expect.stringMatching(/^ {4}- "a\.md:3: a < b/),
      '  ...',
    ]);
  });
});

describe('JSON', () => {
  it('is one object with totals and runs', () => {
    const { totals, files } = JSON.parse(jsonReport([file([passed, failed])]));
    expect(totals).toMatchObject({ passed: 1, failed: 1, errors: 0 });
    expect(files[0].runs).toHaveLength(2);
  });
});

describe('the exit status', () => {
  it.each([
    [0, [file([passed])]],
    [1, [file([passed, failed])]],
    [1, [file([{ ...passed, result: 'error' as const }])]],
    [2, [file([failed]), file([], [problem])]],
  ])('is %i', (status, reports) => {
    expect(exitStatusOf(reports)).toBe(status);
  });
});
