/** Aligned text tables. */
import { visible } from '../../index.js';
import type { Colour, Terminal } from './terminal.js';

export interface Cell {
  readonly text: string;
  readonly colour?: Colour;
}

/** Blanks between columns. */
const GAP = 2;

/**
 * Lines of a table whose first row is its header. When it is wider than the terminal, it goes on in
 * further blocks, each with the first `keys` columns again. `gap`: blanks between columns.
 */
export function renderTable(
  given: readonly (readonly Cell[])[],
  terminal: Terminal,
  keys = 1,
  gap = GAP,
): string[] {
  const rows = given.map((row) => row.map((cell) => ({ ...cell, text: visible(cell.text) })));
  const most = (numbers: readonly number[]): number => numbers.reduce((a, b) => Math.max(a, b), 0);
  const columns = most(rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    most(rows.map((row) => row[column]?.text.length ?? 0)),
  );
  const blocks = blocksOf(widths, terminal.width, keys, gap);
  return blocks.flatMap((block, index) => {
    const lines = rows.map((row, line) =>
      renderRow(row, block, { widths, gap, isHeader: line === 0, terminal }),
    );
    return index === 0 ? lines : ['', ...lines];
  });
}

/** Groups the columns after the keys so that each group fits beside them; at least one per group. */
function blocksOf(
  widths: readonly number[],
  limit: number,
  keyCount: number,
  gap: number,
): number[][] {
  const keys = [...widths.keys()].slice(0, keyCount);
  const keyWidth = keys.reduce((sum, column) => sum + widths[column]! + gap, 0);
  const blocks: number[][] = [];
  let room = 0;
  for (let column = keyCount; column < widths.length; column++) {
    const needed = widths[column]!;
    if (blocks.length === 0 || needed > room) {
      blocks.push([...keys]);
      room = limit - keyWidth;
    }
    blocks.at(-1)!.push(column);
    room -= needed + gap;
  }
  return blocks.length === 0 ? [keys] : blocks;
}

interface RowStyle {
  readonly widths: readonly number[];
  readonly gap: number;
  readonly isHeader: boolean;
  readonly terminal: Terminal;
}

function renderRow(
  row: readonly Cell[],
  columns: readonly number[],
  { widths, gap, isHeader, terminal }: RowStyle,
): string {
  let line = '';
  let spaces = '';
  for (const column of columns) {
    const { text = '', colour } = row[column] ?? {};
    const style = isHeader ? 'bold' : colour;
    if (text !== '') {
      line += spaces + (style === undefined ? text : terminal.paint(style, text));
      spaces = '';
    }
    spaces += ' '.repeat(widths[column]! - text.length + gap);
  }
  return line;
}
