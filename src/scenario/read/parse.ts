/** From the text of a file to a scenario and all that is wrong with it. Nothing is assembled yet. */
import { unknownValue } from '../../base/errors.js';
import { type OutcomeTable, outcomeTable } from '../report/outcome-table.js';
import { directiveStart } from './directive.js';
import { exerciseOf } from './exercise.js';
import { type Field, parseFrontMatter, type Value } from './front-matter.js';
import { type Fence, type Markdown, readMarkdown } from './markdown.js';
import { type CodeBlock, checkFindings, programsOf } from './programs.js';
import type { Scenario, ScenarioPart, ScenarioProgram, TraceBlock } from './scenario.js';
import type { Problems } from './scenario-error.js';
import { type Header, headerOf } from './settings.js';

/** What looks like a scenario's name: Markdown, else it is read as a plain source. */
export function isMarkdown(file: string): boolean {
  return /\.(md|markdown)$/i.test(file);
}

export function parseScenario(text: string, problems: Problems): Scenario {
  return isMarkdown(problems.file) ? fromMarkdown(text, problems) : fromSource(text, problems);
}

function fromMarkdown(text: string, problems: Problems): Scenario {
  const markdown = readMarkdown(text, problems);
  const { front, fences, tables, lines } = markdown;
  const fields = parseFrontMatter(front?.lines ?? [], 2, problems);
  const header = headerOf(fields, problems);
  const blocks = fences.flatMap(codeBlock);
  if (blocks.length === 0) problems.add(1, 1, 'the scenario has no program: no block ```asm');
  const names = header.runs.map(({ name }) => name);
  const programs = programsOf(blocks, lines.length, names, problems);
  const table = outcomeTable(tables, programs, problems);
  const rows = table?.rows ?? [];
  const lesson = { runs: header.runs, programs, table: rows, fences };
  return {
    ...common(header, programs, problems),
    exercise: exerciseOf(fields.get('exercise'), lesson, problems),
    table: rows,
    traces: fences.flatMap((fence) => traceOf(fence, programs, problems)),
    parts: partsOf(markdown, table),
  };
}

function common(
  header: Header,
  programs: readonly ScenarioProgram[],
  problems: Problems,
): Omit<Scenario, 'table' | 'traces' | 'parts' | 'exercise'> {
  checkFindings(programs, header.os, problems);
  return { file: problems.file, ...header, programs };
}

function codeBlock({ language, words, line, content }: Fence): CodeBlock[] {
  return language === 'asm' ? [{ words, first: line + 1, content }] : [];
}

function traceOf(
  { language, words, line, content }: Fence,
  programs: readonly ScenarioProgram[],
  problems: Problems,
): TraceBlock[] {
  if (language !== 'trace') return [];
  const [, program = programs[0]?.name ?? 'main', run = ''] =
    /^(?:([\w-]+)\/)?(.*)$/.exec(words[0] ?? '') ?? [];
  problems.attempt(line, 1, () => {
    const owner = programs.find(({ name }) => name === program);
    const known = programs.map(({ name }) => name);
    if (owner === undefined) throw unknownValue('program', program, known);
    if (!owner.runs.includes(run)) throw unknownValue('run', run, owner.runs);
  });
  const position = { file: problems.file, line, column: 1 };
  return [{ program, run, text: content.map((each) => `${each}\n`).join(''), position }];
}

/** Cuts the file at its blocks and its table: what lies between is prose. */
function partsOf(
  { lines, front, fences }: Markdown,
  table: OutcomeTable | undefined,
): ScenarioPart[] {
  const special = fences.flatMap((fence) => specialPart(fence));
  if (table !== undefined) {
    const text = lines.slice(table.first - 1, table.end - 1).join('\n');
    special.push({ kind: 'table', start: table.first, end: table.end, text });
  }
  special.sort((a, b) => a.start - b.start);
  const parts: ScenarioPart[] = [];
  let line = front === undefined ? 1 : front.lines.length + 3;
  for (const part of [...special, undefined]) {
    const end = part?.start ?? lines.length + 1;
    const text = lines
      .slice(line - 1, end - 1)
      .join('\n')
      .trim();
    if (text !== '') parts.push({ kind: 'prose', start: line, end, text });
    if (part !== undefined) parts.push(part);
    line = part?.end ?? end;
  }
  return parts;
}

