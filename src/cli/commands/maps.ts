/** `mayexec maps`: the address space of a program when it has ended, or all the way there. */
import { type Outcome, type Sandbox, timelineOf } from '../../index.js';
import { type Command, type Given, UsageError } from '../arguments.js';
import {
  givenProgram,
  openProgram,
  PROGRAM_DETAILS,
  PROGRAM_OPTIONS,
  startProgram,
} from '../program/open.js';
import { endingText } from '../report/ending.js';
import { toJson } from '../report/json.js';
import { timelineLines } from '../report/timeline-table.js';
import { stdout } from '../terminal/output.js';
import { terminalOf } from '../terminal/terminal.js';

export const maps: Command = {
  name: 'maps',
  summary: 'run a program and print its address space, at the end or over time',
  usage: 'PROGRAM [OPTIONS] [-- ARGUMENTS...]',
  options: [
    ...PROGRAM_OPTIONS,
    {
      name: 'over-time',
      help: 'draw which pages had which rights after each call that changed some',
    },
    { name: 'json', help: 'print one JSON object instead' },
  ],
  details: [
    ...PROGRAM_DETAILS,
    '',
    'What the program prints is not shown. Without --over-time the map is that of /proc/self/maps when the',
    'program has ended; of a kernel it is the listing of its page tables. With --over-time a column is a call',
    'that changed the map, or was refused a change; below stands which call it was, where it was made, and',
    'which rule of the policy spoke.',
  ].join('\n'),
  examples: [
    'mayexec maps asm/x86-64/jit-mmap-mprotect.s',
    'mayexec maps asm/x86-64/jit-mmap-mprotect.s --over-time --policy selinux',
  ],
  run: runMaps,
};

async function runMaps(given: Given): Promise<number> {
  const program = await givenProgram('maps', given);
  using sandbox = await openProgram(program);
  if (given.switches.has('over-time') && sandbox.os === 'kernel') {
    throw new UsageError('--over-time follows the calls of a program, and a kernel makes none');
  }
  const outcome = startProgram(sandbox, program);
  if (given.switches.has('json')) stdout.lines([toJson(record(program.path, sandbox, outcome))]);
  else if (given.switches.has('over-time')) {
    const lines = timelineLines(sandbox, terminalOf(stdout.stream));
    stdout.lines([...lines, '', `(${endingText(outcome)})`]);
  } else {
    stdout.print(`${sandbox.procMaps()}(${endingText(outcome)})\n`);
  }
  return 0;
}

function record(program: string, sandbox: Sandbox, outcome: Outcome): object {
  const { steps, rows } = timelineOf(sandbox.trace);
  const calls = steps.map(({ cause, call, rule = null, reason = null }) => ({
    cause,
    call: call === undefined ? null : { name: call.name, args: call.args, shown: call.shown },
    value: call?.value ?? null,
    errno: call?.type === 'syscall' ? (call.errno ?? null) : null,
    error: call?.type === 'api' ? (call.error ?? call.status ?? null) : null,
    pc: call?.pc ?? null,
    rule,
    reason,
  }));
  const { arch, policy } = sandbox;
  return { program, arch, policy, outcome, maps: sandbox.maps(), steps: calls, rows };
}
