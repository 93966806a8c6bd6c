/** The blocks of a Markdown file that mean something here; all the rest is prose. */
import type { Problems } from './scenario-error.js';

export interface Fence {
  /** The first word after the backticks. */
  readonly language: string;
  /** The words after it. */
  readonly words: readonly string[];
  /** Line of the opening fence; the content begins on the next. */
  readonly line: number;
  readonly content: readonly string[];
}

export interface TableLine {
  readonly line: number;
  readonly cells: readonly { readonly text: string; readonly column: number }[];
}

export interface Markdown {
  readonly lines: readonly string[];
  /** Lines between the two `---`, and the number of the first; undefined without front matter. */
  readonly front: { readonly first: number; readonly lines: readonly string[] } | undefined;
  readonly fences: readonly Fence[];
  /** Tables, header first, without the line of dashes. */
  readonly tables: readonly (readonly TableLine[])[];
}

export function readMarkdown(text: string, problems: Problems): Markdown {
  const lines = text.split(/\r?\n/);
  const front = frontOf(lines, problems);
  const fences: Fence[] = [];
  const tables: TableLine[][] = [];
  let index = front === undefined ? 0 : front.lines.length + 2;
  while (index < lines.length) {
    const line = lines[index]!;
    const opening = /^ {0,3}(`{3,}|~{3,})\s*([^\s`]*)\s*(.*)$/s.exec(line);
    if (opening !== null) {
      const fence = fenceAt(lines, index, opening, problems);
      fences.push(fence);
      index += fence.content.length + 2;
    } else if (isRow(line)) {
      const rows = rowsAt(lines, index);
      tables.push(rows.filter((_, at) => at !== 1));
      index += rows.length;
    } else {
      index++;
    }
  }
  return { lines, front, fences, tables };
}

function frontOf(lines: readonly string[], problems: Problems): Markdown['front'] {
  if (lines[0]?.trimEnd() !== '---') {
    problems.add(1, 1, "a scenario begins with front matter: a line '---'");
    return undefined;
  }
  const end = lines.findIndex((line, index) => index > 0 && line.trimEnd() === '---');
  if (end === -1) {
    problems.add(1, 1, "the front matter has no end: a line '---'");
    return { first: 2, lines: [] };
  }
  return { first: 2, lines: lines.slice(1, end) };
}

function fenceAt(
  lines: readonly string[],
  index: number,
  [, ticks = '', language = '', info = '']: RegExpExecArray,
  problems: Problems,
): Fence {
  const end = lines.findIndex((line, at) => at > index && closes(line, ticks));
  if (end === -1) problems.add(index + 1, 1, 'this block has no end', lines[index]!.trim());
  const content = lines.slice(index + 1, end === -1 ? lines.length : end);
  return { language, words: info.split(/\s+/).filter(Boolean), line: index + 1, content };
}

/** At least as many of the same. */
function closes(line: string, ticks: string): boolean {
  const [, found = ''] = /^ {0,3}(`+|~+)\s*$/.exec(line) ?? [];
  return found.startsWith(ticks);
}

function isRow(line: string): boolean {
  return /^ {0,3}\|.*\|\s*$/.test(line);
}

function rowsAt(lines: readonly string[], start: number): TableLine[] {
  const rows: TableLine[] = [];
  for (let index = start; index < lines.length && isRow(lines[index]!); index++) {
    rows.push({ line: index + 1, cells: cellsOf(lines[index]!) });
  }
  return rows;
}

/** Cells between bars; `\|` is a bar inside of one. */
export function cellsOf(line: string): { text: string; column: number }[] {
  return [...line.matchAll(/(?<=\|)((?:\\\||[^|])*)(?=\|)/g)].map(({ 0: raw, index }) => ({
    text: raw.trim().replaceAll('\\|', '|'),
    column: index + 1 + (raw.length - raw.trimStart().length),
  }));
}