function specialPart({ language, words, line, content }: Fence): ScenarioPart[] {
  if (language !== 'asm' && language !== 'trace') return [];
  const [first = ''] = words;
  const text = content
    .map(withoutDirective)
    .filter((each) => each !== undefined)
    .join('\n');
  const program = first === '' || first.includes(':') ? 'main' : first;
  return [{ kind: language, start: line, end: line + content.length + 2, text, program }];
}

/** Undefined for a line that held nothing else. */
function withoutDirective(line: string): string | undefined {
  const start = directiveStart(line);
  if (start === -1) return line;
  return line.slice(0, start).trimEnd() || undefined;
}

/** A plain source: what front matter says stands in directives of their own. */
function fromSource(text: string, problems: Problems): Scenario {
  const lines = text.split(/\r?\n/);
  const heading =
    /^\s*;@\s*(title|arch|policy|inject|difficulty|seed|layout|cpu|blocks|stdin)\s+(\S.*)$/s;
  const fields = new Map<string, Value>();
  const policies: { name: Value; spec: Value }[] = [];
  const injections: { name: Value; spec: Value }[] = [];
  const content = lines.map((each, index) => {
    const [, key, value = ''] = heading.exec(each.trimEnd()) ?? [];
    if (key === undefined) return each;
    const at = { line: index + 1, column: each.indexOf(value, each.indexOf(key) + key.length) + 1 };
    if (key === 'policy') policies.push(namedSpec(value, at));
    else if (key === 'inject') injections.push(namedSpec(value, at));
    else if (fields.has(key)) problems.add(at.line, 1, `'${key}' is given twice`);
    else fields.set(key, { text: value, ...at });
    return '';
  });
  const header = sourceHeader(fields, policies, injections, problems);
  const names = header.runs.map(({ name }) => name);
  const block = { words: [], first: 1, content };
  const programs = programsOf([block], lines.length, names, problems);
  const parts = [{ kind: 'asm', start: 1, end: lines.length + 1, text, program: 'main' }] as const;
  const none = { table: undefined, traces: [], exercise: undefined };
  return { ...common(header, programs, problems), ...none, parts };
}

function namedSpec(
  text: string,
  at: { line: number; column: number },
): { name: Value; spec: Value } {
  const [, name, spec] = /^([\w.+-]+):\s+(\S.*)$/.exec(text) ?? [undefined, text, text];
  return { name: { text: name ?? text, ...at }, spec: { text: spec ?? text, ...at } };
}

function sourceHeader(
  fields: ReadonlyMap<string, Value>,
  policies: readonly { name: Value; spec: Value }[],
  injections: readonly { name: Value; spec: Value }[],
  problems: Problems,
): Header {
  const asField = ([key, value]: [string, Value]): [string, Field] => [
    key,
    { key, line: value.line, column: 1, scalar: quoted(value), list: [], map: [] },
  ];
  // A plain source may leave both out: its name and the policy nx stand in.
  const title: [string, Value] = ['title', { text: problems.file, line: 1, column: 1 }];
  const runs = policies.length === 0 ? [defaultPolicy()] : policies;
  const given = [title, ...fields].map(asField);
  const maps = [
    mapField('policies', runs),
    ...(injections.length > 0 ? [mapField('inject', injections)] : []),
  ];
  return headerOf(
    new Map([...given, ...maps.map((field) => [field.key, field] as const)]),
    problems,
  );
}

function mapField(key: string, entries: readonly { name: Value; spec: Value }[]): Field {
  const map = entries.map(({ name, spec }) => ({ key: name, values: [spec] }));
  return { key, line: entries[0]!.name.line, column: 1, scalar: undefined, list: [], map };
}

function defaultPolicy(): { name: Value; spec: Value } {
  const value = { text: 'nx', line: 1, column: 1 };
  return { name: value, spec: value };
}

function quoted(value: Value): Value {
  try {
    return value.text.startsWith('"') ? { ...value, text: String(JSON.parse(value.text)) } : value;
  } catch {
    return value;
  }
}
