/** `mayexec syscalls [PROGRAM]`: which system calls there are and how much of each, or those that a program makes. */
import { type Sandbox, type SyscallSupport, syscallSupport } from '../../index.js';
import { type Command, type Given, UsageError } from '../arguments.js';
import {
  archOf,
  givenProgram,
  openProgram,
  PROGRAM_DETAILS,
  PROGRAM_OPTIONS,
  startProgram,
} from '../program/open.js';
import { endingText } from '../report/ending.js';
import { toJson } from '../report/json.js';
import { stdout } from '../terminal/output.js';
import { type Cell, renderTable } from '../terminal/table.js';
import { terminalOf } from '../terminal/terminal.js';

export const syscalls: Command = {
  name: 'syscalls',
  summary: 'list the system calls and how much of each there is, or those that a program makes',
  usage: '[PROGRAM] [OPTIONS] [-- ARGUMENTS...]',
  options: [...PROGRAM_OPTIONS, { name: 'json', help: 'print one JSON object instead' }],
  details: [
    'Without PROGRAM all system calls of Linux for --arch (default x86-64) are listed: full, partial with what is not',
    'as on a real kernel, or none, which answers ENOSYS. With PROGRAM it is run, and what it called is counted.',
    '',
    ...PROGRAM_DETAILS,
  ].join('\n'),
  examples: [
    'mayexec syscalls',
    'mayexec syscalls /usr/bin/ls',
    'mayexec syscalls prog.elf --json',
  ],
  run: runSyscalls,
};

interface MadeCall extends Omit<SyscallSupport, 'number'> {
  readonly number: number | null;
  readonly count: number;
  readonly failed: number;
}

async function runSyscalls(given: Given): Promise<number> {
  const json = given.switches.has('json');
  if (given.positionals.length === 0) {
    const os = given.values.get('os') ?? 'linux';
    if (os !== 'linux') {
      throw new UsageError(`--os is '${os}': without a PROGRAM the calls of Linux are listed`);
    }
    const arch = archOf(given) ?? 'x86-64';
    const rows = syscallSupport(arch);
    if (json) stdout.lines([toJson({ arch, syscalls: rows })]);
    else stdout.lines(allLines(rows));
    return 0;
  }
  const program = await givenProgram('syscalls', given);
  using sandbox = await openProgram(program);
  const outcome = startProgram(sandbox, program);
  const calls = callsOf(sandbox);
  if (json) {
    stdout.lines([toJson({ program: program.path, arch: sandbox.arch, outcome, syscalls: calls })]);
  } else stdout.lines([...madeLines(calls), '', `(${endingText(outcome)})`]);
  return 0;
}

/** Those that are not there first: what a program may miss; then by how often they were made. */
function callsOf({ arch, trace }: Sandbox): MadeCall[] {
  const known = new Map(syscallSupport(arch).map((row) => [row.name, row]));
  const made = new Map<string, { count: number; failed: number }>();
  for (const event of trace) {
    if (event.type !== 'syscall') continue;
    const before = made.get(event.name) ?? { count: 0, failed: 0 };
    const failed = before.failed + (event.errno === undefined ? 0 : 1);
    made.set(event.name, { count: before.count + 1, failed });
  }
  const order = ['none', 'partial', 'full'];
  return [...made]
    .map(([name, counts]) => {
      const row = known.get(name);
      const { number = null, support = 'none' as const, note } = row ?? {};
      return { number, name, support, ...counts, ...(note === undefined ? {} : { note }) };
    })
    .sort(
      (one, other) =>
        order.indexOf(one.support) - order.indexOf(other.support) ||
        other.count - one.count ||
        one.name.localeCompare(other.name),
    );
}

const supportCell = (support: SyscallSupport['support']): Cell =>
  support === 'none' ? { text: support, colour: 'red' } : { text: support };

function allLines(rows: readonly SyscallSupport[]): string[] {
  const table = rows.map(({ number, name, support, note = '' }) => [
    { text: String(number) },
    { text: name },
    supportCell(support),
    { text: note },
  ]);
  return linesOf([['number', 'call', 'there is', ''], table]);
}

function madeLines(calls: readonly MadeCall[]): string[] {
  const table = calls.map(({ name, count, failed, support, note = '' }) => [
    { text: name },
    { text: String(count) },
    { text: failed === 0 ? '' : String(failed) },
    supportCell(support),
    { text: note },
  ]);
  return linesOf([['call', 'times', 'failed', 'there is', ''], table]);
}

/** Notes are sentences: the table is as wide as it has to be. */
function linesOf([header, rows]: readonly [readonly string[], readonly Cell[][]]): string[] {
  const terminal = { ...terminalOf(stdout.stream), width: Number.POSITIVE_INFINITY };
  return renderTable([header.map((text) => ({ text })), ...rows], terminal).map((line) =>
    line.trimEnd(),
  );
}
