/** What a benchmark found, and how it is shown. */
export interface Row {
  readonly what: string;
  /** One for each column; undefined where there is nothing to measure. */
  readonly values: readonly (number | undefined)[];
}

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

/** Three digits that count, whatever the size. */
export function digits(value: number | undefined): string {
  if (value === undefined) return '-';
  const size = Math.abs(value);
  return value.toFixed(size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : 2);
}

export function formatTable({ title, columns, rows }: Table): string {
  const cells = [
    [title, ...columns],
    ...rows.map(({ what, values }) => [what, ...values.map(digits)]),
  ];
  const widths = cells[0]!.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  const lines = cells.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  '),
  );
  return `${lines.join('\n')}\n`;
}
