#!/usr/bin/env node
/** The command: finds the sub-command, runs it, and turns a user's mistake into one line. */
import { readFileSync } from 'node:fs';
import {
  AssemblyError,
  MayexecError,
  openEngineInfo,
  ScenarioError,
  unknownValue,
  visible,
} from '../index.js';
import { type Command, parseArguments, UsageError } from './arguments.js';
import { demo } from './commands/demo.js';
import { identify } from './commands/identify.js';
import { maps } from './commands/maps.js';
import { matrix } from './commands/matrix.js';
import { open } from './commands/open.js';
import { policies } from './commands/policies.js';
import { probe } from './commands/probe.js';
import { run } from './commands/run.js';
import { syscalls } from './commands/syscalls.js';
import { test } from './commands/test.js';
import { workshop } from './commands/workshop.js';
import { overview, page } from './help.js';
import { prepareForShortRuns } from './host/short-runs.js';
import { runWithin } from './host/timeout.js';
import { USAGE } from './status.js';
import { stderr, stdout } from './terminal/output.js';

const COMMANDS: readonly Command[] = [
  run,
  maps,
  test,
  matrix,
  policies,
  probe,
  identify,
  syscalls,
  workshop,
  open,
  demo,
];
const NAMES = COMMANDS.map(({ name }) => name);

const HELP = ['help', '--help', '-h'];
const VERSION = ['--version', '-v'];

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    throw new UsageError(
      `no command given: expected one of ${NAMES.join(', ')} (see mayexec --help)`,
    );
  }
  if (HELP.includes(name)) return print(helpOf(rest));
  if (VERSION.includes(name)) return print(await version());
  const command = commandOf(name);
  if (asksForHelp(rest)) return print(page(command));
  const given = parseArguments(command.options, rest);
  prepareForShortRuns();
  return runWithin(given, () => command.run(given));
}

function helpOf([name]: readonly string[]): string {
  return name === undefined || name.startsWith('-') ? overview(COMMANDS) : page(commandOf(name));
}

function commandOf(name: string): Command {
  const command = COMMANDS.find((known) => known.name === name);
  if (command !== undefined) return command;
  const option = name.startsWith('-');
  const known = option ? ['--help', '-h', '--version', '-v'] : [...NAMES, 'help'];
  throw unknownValue(option ? 'option' : 'command', name, known);
}

/** Before anything else is judged: `mayexec run --help` needs no program. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const own = end === -1 ? args : args.slice(0, end);
  return own.includes('--help') || own.includes('-h');
}

async function version(): Promise<string> {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const { name, form, why } = await openEngineInfo();
  return `mayexec ${(manifest as { version: string }).version}\nengine ${name} (${form}): ${why}\n`;
}

function print(text: string): number {
  stdout.print(text);
  return 0;
}

/** A source or a scenario is refused with all that is wrong with it, a line each. */
function complaint(error: UsageError | MayexecError): string[] {
  const { message } = error;
  if (error instanceof UsageError) return [message, ...error.details].map((line) => visible(line));
  const lists = error instanceof AssemblyError || error instanceof ScenarioError;
  return lists ? message.split('\n') : [visible(message)];
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError || error instanceof MayexecError)) throw error;
  process.exitCode = USAGE;
  const [first = '', ...more] = complaint(error);
  try {
    stderr.lines([`mayexec: ${first}`, ...more]);
  } catch {
    // Standard error takes nothing either: the exit status says it.
  }
}
