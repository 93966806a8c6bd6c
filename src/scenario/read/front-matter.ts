/**
 * Front matter: the part of YAML that a lesson needs. `key: value`, inline lists, and indented lists
 * or maps one level deep; every value keeps its place.
 */
import type { Problems } from './scenario-error.js';

export interface Value {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

export interface Field {
  readonly key: string;
  readonly line: number;
  readonly column: number;
  /** A scalar; undefined where a list or map follows. */
  readonly scalar: Value | undefined;
  readonly list: readonly Value[];
  /** Entries of a map; a value may be an inline list. */
  readonly map: readonly { readonly key: Value; readonly values: readonly Value[] }[];
}

interface OpenField extends Field {
  readonly list: Value[];
  readonly map: { key: Value; values: Value[] }[];
}

/** Reads the lines between the two `---`; `first` is the number of the first of them. */
export function parseFrontMatter(
  lines: readonly string[],
  first: number,
  problems: Problems,
): Map<string, Field> {
  const fields = new Map<string, OpenField>();
  let open: OpenField | undefined;
  for (const [index, raw] of lines.entries()) {
    const line = first + index;
    const text = withoutComment(raw);
    if (text.trim() === '') continue;
    if (/^\s/.test(text) || /^-\s/.test(text)) {
      nested(text, line, open, problems);
      continue;
    }
    open = topLevel(text, line, problems);
    if (open === undefined) continue;
    if (fields.has(open.key)) problems.add(line, 1, `'${open.key}' is given twice`);
    fields.set(open.key, open);
  }
  return fields;
}

function topLevel(text: string, line: number, problems: Problems): OpenField | undefined {
  const [, key = '', gap = '', rest = ''] = /^([\w-]+)(:\s+|:$)(.*)$/.exec(text) ?? [];
  if (key === '') {
    problems.add(line, 1, "expected 'key: value'", text.trim());
    return undefined;
  }
  const column = key.length + gap.length + 1;
  const field = { key, line, column: 1, scalar: undefined, list: [], map: [] };
  if (rest.trim() === '') return field;
  if (rest.startsWith('[')) return { ...field, list: inlineList(rest, line, column, problems) };
  return { ...field, scalar: scalar(rest, line, column, problems) };
}

function nested(text: string, line: number, open: OpenField | undefined, problems: Problems): void {
  const indent = text.length - text.trimStart().length;
  if (open === undefined || open.scalar !== undefined) {
    problems.add(
      line,
      indent + 1,
      'an indented line belongs below a key without a value',
      text.trim(),
    );
    return;
  }
  const item = /^(\s*-\s+)(.*)$/.exec(text);
  if (item !== null) {
    open.list.push(scalar(item[2]!, line, item[1]!.length + 1, problems));
    return;
  }
  const entry = /^(\s+)("[^"]*"|[^\s:"]+)(:\s+|:$)(.*)$/.exec(text);
  if (entry === null) {
    problems.add(line, indent + 1, "expected '- value' or 'name: value'", text.trim());
    return;
  }
  const [, space = '', name = '', gap = '', rest = ''] = entry;
  const column = space.length + name.length + gap.length + 1;
  const values = rest.startsWith('[')
    ? inlineList(rest, line, column, problems)
    : [scalar(rest, line, column, problems)];
  open.map.push({ key: scalar(name, line, space.length + 1, problems), values });
}

/** `#` after a blank starts a comment, unless it is quoted. */
function withoutComment(text: string): string {
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    if (quoted && text[at] === '\\') at++;
    else if (text[at] === '"') quoted = !quoted;
    else if (text[at] === '#' && !quoted && /^\s*$/.test(text[at - 1] ?? '')) {
      return text.slice(0, at).trimEnd();
    }
  }
  return text.trimEnd();
}

function scalar(raw: string, line: number, column: number, problems: Problems): Value {
  const text = raw.trim();
  if (!text.startsWith('"')) return { text, line, column };
  try {
    return { text: String(JSON.parse(text)), line, column };
  } catch {
    problems.add(line, column, 'the quoted text does not end here, or has an unknown escape', text);
    return { text, line, column };
  }
}

function inlineList(raw: string, line: number, column: number, problems: Problems): Value[] {
  const inner = /^\[(.*)\]\s*$/.exec(raw)?.[1];
  if (inner === undefined) {
    problems.add(line, column, "expected ']' at the end of the list", raw);
    return [];
  }
  const items = [...inner.matchAll(/\s*"(?:[^"\\]|\\.)*"\s*|[^,]+/g)].filter(
    ([text]) => text.trim() !== '',
  );
  return items.map((match) => {
    const lead = match[0].length - match[0].trimStart().length;
    return scalar(match[0], line, column + 1 + match.index + lead, problems);
  });
}
