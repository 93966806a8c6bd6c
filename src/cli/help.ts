/** The pages that --help prints, made of the same records that the parser reads. */
import type { Command, OptionSpec } from './arguments.js';

const HELP: OptionSpec = { name: 'help', short: 'h', help: 'print this page' };

export function overview(commands: readonly Command[]): string {
  const rows = commands.map(({ name, summary }) => [name, summary] as const);
  return [
    'mayexec - may this code execute?',
    '',
    'Runs real x86 machine code in a sandbox, under the memory-protection policy of your choice.',
    '',
    'Usage: mayexec COMMAND [OPTIONS]',
    '',
    'Commands:',
    ...columns(rows),
    '',
    'Options:',
    ...columns([
      ['--help, -h', 'print this page, or that of a command: mayexec run --help, mayexec help run'],
      ['--version, -v', 'print the version, and which engine would run and why'],
    ]),
    '',
    'Examples:',
    ...commands.flatMap(({ examples }) => examples.slice(0, 1).map((example) => `  ${example}`)),
    '',
  ].join('\n');
}

export function page(command: Command): string {
  const { name, usage, summary, details, examples } = command;
  const options = [...command.options, HELP].map(
    (option) => [optionText(option), option.help] as const,
  );
  return [
    `Usage: mayexec ${name} ${usage}`.trimEnd(),
    '',
    summary,
    '',
    'Options:',
    ...columns(options),
    '',
    ...(details === '' ? [] : [details, '']),
    examples.length > 1 ? 'Examples:' : 'Example:',
    ...examples.map((example) => `  ${example}`),
    '',
  ].join('\n');
}

function optionText({ name, short, value, inline }: OptionSpec): string {
  if (short !== undefined) return `-${short}, --${name} ${value ?? ''}`.trimEnd();
  if (inline !== undefined) return `--${name}[=${inline}]`;
  return value === undefined ? `--${name}` : `--${name} ${value}`;
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
