/** The table `policy | outcome | why`: what each run comes to, for people, checked both ways. */
import { nearest, unknownValue } from '../../base/errors.js';
import { OUTCOME_CLASSES, type OutcomeClass } from '../../diagnosis/outcome/outcome-class.js';
import { knownRule } from '../read/directive.js';
import type { TableLine } from '../read/markdown.js';
import type { ScenarioProgram, TableRow } from '../read/scenario.js';
import type { Problems } from '../read/scenario-error.js';

const SHORT = ['policy', 'outcome', 'why'];
const LONG = ['program', ...SHORT];

export interface OutcomeTable {
  readonly rows: readonly TableRow[];
  readonly first: number;
  /** Line after the last row. */
  readonly end: number;
}

/** The one table with this header; others are prose. */
export function outcomeTable(
  tables: readonly (readonly TableLine[])[],
  programs: readonly ScenarioProgram[],
  problems: Problems,
): OutcomeTable | undefined {
  const found = tables.filter(([header]) => header !== undefined && isOurs(header, problems));
  const [table] = found;
  if (found.length > 1) problems.add(found[1]![0]!.line, 1, 'a second table of outcomes');
  if (table === undefined) return undefined;
  const [header, ...lines] = table;
  const short = header!.cells.length === SHORT.length;
  if (short && programs.length > 1) {
    problems.add(
      header!.line,
      1,
      `several programs: the table needs the columns ${LONG.join(' | ')}`,
    );
  }
  const rows = lines.map((line) => rowOf(line, short, programs, problems));
  checkTwice(rows, problems);
  const end = (table.at(-1)?.line ?? 0) + (lines.length === 0 ? 2 : 1);
  return { rows, first: header!.line, end };
}

function isOurs({ cells, line }: TableLine, problems: Problems): boolean {
  const names = cells.map(({ text }) => text.toLowerCase());
  const header = [SHORT, LONG].find((known) => known.join() === names.join());
  if (header !== undefined) return true;
  const near = names.map((name) => nearest(name, LONG));
  if (near.join() === SHORT.join() || near.join() === LONG.join()) {
    const column = names.findIndex((name, index) => name !== near[index]);
    const message = `unknown column '${names[column]}'; did you mean '${near[column]}'?`;
    problems.add(line, cells[column]!.column, message);
  }
  return false;
}

function rowOf(
  { line, cells }: TableLine,
  short: boolean,
  programs: readonly ScenarioProgram[],
  problems: Problems,
): TableRow {
  const [program, run, outcome, why] = short ? [undefined, ...cells] : cells;
  const name = program === undefined ? (programs[0]?.name ?? 'main') : plain(program.text);
  const column = cells[0]?.column ?? 1;
  const owner = programs.find((each) => each.name === name);
  problems.attempt(line, column, () => {
    if (owner === undefined)
      throw unknownValue(
        'program',
        name,
        programs.map((each) => each.name),
      );
    const given = plain(run?.text ?? '');
    if (!owner.runs.includes(given)) throw unknownValue('run', given, owner.runs);
  });
  if (cells.length !== (short ? 3 : 4)) {
    problems.add(line, column, `this row has ${cells.length} cells instead of ${short ? 3 : 4}`);
  }
  const known = problems.attempt(line, outcome?.column ?? column, () =>
    outcomeOf(plain(outcome?.text ?? '')),
  );
  const rules = rulesIn(why?.text ?? '');
  for (const rule of rules)
    problems.attempt(line, why?.column ?? column, () => knownRule(rule, problems.ownPolicies));
  const position = { file: problems.file, line, column };
  return {
    program: name,
    run: plain(run?.text ?? ''),
    outcome: known,
    why: why?.text ?? '',
    rules,
    position,
  };
}

/** Undefined for a cell that `--update` is to fill. */
function outcomeOf(given: string): OutcomeClass | undefined {
  const known = OUTCOME_CLASSES.find((each) => each === given);
  if (known === undefined && given !== '' && given !== '?') {
    throw unknownValue('outcome', given, OUTCOME_CLASSES);
  }
  return known;
}

/** Rule ids in backticks: `selinux/execmem`. Paths such as `asm/lib` begin with no policy's name. */
export function rulesIn(why: string): string[] {
  return [...why.matchAll(/`([a-z][a-z-]*\/[a-z0-9-]+)`/g)].map(([, rule]) => rule!);
}

function plain(text: string): string {
  return text.replaceAll('`', '').trim();
}

function checkTwice(rows: readonly TableRow[], problems: Problems): void {
  for (const [index, { program, run, position }] of rows.entries()) {
    const first = rows.findIndex((row) => row.program === program && row.run === run);
    if (first < index)
      problems.add(position.line, position.column, `a second row for run '${run}'`);
  }
}
