/** What `--update` writes: outcome cells with their rule ids, and recorded traces. Nothing else changes. */
import type { Classified } from '../../diagnosis/outcome/outcome-class.js';
import type { Scenario, TableRow } from '../read/scenario.js';
import { rulesIn } from './outcome-table.js';

/** A run that met all its `;@` expectations. */
export interface Actual {
  readonly program: string;
  readonly run: string;
  readonly classified: Classified;
  /** Its strace text. */
  readonly trace: string;
}

export function updatedText(text: string, scenario: Scenario, actuals: readonly Actual[]): string {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = text.split(/\r?\n/);
  for (const actual of actuals) {
    const row = scenario.table?.find((each) => isOf(each, actual));
    if (row !== undefined) updateRow(lines, row, actual);
  }
  // From the end on, so that places before it stay what they were; rows first: they keep their lines.
  const inserted = [...traceEdits(scenario, actuals), ...newRows(scenario, actuals)];
  inserted.sort((a, b) => b.at - a.at);
  for (const { at, remove, add } of inserted) lines.splice(at, remove, ...add);
  return lines.join(newline);
}

interface Edit {
  /** Index of the first line. */
  readonly at: number;
  readonly remove: number;
  readonly add: readonly string[];
}

function isOf(place: { program: string; run: string }, actual: Actual): boolean {
  return place.program === actual.program && place.run === actual.run;
}

function updateRow(lines: string[], row: TableRow, { classified }: Actual): void {
  const { class: outcome, refused } = classified;
  const index = row.position.line - 1;
  const parts = lines[index]!.split(/(?<!\\)\|/);
  const [outcomeAt, whyAt] = [parts.length - 3, parts.length - 2];
  if (row.outcome !== outcome) parts[outcomeAt] = ` ${outcome} `;
  const rule = refused?.rule;
  if (rule === undefined ? row.rules.length > 0 : !row.rules.includes(rule)) {
    parts[whyAt] = ` ${whyWith(parts[whyAt]!.trim(), rule)} `;
  }
  lines[index] = parts.join('|');
}

/** The sentence with the rule id exchanged; it may need a person's hand, so it is shown. */
function whyWith(why: string, rule: string | undefined): string {
  const [old, ...others] = rulesIn(why);
  let text = why;
  for (const other of others) text = text.replace(` \`${other}\``, '').replace(`\`${other}\``, '');
  if (old === undefined) return [text, `\`${rule}\``].filter(Boolean).join(' ');
  return text.replace(`\`${old}\``, rule === undefined ? '' : `\`${rule}\``).trim();
}

function traceEdits({ traces }: Scenario, actuals: readonly Actual[]): Edit[] {
  return traces.flatMap((block) => {
    const actual = actuals.find((each) => isOf(block, each));
    if (actual === undefined || actual.trace === block.text) return [];
    const count = block.text.split('\n').length - 1;
    return [{ at: block.position.line, remove: count, add: actual.trace.split('\n').slice(0, -1) }];
  });
}

/** Rows that the table lacks, below it; the whole table at the end where there is none. */
function newRows({ table, parts, programs }: Scenario, actuals: readonly Actual[]): Edit[] {
  const missing = actuals.filter((actual) => !table?.some((row) => isOf(row, actual)));
  if (table === undefined || missing.length === 0) return [];
  const several = programs.length > 1;
  const rows = missing.map(({ program, run, classified: { class: outcome, refused } }) => {
    const why = refused?.rule === undefined ? '' : `\`${refused.rule}\``;
    return `${several ? `| ${program} ` : ''}| ${run} | ${outcome} | ${why} |`;
  });
  const part = parts.find(({ kind }) => kind === 'table');
  if (part !== undefined) return [{ at: part.end - 1, remove: 0, add: rows }];
  const columns = [...(several ? ['program'] : []), 'policy', 'outcome', 'why'];
  const header = [`| ${columns.join(' | ')} |`, `| ${columns.map(() => '---').join(' | ')} |`];
  const end = parts.at(-1)?.end ?? 1;
  return [{ at: end - 1, remove: 0, add: ['', ...header, ...rows, ''] }];
}
