/**
 * The matrix as text. Where it fits, each cell has its outcome in words; where it does not, policies are
 * letters, outcomes are marks and lessons are headings, so that many policies stand side by side.
 */
import type { MatrixCell, MatrixRow } from '../../index.js';
import { type Cell, renderTable } from '../terminal/table.js';
import { type Colour, hang, type Terminal } from '../terminal/terminal.js';

const COLOURS: Readonly<Record<MatrixCell['outcome'], Colour>> = {
  works: 'green',
  'falls back': 'yellow',
  errors: 'yellow',
  crashes: 'red',
  '-': 'dim',
};

const MARKS: Readonly<Record<MatrixCell['outcome'], string>> = {
  works: '.',
  'falls back': 'f',
  errors: 'e',
  crashes: 'c',
  '-': '-',
};

export function matrixTable(
  rows: readonly MatrixRow[],
  policies: readonly string[],
  terminal: Terminal,
): string[] {
  const { table, notes } = wordsTable(rows, policies);
  const widths = table[0]!.map((_, column) =>
    Math.max(...table.map((row) => row[column]?.text.length ?? 0)),
  );
  const needed = widths.reduce((sum, width) => sum + width + 2, -2);
  if (needed > terminal.width) return marksTable(rows, policies, terminal);
  return [...renderTable(table, terminal), ...(notes.length === 0 ? [] : ['', ...notes])];
}

/** Equal rules share one number. */
function wordsTable(
  rows: readonly MatrixRow[],
  policies: readonly string[],
): { table: Cell[][]; notes: string[] } {
  const numbers = new Map<string, number>();
  const cellOf = ({ outcome, rule }: MatrixCell): Cell => {
    const number = rule === undefined ? '' : ` [${numberOf(numbers, rule)}]`;
    return { text: `${outcome}${number}`, colour: COLOURS[outcome] };
  };
  const body = rows.map((row) => [{ text: rowName(row) }, ...row.cells.map(cellOf)]);
  const header = ['scenario', ...policies].map((text) => ({ text }));
  const notes = [...numbers].map(([rule, number]) => `[${number}] ${rule}`);
  return { table: [header, ...body], notes };
}

/** Rules are numbered within their column. */
function marksTable(
  rows: readonly MatrixRow[],
  policies: readonly string[],
  terminal: Terminal,
): string[] {
  const columns = policies.map(() => new Map<string, number>());
  const cellOf = ({ outcome, rule }: MatrixCell, column: number): Cell => {
    const number = rule === undefined ? '' : numberOf(columns[column]!, rule);
    return { text: `${MARKS[outcome]}${number}`, colour: COLOURS[outcome] };
  };
  const body = rows.flatMap((row, index): Cell[][] => {
    const cells = row.cells.map(cellOf);
    if (row.program === 'main') return [[{ text: lessonName(row) }, ...cells]];
    const first = rows[index - 1]?.file !== row.file;
    const heading = first ? [[{ text: lessonName(row) }]] : [];
    return [...heading, [{ text: `  ${row.program}` }, ...cells]];
  });
  const header = ['scenario', ...policies.map((_, column) => letter(column))];
  return [
    ...renderTable([header.map((text) => ({ text })), ...body], terminal, 1, 1),
    '',
    Object.entries(MARKS)
      .filter(([outcome]) => outcome !== '-' || rows.some(hasGap))
      .map(([outcome, mark]) => `${mark} ${outcome === '-' ? 'not applicable' : outcome}`)
      .join('   '),
    'A number names the rule that decided:',
    ...policies.flatMap((policy, column) => legend(policy, column, columns[column]!, terminal)),
  ];
}

function hasGap({ cells }: MatrixRow): boolean {
  return cells.some(({ outcome }) => outcome === '-');
}

/** `E   mdwe: 1 gain-exec; 2 write-exec`: where one policy stands alone, its rules go without its name. */
function legend(
  policy: string,
  column: number,
  rules: ReadonlyMap<string, number>,
  { width }: Terminal,
): string[] {
  const own = policy.includes('+') ? '/' : `${/^[\w-]+/.exec(policy)?.[0]}/`;
  const texts = [...rules].map(
    ([rule, number]) => `${number} ${rule.startsWith(own) ? rule.slice(own.length) : rule}`,
  );
  const text = [policy, ...texts].join('; ').replace('; ', ': ');
  return hang(`${letter(column).padEnd(2)}  `, text, width);
}

/** A to Z, then AA, AB, ... */
function letter(column: number): string {
  const last = String.fromCharCode(65 + (column % 26));
  return column < 26 ? last : `${letter(Math.floor(column / 26) - 1)}${last}`;
}

function numberOf(numbers: Map<string, number>, rule: string): number {
  const number = numbers.get(rule) ?? numbers.size + 1;
  numbers.set(rule, number);
  return number;
}

function lessonName({ file }: MatrixRow): string {
  return file.replace(/^.*[\\/]/, '').replace(/\.\w+$/, '');
}

function rowName(row: MatrixRow): string {
  return row.program === 'main' ? lessonName(row) : `${lessonName(row)}/${row.program}`;
}
