/** The command line: which options a command takes, and what was given, checked. */
import { parseArgs } from 'node:util';
import { unknownValue } from '../index.js';

export interface OptionSpec {
  readonly name: string;
  /** What help calls the value; a switch has none. */
  readonly value?: string;
  /** One letter: `-I DIR` is `--include DIR`. */
  readonly short?: string;
  /** A switch that may have a value behind `=`, and how help calls that one. */
  readonly inline?: string;
  /** Given several times, the values are joined by this; without it the second one is refused. */
  readonly join?: string;
  /** What to write instead of giving it twice, for the message. */
  readonly once?: string;
  readonly help: string;
}

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What follows the command's name. */
  readonly usage: string;
  readonly options: readonly OptionSpec[];
  /** Paragraphs below the options. */
  readonly details: string;
  readonly examples: readonly string[];
  /** Gives the exit status. */
  run(given: Given): Promise<number>;
}

/** What was given to a command. */
export interface Given {
  readonly positionals: readonly string[];
  /** What follows `--`; undefined without one. */
  readonly rest: readonly string[];
  readonly values: ReadonlyMap<string, string>;
  readonly switches: ReadonlySet<string>;
}

/** A wrong command line or an input that cannot be read: one line for people, exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** Lines below it: all that is wrong with a file. */
  readonly details: readonly string[];

  constructor(message: string, details: readonly string[] = []) {
    super(message);
    this.details = details;
  }
}

/** Sorts arguments by `options`. @throws UsageError that names the argument and the nearest option. */
export function parseArguments(options: readonly OptionSpec[], args: readonly string[]): Given {
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      options.map(({ name, value, short }) => {
        const type = value === undefined ? 'boolean' : 'string';
        return [name, short === undefined ? { type } : { type, short }] as const;
      }),
    ),
    strict: false,
    tokens: true,
  });
  const given = {
    positionals: [] as string[],
    rest: [] as string[],
    values: new Map<string, string>(),
    switches: new Set<string>(),
  };
  const end = tokens.find((token) => token.kind === 'option-terminator')?.index ?? args.length;
  for (const token of tokens) {
    if (token.kind === 'positional') {
      (token.index > end ? given.rest : given.positionals).push(token.value);
    } else if (token.kind === 'option') {
      const spec = options.find(({ name }) => name === token.name);
      if (spec === undefined) throw unknownOption(token.rawName, options);
      if (spec.value === undefined) addSwitch(given, spec, token);
      else addValue(given.values, spec, textOf(spec, token));
    }
  }
  return given;
}

interface OptionToken {
  readonly name: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

interface OpenGiven {
  readonly values: Map<string, string>;
  readonly switches: Set<string>;
}

function addSwitch(given: OpenGiven, spec: OptionSpec, { name, value }: OptionToken): void {
  if (value !== undefined) {
    if (spec.inline === undefined)
      throw new UsageError(`--${name} takes no value, but '${value}' is given`);
    if (value === '') throw new UsageError(`--${name}= needs a value: --${name}=${spec.inline}`);
    addValue(given.values, spec, value);
  }
  given.switches.add(name);
}

function addValue(
  values: Map<string, string>,
  { name, join, once }: OptionSpec,
  value: string,
): void {
  const before = values.get(name);
  if (before !== undefined && join === undefined) {
    throw new UsageError(`--${name} is given twice${once === undefined ? '' : `; ${once}`}`);
  }
  values.set(name, before === undefined ? value : before + join + value);
}

function textOf({ name, value: what }: OptionSpec, { value, inlineValue }: OptionToken): string {
  // `--policy --trace` is a forgotten value, not a policy called --trace; `--policy=--x` is meant.
  if (value === undefined || value === '' || (!inlineValue && value.startsWith('--'))) {
    throw new UsageError(`--${name} needs a value: --${name} ${what}`);
  }
  return value;
}

function unknownOption(rawName: string, options: readonly OptionSpec[]): UsageError {
  const known = [...options.map(({ name }) => `--${name}`), '--help'];
  return new UsageError(unknownValue('option', rawName, known).message);
}

const INTEGER = /^(\d+|0x[0-9a-f]+)$/i;

/** An option's integer, in decimal or hexadecimal; the library judges its range. */
export function integerOf({ values }: Given, name: string): number | undefined {
  const text = values.get(name);
  if (text === undefined) return undefined;
  if (!INTEGER.test(text)) {
    throw new UsageError(`--${name} is '${text}': expected an integer, such as 1000 or 0x3e8`);
  }
  return Number(text);
}

const UNITS: Readonly<Record<string, number>> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** An option's number of bytes: an integer, or one with K, M or G. */
export function sizeOf(given: Given, name: string): number | undefined {
  const text = given.values.get(name);
  if (text === undefined) return undefined;
  const [, digits, unit] = /^(\d+)([kmg])$/i.exec(text) ?? [];
  if (digits !== undefined && unit !== undefined) {
    return Number(digits) * UNITS[unit.toLowerCase()]!;
  }
  if (INTEGER.test(text)) return Number(text);
  throw new UsageError(`--${name} is '${text}': expected bytes, such as 65536, 64K, 16M or 1G`);
}
