import { describe, expect, it } from 'vitest';
import { matrixTable } from '../../../src/cli/report/matrix-table.js';
import type { MatrixCell, MatrixRow } from '../../../src/scenario/report/matrix.js';

const cell = (policy: string, outcome: MatrixCell['outcome'], rule?: string): MatrixCell => ({
  policy,
  outcome,
  ending: '',
  rule,
  refused: undefined,
});
const row = (file: string, program: string, ...cells: MatrixCell[]): MatrixRow => ({
  file,
  title: file,
  program,
  arch: 'x86-64',
  cells,
});

const POLICIES = ['nx', 'mdwe:kernel=6.6', 'nx+pax'];
const ROWS = [
  row(
    'scenarios/a/first.md',
    'main',
    cell('nx', 'works'),
    cell('mdwe', 'falls back', 'mdwe/gain-exec'),
    cell('nx+pax', 'crashes', 'pax/no-exec'),
  ),
  row(
    'scenarios/a/second.md',
    'one',
    cell('nx', 'crashes', 'nx/no-exec'),
    cell('mdwe', 'errors', 'mdwe/write-exec'),
    cell('nx+pax', 'crashes', 'nx/no-exec'),
  ),
  row(
    'scenarios/a/second.md',
    'two',
    cell('nx', 'works'),
    cell('mdwe', 'errors', 'mdwe/gain-exec'),
    cell('nx+pax', 'errors'),
  ),
];

const linesAt = (width: number): string[] =>
  matrixTable(ROWS, POLICIES, { isTerminal: true, width, paint: (_colour, text) => text });

describe('the table of mayexec matrix', () => {
  it('has words where they fit', () => {
    expect(linesAt(60)).toEqual([
      'scenario    nx           mdwe:kernel=6.6  nx+pax',
      'first       works        falls back [1]   crashes [2]',
      'second/one  crashes [3]  errors [4]       crashes [3]',
      'second/two  works        errors [1]       errors',
      '',
      '[1] mdwe/gain-exec',
      '[2] pax/no-exec',
      '[3] nx/no-exec',
      '[4] mdwe/write-exec',
    ]);
  });

  it('has marks and letters where they do not, and says what each means', () => {
    expect(linesAt(50)).toEqual([
      'scenario A  B  C',
      'first    .  f1 c1',
      'second',
      '  one    c1 e2 c2',
      '  two    .  e1 e',
      '',
      '. works   f falls back   e errors   c crashes',
      'A number names the rule that decided:',
      'A   nx: 1 no-exec',
      'B   mdwe:kernel=6.6: 1 gain-exec; 2 write-exec',
      'C   nx+pax: 1 pax/no-exec; 2 nx/no-exec',
    ]);
  });
});
