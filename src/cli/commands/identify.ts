/** `mayexec identify`: which policy gave the results of a probe, and what to do about it. */
import {
  type Advice,
  adviceFor,
  type Identification,
  identify as identifyResults,
  listPolicies,
  probeExperiments,
  UNFELT,
} from '../../index.js';
import { type Command, type Given, UsageError } from '../arguments.js';
import { readInput } from '../host/file.js';
import { readAll } from '../host/standard-input.js';
import { splitSpecs } from '../program/policy-list.js';
import { toJson } from '../report/json.js';
import { stdout } from '../terminal/output.js';
import { showProgress } from '../terminal/progress.js';
import { renderTable } from '../terminal/table.js';
import { hang, type Terminal, terminalOf, wrap } from '../terminal/terminal.js';

/** Nothing fits, or the results are not whole. */
const NOT_EXACT = 1;
const PROSE_WIDTH = 98;

export const identify: Command = {
  name: 'identify',
  summary: 'say which policy gives the results of a probe, and what works under it',
  usage: 'RESULTS [OPTIONS]',
  options: [
    {
      name: 'policies',
      value: 'A,B',
      help: 'specs to compare with; default: every policy with every option, and combinations',
    },
    { name: 'json', help: 'print one JSON object instead of text' },
  ],
  details: [
    'RESULTS is a file with the output of the probe (mayexec probe --emit), or - for standard input. Each',
    'policy is run in the sandbox until it differs; what is left gives every result.',
    '',
    'Exit status: 0 when a policy explains every result; 1 when none does (the nearest are named), or when',
    'the results are cut off or of another version; 2 for what is no output of a probe.',
  ].join('\n'),
  examples: [
    'mayexec identify results.txt',
    'mayexec probe --policy selinux --raw | mayexec identify -',
  ],
  run: runIdentify,
};

async function runIdentify(given: Given): Promise<number> {
  const text = readResults(given);
  const found = await identifyResults(text, {
    candidates: splitSpecs(given.values.get('policies')),
    progress: (waiting) => showProgress(`${waiting} policies to run`),
  }).finally(() => showProgress(''));
  const advice = adviceFor(found.results, found.fits);
  if (given.switches.has('json')) stdout.lines([toJson(record(found, advice))]);
  else stdout.lines(report(found, advice, terminalOf(stdout.stream)));
  return found.kind === 'exact' && found.complete ? 0 : NOT_EXACT;
}

function readResults({ positionals }: Given): string {
  const [path, extra] = positionals;
  if (path === undefined) {
    throw new UsageError('identify: no results given (see mayexec identify --help)');
  }
  if (extra !== undefined) throw new UsageError(`identify: unexpected argument '${extra}'`);
  return new TextDecoder().decode(path === '-' ? readAll(0) : readInput(path));
}

function record({ results, ...found }: Identification, advice: Advice): object {
  const { arch, system, release, machine, problems, outcomes } = results;
  return {
    ...found,
    results: { arch, system, release, machine, problems, outcomes: Object.fromEntries(outcomes) },
    advice,
  };
}

export function report(found: Identification, advice: Advice, terminal: Terminal): string[] {
  const { arch, system, release, outcomes, problems } = found.results;
  const width = Math.min(terminal.width, PROSE_WIDTH);
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ['', terminal.paint('bold', title), ...lines];
  const bullets = (items: readonly string[]): string[] =>
    items.flatMap((item) => hang('  - ', item, width));
  const experiments = outcomes.size === 1 ? '1 experiment' : `${outcomes.size} experiments`;
  // A Wine that did not start says nothing of its version.
  const where = release === '-' ? system : `${system} ${release}`;
  return [
    `${experiments} of ${arch} on ${where}`,
    ...bullets(problems.map((problem) => `incomplete results: ${problem}`)),
    '',
    ...(found.kind === 'exact' ? identified(found, terminal, width) : nearest(found, terminal)),
    ...section('Cannot be told apart from it here', bullets(alternatives(found))),
    ...section('Decided by', deciding(found, terminal)),
    ...section('Not tried, for want of means', bullets(found.unavailable)),
    ...section(
      'In the program',
      bullets([...advice.ways.map((way) => `works: ${way}`), ...advice.pitfalls]),
    ),
    ...section('To ask the administrator', bullets(advice.ask)),
  ];
}

