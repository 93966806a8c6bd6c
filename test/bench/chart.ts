/** Tables of benchmarks as one HTML file: each with bars below it. No scripts, no references. */
import { digits, type Table } from './table.js';

const BAR = 14;
const GAP = 6;
const LABEL = 300;
const WIDTH = 420;
const COLOURS = ['#31688e', '#e08214', '#4d9221', '#c51b7d', '#666666'];
const STYLE = `body{font:15px/1.4 system-ui,sans-serif;margin:2em;color:#1c1c1c;background:#fff}table{border-collapse:collapse}
th,td{border:1px solid #bbb;padding:.2em .6em;text-align:right}th:first-child{text-align:left}svg{margin:1em 0 2em}text{font:12px system-ui,sans-serif;fill:#1c1c1c}`;

export function tablesHtml(tables: readonly Table[], heading: string): string {
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><title>mayexec bench</title>',
    `<style>${STYLE}</style></head><body>`,
    `<h1>${escaped(heading)}</h1>`,
    ...tables.flatMap((table) => [`<h2>${escaped(table.title)}</h2>`, grid(table), bars(table)]),
    '</body></html>',
    '',
  ].join('\n');
}

function grid({ columns, rows }: Table): string {
  const head = ['', ...columns].map((text) => `<th scope="col">${escaped(text)}</th>`).join('');
  const body = rows.map(
    ({ what, values }) =>
      `<tr><th scope="row">${escaped(what)}</th>${values.map((value) => `<td>${digits(value)}</td>`).join('')}</tr>`,
  );
  return `<table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table>`;
}

/** Each column has a scale of its own: instructions and pages have nothing in common. */
function bars({ title, columns, rows }: Table): string {
  const largest = columns.map((_, column) =>
    Math.max(0, ...rows.map(({ values }) => values[column] ?? 0)),
  );
  const parts: string[] = [];
  let y = GAP;
  for (const { what, values } of rows) {
    parts.push(`<text x="0" y="${y + BAR - 3}">${escaped(what)}</text>`);
    for (const [column, value] of values.entries()) {
      if (value === undefined) continue;
      const share = largest[column] === 0 ? 0 : Math.max(0, value) / largest[column]!;
      const colour = COLOURS[column % COLOURS.length];
      const width = Math.round(share * WIDTH);
      const label = `${digits(value)} ${columns[column]}`;
      parts.push(
        `<rect x="${LABEL}" y="${y}" width="${width}" height="${BAR - 2}" fill="${colour}"/>`,
        `<text x="${LABEL + width + 6}" y="${y + BAR - 3}">${escaped(label)}</text>`,
      );
      y += BAR;
    }
    y += GAP;
  }
  const name = escaped(`${title}, as bars; each column has its own scale`);
  return `<svg role="img" aria-label="${name}" width="${LABEL + WIDTH + 200}" height="${y}">${parts.join('')}</svg>`;
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
