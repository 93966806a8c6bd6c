/** Macros: `.macro name a, b=1, rest:vararg`, used as `name x, y`; `\a` in the body, `\@` counts uses. */
import { shorten } from '../../base/text.js';
import { StatementError } from '../assembly-error.js';
import type { AssemblyBudget } from '../budget.js';
import type { SourceStatement } from './source-text.js';

interface Parameter {
  readonly name: string;
  readonly preset: string | undefined;
  readonly required: boolean;
  readonly vararg: boolean;
}

export interface Macro {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly body: readonly SourceStatement[];
}

/** `text` is what follows `.macro`. */
export function parseMacro(text: string, body: readonly SourceStatement[]): Macro {
  const match = /^([A-Za-z_.][\w.$]*)\s*,?\s*(.*)$/s.exec(text);
  if (match === null) throw new StatementError('a macro needs a name');
  const [, name = '', list = ''] = match;
  // Parameters may be separated by blanks alone.
  const parts = list.includes(',') ? splitArguments(list) : list.split(/\s+/);
  return { name, parameters: parts.filter((part) => part !== '').map(parseParameter), body };
}

function parseParameter(text: string): Parameter {
  const match = /^([A-Za-z_][\w]*)\s*(?::\s*(req|vararg))?\s*(?:=\s*(.*))?$/s.exec(text);
  if (match === null) throw new StatementError(`'${text}' is no parameter`);
  const [, name = '', kind, preset] = match;
  return { name, preset, required: kind === 'req', vararg: kind === 'vararg' };
}

export interface MacroUse {
  readonly statement: SourceStatement;
  /** Of uses of macros so far. */
  readonly counter: { value: number };
  readonly budget: AssemblyBudget;
}

export function expandMacro(
  macro: Macro,
  text: string,
  { statement: use, counter, budget }: MacroUse,
): SourceStatement[] {
  const values = bind(macro, text);
  values.set('@', String(counter.value++));
  const via = [`macro ${shorten(macro.name)} used at ${use.file}:${use.line}`, ...use.via];
  const used = use.used ?? { file: use.file, line: use.line };
  return macro.body.map((each) => ({
    ...each,
    text: substitute(each.text, values, budget),
    via,
    used,
  }));
}

function bind({ name, parameters }: Macro, text: string): Map<string, string> {
  const values = new Map<string, string>();
  const given = splitArguments(text);
  let position = 0;
  for (const [index, argument] of given.entries()) {
    const named = /^([A-Za-z_]\w*)\s*=(?!=)\s*(.*)$/s.exec(argument);
    const parameter = named && parameters.find((each) => each.name === named[1]);
    if (named && parameter) {
      values.set(parameter.name, named[2]!);
      continue;
    }
    const next = parameters[position++];
    if (next === undefined) {
      throw new StatementError(`${name} takes ${parameters.length} arguments, not ${given.length}`);
    }
    values.set(next.name, argument);
    if (next.vararg) {
      values.set(next.name, given.slice(index).join(', '));
      break;
    }
  }
  for (const { name: each, preset, required } of parameters) {
    if ((values.get(each) ?? '') !== '') continue;
    if (required) throw new StatementError(`${name} needs its argument '${each}'`);
    values.set(each, preset ?? '');
  }
  return values;
}

/** `\name` becomes its value; `\()` ends a name; what is no parameter stays. */
export function substitute(
  text: string,
  values: ReadonlyMap<string, string>,
  budget: AssemblyBudget,
): string {
  let length = text.length;
  const made = text.replace(/\\(\(\)|@|[A-Za-z_]\w*)/g, (whole, name: string) => {
    const value = name === '()' ? '' : (values.get(name) ?? whole);
    length += value.length;
    budget.checkLine(length);
    return value;
  });
  budget.spend('expansion', made.length);
  return made;
}

/** At commas outside parentheses, brackets and quotes. */
function splitArguments(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quote = false;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === '\\' && quote) i++;
    else if (char === '"') quote = !quote;
    else if (quote) continue;
    else if ('([{'.includes(char)) depth++;
    else if (')]}'.includes(char)) depth--;
    else if (char === ',' && depth === 0) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  const last = text.slice(start).trim();
  return last === '' && parts.length === 0 ? [] : [...parts, last];
}