function identified(
  { fits: [first = ''], complete }: Identification,
  terminal: Terminal,
  width: number,
): string[] {
  const known = new Map(listPolicies().map(({ name, summary }) => [name, summary]));
  const partial = complete ? '' : ' (a partial answer: more results might have told more)';
  return [
    `${terminal.paint('bold', first)} gives exactly these results${partial}`,
    ...first.split('+').flatMap((part) => {
      const name = part.replace(/:.*/, '');
      return wrap(`${name}: ${known.get(name) ?? ''}`, width - 2).map((line) => `  ${line}`);
    }),
  ];
}

function nearest({ nearest: candidates, examined }: Identification, terminal: Terminal): string[] {
  return [
    terminal.paint(
      'bold',
      `None of ${examined} policies and combinations gives these results; the nearest are`,
    ),
    ...candidates.flatMap(({ policy, differences }) => [
      '',
      `${policy}: ${differences.length} ${differences.length === 1 ? 'experiment differs' : 'experiments differ'}`,
      ...renderTable(
        [
          ['experiment', 'measured', `under ${policy}`].map((text) => ({ text })),
          ...differences.map(({ experiment, measured, expected }) =>
            [experiment, measured, expected].map((text) => ({ text })),
          ),
        ],
        { ...terminal, width: Number.POSITIVE_INFINITY },
      ).map((line) => `  ${line}`),
    ]),
  ];
}

/** Other policies that fit, by name, each with its forms; and options that never show. */
function alternatives({ fits }: Identification): string[] {
  const [first = '', ...others] = fits;
  const byName = new Map<string, string[]>();
  for (const policy of others) {
    const name = nameOf(policy);
    byName.set(name, [...(byName.get(name) ?? []), policy]);
  }
  const lines = [...byName].map(([name, forms]) =>
    name === nameOf(first) ? sameName(name, forms) : otherName(first, name, forms),
  );
  return [...lines, ...unfelt(first)];
}

function nameOf(policy: string): string {
  return policy
    .split('+')
    .map((part) => part.replace(/:.*/, ''))
    .join('+');
}

function sameName(name: string, forms: readonly string[]): string {
  return `${name} with ${valuesOf(forms)}: no experiment shows the difference here`;
}

function otherName(first: string, name: string, forms: readonly string[]): string {
  const own = name.split('+');
  const covers = nameOf(first)
    .split('+')
    .every((part) => own.includes(part) || part === 'nx');
  const why =
    covers && own.length > 1
      ? `what it would refuse as well, ${first} refuses already`
      : 'in this form it answers alike';
  return `${shown(name, forms)}: ${why}`;
}

function shown(name: string, forms: readonly string[]): string {
  const [form = name] = forms;
  return forms.length === 1 ? form : `${name} in ${forms.length} forms (${valuesOf(forms)})`;
}

/** Options that the forms set, with their values: `kernel=4.2|3.10`. */
function valuesOf(forms: readonly string[]): string {
  const options = new Map<string, Set<string>>();
  for (const [, name = '', value = ''] of forms.join('+').matchAll(/([\w-]+)=([^,+]+)/g)) {
    options.set(name, (options.get(name) ?? new Set()).add(value));
  }
  return [...options].map(([name, values]) => `${name}=${[...values].join('|')}`).join(', ');
}

function unfelt(policy: string): string[] {
  const names = nameOf(policy).split('+');
  return Object.entries(UNFELT).flatMap(([option, why]) =>
    names.includes(option.split(':')[0]!) ? [`${option} in any value: ${why}`] : [],
  );
}

function deciding(
  { os, results, deciding: experiments }: Identification,
  terminal: Terminal,
): string[] {
  const known = probeExperiments(results.arch, os);
  const about = new Map(known.map(({ name, about: text }) => [name, text]));
  return renderTable(
    [
      ['experiment', 'result', 'rules out', 'what was tried'].map((text) => ({ text })),
      ...experiments.map(({ experiment, measured, excluded }) =>
        [experiment, measured, String(excluded), about.get(experiment) ?? ''].map((text) => ({
          text,
        })),
      ),
    ],
    { ...terminal, width: Number.POSITIVE_INFINITY },
  ).map((line) => `  ${line}`);
}
