/** The matrix as one HTML file without scripts or references. */

import { checkTextList } from '../../base/arguments.js';
import { aText, checkShape, listOf, objectOf, optional } from '../../base/shape.js';
import { OUTCOME_CLASSES } from '../../diagnosis/outcome/outcome-class.js';
import { type MatrixRow, NOT_APPLICABLE } from './matrix.js';

const STYLE = `body{font:15px/1.4 system-ui,sans-serif;margin:2em;color:#1c1c1c;background:#fff}
table{border-collapse:collapse}th,td{border:1px solid #bbb;padding:.3em .6em;text-align:left;vertical-align:top}
th{background:#f2f2f2}thead th{position:sticky;top:0}code{font-size:.85em}td small{display:block;color:#444}
.works{background:#e2f4e2}.falls-back{background:#fdf3cf}.errors{background:#fde3c8}.crashes{background:#fbd9d9}.not-applicable{color:#777}`;

const CELL = objectOf({ outcome: aText, ending: aText, rule: optional(aText) });
const ROWS = listOf(
  objectOf({ title: aText, file: aText, program: aText, arch: aText, cells: listOf(CELL) }),
  'a list of what matrixRows gives',
);

export function matrixHtml(rows: readonly MatrixRow[], policies: readonly string[]): string {
  checkShape('matrixHtml: the rows', rows, ROWS);
  checkTextList('policies of matrixHtml', policies);
  const header = ['scenario', 'program', 'arch', ...policies].map(
    (text) => `<th scope="col">${escaped(text)}</th>`,
  );
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><title>mayexec matrix</title>',
    `<style>${STYLE}</style></head><body>`,
    '<h1>Scenario by policy</h1>',
    `<p>Outcomes: ${OUTCOME_CLASSES.map((name) => `<span class="${cssClass(name)}">${name}</span>`).join(', ')}. Below each: the rule that decided. ${NOT_APPLICABLE}: not applicable, the policy governs programs of another operating system.</p>`,
    `<table><thead><tr>${header.join('')}</tr></thead><tbody>`,
    ...rows.map((row, index) => rowHtml(row, lessonRows(rows, index))),
    '</tbody></table></body></html>',
    '',
  ].join('\n');
}

/** Rows of the lesson that begins at `index`; 0 within one. */
function lessonRows(rows: readonly MatrixRow[], index: number): number {
  const { file } = rows[index]!;
  if (rows[index - 1]?.file === file) return 0;
  const next = rows.findIndex((row, other) => other > index && row.file !== file);
  return (next === -1 ? rows.length : next) - index;
}

function rowHtml({ title, file, program, arch, cells }: MatrixRow, span: number): string {
  const lesson = `<th scope="rowgroup" rowspan="${span}" title="${escaped(file)}">${escaped(title)}</th>`;
  const head = `${span === 0 ? '' : lesson}<td>${escaped(program)}</td><td>${arch}</td>`;
  const body = cells.map(({ outcome, rule, ending }) => {
    const why = rule === undefined ? '' : `<small><code>${escaped(rule)}</code></small>`;
    return `<td class="${cssClass(outcome)}" title="${escaped(ending)}">${outcome}${why}</td>`;
  });
  return `<tr>${head}${body.join('')}</tr>`;
}

function cssClass(outcome: string): string {
  return outcome === NOT_APPLICABLE ? 'not-applicable' : outcome.replace(' ', '-');
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
