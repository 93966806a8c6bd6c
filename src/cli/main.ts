#!/usr/bin/env node
/** The command: finds the sub-command, runs it, and turns a user's mistake into one line. */
import { readFileSync } from 'node:fs';
import { MayexecError, openEngineInfo, unknownValue } from '../index.js';
import { type Command, parseArguments, UsageError } from './arguments.js';
import { demo } from './demo.js';
import { overview, page } from './help.js';
import { identify } from './identify.js';
import { maps } from './maps.js';
import { matrix } from './matrix.js';
import { policies } from './policies.js';
import { probe } from './probe.js';
import { run } from './run.js';
import { USAGE } from './status.js';
import { test } from './test.js';

const COMMANDS: readonly Command[] = [run, maps, test, matrix, policies, probe, identify, demo];
const NAMES = COMMANDS.map(({ name }) => name);

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    throw new UsageError(
      `no command given: expected one of ${NAMES.join(', ')} (see mayexec --help)`,
    );
  }
  if (name === '--help' || name === '-h') return print(overview(COMMANDS));
  if (name === '--version') return print(await version());
  const command = COMMANDS.find((known) => known.name === name);
  if (command === undefined) {
    const known = name.startsWith('-') ? ['--help', '--version'] : NAMES;
    throw unknownValue(name.startsWith('-') ? 'option' : 'command', name, known);
  }
  if (asksForHelp(rest)) return print(page(command));
  return command.run(parseArguments(command.options, rest));
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
  process.stdout.write(text);
  return 0;
}

// A reader that went away (`| head`) wants no more output, and no complaint either.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError || error instanceof MayexecError)) throw error;
  process.stderr.write(`mayexec: ${error.message}\n`);
  process.exitCode = USAGE;
}
