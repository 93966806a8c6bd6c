/** Aligned text tables. */
import type { Colour, Terminal } from './terminal.js';

export interface Cell {
  readonly text: string;
  readonly colour?: Colour;
}

const GAP = '  ';

/**
 * Lines of a table whose first row is its header. When it is wider than the terminal, its columns
 * but for the first go on in further blocks, each with the first column again.
 */
export function renderTable(rows: readonly (readonly Cell[])[], terminal: Terminal): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.text.length ?? 0)),
  );
  const blocks = blocksOf(widths, terminal.width);
  return blocks.flatMap((block, index) => {
    const lines = rows.map((row, line) => renderRow(row, block, widths, line === 0, terminal));
    return index === 0 ? lines : ['', ...lines];
  });
}

/** Groups columns 1.. so that each group fits beside column 0; at least one column per group. */
function blocksOf(widths: readonly number[], limit: number): number[][] {
  const first = widths[0] ?? 0;
  const blocks: number[][] = [[0]];
  let used = first;
  for (let column = 1; column < widths.length; column++) {
    const needed = GAP.length + widths[column]!;
    const block = blocks[blocks.length - 1]!;
    if (used + needed > limit && block.length > 1) {
      blocks.push([0, column]);
      used = first + needed;
    } else {
      block.push(column);
      used += needed;
    }
  }
  return blocks;
}

function renderRow(
  row: readonly Cell[],
  columns: readonly number[],
  widths: readonly number[],
  isHeader: boolean,
  { paint }: Terminal,
): string {
  let line = '';
  let spaces = '';
  for (const column of columns) {
    const { text = '', colour } = row[column] ?? {};
    const style = isHeader ? 'bold' : colour;
    if (text !== '') {
      line += spaces + (style === undefined ? text : paint(style, text));
      spaces = '';
    }
    spaces += ' '.repeat(widths[column]! - text.length) + GAP;
  }
  return line;
}
