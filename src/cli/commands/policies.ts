/** `mayexec policies [NAME]`: what policies exist, and one policy's page. */
import {
  listMechanisms,
  listPolicies,
  type MechanismInfo,
  type PolicyInfo,
  unknownValue,
} from '../../index.js';
import { type Command, type Given, UsageError } from '../arguments.js';
import { toJson } from '../report/json.js';
import { stdout } from '../terminal/output.js';
import { hang, type Terminal, terminalOf, wrap } from '../terminal/terminal.js';

/** Lines of prose longer than this are hard to read, however wide the terminal is. */
const PROSE_WIDTH = 90;

export const policies: Command = {
  name: 'policies',
  summary: 'list the policies, or explain one',
  usage: '[NAME] [--json]',
  options: [{ name: 'json', help: 'print one JSON value instead of text' }],
  details:
    'A policy is given to `mayexec run --policy` as NAME or NAME:OPTION=VALUE,OPTION=VALUE;\nseveral are joined by +, and then all must allow what the program does.',
  examples: ['mayexec policies', 'mayexec policies restricted-wx'],
  run: async (given) => {
    stdout.lines(answer(given, terminalOf(stdout.stream)));
    return 0;
  },
};

function answer({ positionals, switches }: Given, terminal: Terminal): string[] {
  const [name, extra] = positionals;
  if (extra !== undefined)
    throw new UsageError(`unexpected argument '${extra}': expected one name`);
  const known = listPolicies();
  if (name === undefined) {
    return switches.has('json') ? [toJson(known)] : policyList(known, terminal, listMechanisms());
  }
  const pages = [...known, ...listMechanisms()];
  const info = pages.find((page) => page.name === name);
  const [first = ''] = name.split(/[:+]/);
  if (info === undefined && pages.some((page) => page.name === first)) {
    throw new UsageError(
      `'${name}' is a spec, and pages are those of names: mayexec policies ${first}`,
    );
  }
  if (info === undefined) {
    throw unknownValue(
      'policy',
      name,
      pages.map((page) => page.name),
    );
  }
  return switches.has('json') ? [toJson(info)] : policyPage(info, terminal);
}

export function policyList(
  known: readonly PolicyInfo[],
  { width, paint }: Terminal,
  others: readonly MechanismInfo[] = [],
): string[] {
  const column = 2 + Math.max(...[...known, ...others].map(({ name }) => name.length));
  const lines = ({ name, summary }: MechanismInfo): string[] =>
    wrap(summary, Math.min(width, PROSE_WIDTH + column) - column).map((line, index) =>
      index === 0
        ? paint('bold', name) + ' '.repeat(column - name.length) + line
        : ' '.repeat(column) + line,
    );
  return [
    ...known.flatMap(lines),
    ...(others.length === 0
      ? []
      : ['', 'Beside every policy, where a program uses it or a kernel beside it has it:', '']),
    ...others.flatMap(lines),
    '',
    'mayexec policies NAME explains one: its options, its rules, and what works under it.',
  ];
}

export function policyPage(info: PolicyInfo | MechanismInfo, terminal: Terminal): string[] {
  const given = 'options' in info ? info.options : [];
  const named = info.rules ?? {};
  const width = Math.min(terminal.width, PROSE_WIDTH);
  const heading = (text: string): string[] => ['', terminal.paint('bold', text)];
  const prose = (text: string): string[] =>
    text.split('\n').flatMap((part) => wrap(part, width - 2).map((line) => `  ${line}`));
  const item = (name: string, text: string): string[] => [
    `  ${name}`,
    ...wrap(text, width - 6).map((line) => `      ${line}`),
  ];
  const list = (title: string, items: readonly string[]): string[] =>
    items.length === 0
      ? []
      : [...heading(title), ...items.flatMap((text) => hang('  - ', text, width))];
  const options = given.flatMap(({ name, summary, values, default: preset }) =>
    item(`${name}=${values.join('|')}`, `${summary} (default ${preset})`),
  );
  const rules = Object.entries(named).flatMap(([id, text]) => item(id, text));
  return [
    terminal.paint('bold', info.name),
    ...prose(info.summary),
    ...heading('What it does'),
    ...prose(info.description),
    ...(info.why === undefined ? [] : [...heading('Why'), ...prose(info.why)]),
    ...heading('Switched on by'),
    ...prose(info.optIn),
    ...(options.length === 0 ? [] : [...heading('Options'), ...options]),
    ...(rules.length === 0 ? [] : [...heading('Rules'), ...rules]),
    ...list('What works under it', info.workarounds),
    ...heading('History'),
    ...prose(info.history),
    ...list('Differs from the real system in', info.deviations ?? []),
    ...list('Source', info.source),
  ];
}
