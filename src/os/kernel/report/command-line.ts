/**
 * The words of the kernel's command line that decide something here (Linux Documentation/admin-guide/kernel-parameters.txt),
 * and what a kernel says of those that it does not know (init/main.c, kernel/params.c; 6.1 to 7.3 alike).
 */
import { checkText, wrongArgument } from '../../../base/arguments.js';
import { unknownValue } from '../../../base/errors.js';

export interface CommandLine {
  readonly rodataOff: boolean;
  /** oops=panic. */
  readonly panicOnOops: boolean;
  readonly panicOnWarn: boolean;
  /** panic=: seconds until the machine starts again; 0: never, negative: at once. */
  readonly panicTimeout: number;
  /** clearcpuid=: features by name that the processor is not to have. */
  readonly withoutFeatures: readonly string[];
  /** pti=on: user pages are not executable by the kernel's own tables, and freed init memory is not mapped. */
  readonly pti: boolean;
  /** preempt=full. */
  readonly preemptFull: boolean;
  /** What it logs of the words that are wrong. */
  readonly log: readonly string[];
}

type Word = readonly [name: string, value: string | undefined];

const NUMBER = /^[-+]?\d+$/;
/** By parameter the values that act: of a set, several with commas between, or a whole number. */
const PARAMETERS: Readonly<Record<string, readonly string[] | 'number'>> = {
  rodata: ['on', 'off'],
  oops: ['panic'],
  panic: 'number',
  panic_on_warn: 'number',
  clearcpuid: ['nx', 'smep', 'smap'],
  pti: ['on', 'off', 'auto'],
  preempt: ['none', 'voluntary', 'full', 'lazy'],
};

export function parseCommandLine(text: string): CommandLine {
  const all = wordsOf(text);
  const words = new Map(all);
  const timeout = Number(words.get('panic') ?? 0);
  return {
    rodataOff: words.get('rodata') === 'off',
    panicOnOops: words.get('oops') === 'panic',
    panicOnWarn: words.has('panic_on_warn') && words.get('panic_on_warn') !== '0',
    panicTimeout: Number.isInteger(timeout) ? timeout : 0,
    withoutFeatures: (words.get('clearcpuid') ?? '').split(',').filter((each) => each !== ''),
    pti: words.get('pti') === 'on',
    preemptFull: words.get('preempt') === 'full',
    log: logOf(all),
  };
}

/** For whoever wrote the command line: each word of it that does nothing here, with the nearest that does. */
export function commandLineNotes(text: string): string[] {
  checkText('the command line', text);
  return wordsOf(text).flatMap(([name, value]) => {
    const known = parameter(name);
    if (known === undefined) {
      return isOfModule(name)
        ? []
        : [unknownValue('kernel parameter', name, Object.keys(PARAMETERS)).message];
    }
    if (value === undefined && name === 'panic_on_warn') return [];
    if (known === 'number') {
      return NUMBER.test(value ?? '')
        ? []
        : [wrongArgument(`the kernel parameter ${name}=`, value ?? '', 'a whole number').message];
    }
    const parts = name === 'clearcpuid' ? (value ?? '').split(',') : [value ?? ''];
    return parts
      .filter((part) => !known.includes(part))
      .map((part) => unknownValue(`value of ${name}=`, part, known).message);
  });
}

function logOf(words: readonly Word[]): string[] {
  const malformed = words.some(
    ([name, value]) => name === 'rodata' && value !== 'on' && value !== 'off',
  );
  const invalid = words.flatMap(([name, value]) =>
    ['panic', 'panic_on_warn'].includes(name) && value !== undefined && !NUMBER.test(value)
      ? [`Booting kernel: \`${value}' invalid for parameter \`${name}'`]
      : [],
  );
  const unknown = words.filter(([name]) => parameter(name) === undefined && !isOfModule(name));
  // Those of init's argv come before those of its environment.
  const bare = unknown.filter(([, value]) => value === undefined).map(([name]) => name);
  const set = unknown.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  return [
    ...(malformed ? ["Malformed early option 'rodata'"] : []),
    ...(unknown.length > 0
      ? [
          `Unknown kernel command line parameters "${[...bare, ...set].join(' ')}", will be passed to user space.`,
        ]
      : []),
    ...invalid,
  ];
}

/** Up to `--`: what follows is for init. In a name - is the same as _, as in parameq. */
function wordsOf(text: string): Word[] {
  const all = text.split(/\s+/).filter((each) => each !== '');
  const end = all.indexOf('--');
  return all.slice(0, end < 0 ? all.length : end).map((each) => {
    const at = each.indexOf('=');
    const name = at < 0 ? each : each.slice(0, at);
    const own = name.replaceAll('-', '_');
    const known = parameter(own) === undefined ? name : own;
    return [known, at < 0 ? undefined : each.slice(at + 1)] as const;
  });
}

function parameter(name: string): (typeof PARAMETERS)[string] | undefined {
  return Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined;
}

/** `module.parameter`: nobody knows before the module is there. */
function isOfModule(name: string): boolean {
  return name.includes('.');
}
