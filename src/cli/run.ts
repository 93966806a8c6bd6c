/** `mayexec run`: one program, its output passed through, and what ended it. */
import { isatty } from 'node:tty';
import { type Arch, type EngineChoice, type Outcome, Sandbox, unknownValue } from '../index.js';
import { type Command, type Given, integerOf, sizeOf, UsageError } from './arguments.js';
import { runRecord, toJson } from './json.js';
import { LiveTrace } from './live-trace.js';
import { type LoadedProgram, loadProgram } from './program.js';
import { faultReport } from './report.js';
import { readAll } from './standard-input.js';
import { exitStatus } from './status.js';
import { terminalOf } from './terminal.js';

export const run: Command = {
  name: 'run',
  summary: 'run a program under a policy',
  usage: 'PROGRAM [OPTIONS] [-- ARGUMENTS...]',
  options: [
    { name: 'arch', value: 'ARCH', help: 'x86-64 or i386; default: what PROGRAM is for' },
    { name: 'os', value: 'OS', help: 'linux (the default)' },
    { name: 'policy', value: 'SPEC', help: 'default nx; see mayexec policies' },
    { name: 'program', value: 'NAME', help: 'which program of a scenario; default: its first' },
    {
      name: 'layout',
      value: 'NAME',
      help: 'a named address-space layout; default: fits arch and os',
    },
    { name: 'seed', value: 'N', help: 'what every random choice derives from; default 1' },
    {
      name: 'engine',
      value: 'NAME',
      help: 'auto (the default), unicorn1, unicorn1-js or unicorn2',
    },
    { name: 'limit-blocks', value: 'N', help: 'stop after N blocks of code; default 10000000' },
    { name: 'limit-memory', value: 'BYTES', help: 'memory of the guest at most; default 64 MiB' },
    { name: 'trace', help: 'print system calls and signals to stderr, as strace does' },
    { name: 'json', help: 'print one JSON object instead of the output of the program' },
  ],
  details: [
    'PROGRAM is assembly (.s, .asm), raw code (.bin, .hex) or a static ELF file. Assembly is in Intel',
    'syntax, for the CPU that a comment line `#@ arch i386` names (`;@` in .asm), else a word of its path',
    '(asm/i386/x.s), else x86-64; it includes files of its own folder and of asm/. Raw code is called as',
    'a function, from memory that may be read and executed. A scenario (.md) brings its seed, layout and',
    'marks along, and SPEC may be the name of one of its runs.',
    '',
    "Exit status: the program's own; 128 + N when signal N killed it; 2 for a wrong command line or an",
    'unreadable PROGRAM; 3 when a limit ended the run.',
  ].join('\n'),
  examples: [
    'mayexec run asm/x86-64/jit-malloc.s --policy nx',
    'mayexec run prog.elf --policy restricted-wx --trace -- one two',
    'mayexec run code.hex --arch i386 --json',
    'mayexec run scenarios/selinux/skirmish-with-selinux.md --program memalign --policy selinux --trace',
  ],
  run: runProgram,
};

async function runProgram(given: Given): Promise<number> {
  const path = programPath(given);
  const json = given.switches.has('json');
  const program = await loadProgram(path, archOf(given), given.values.get('program'));
  const trace = given.switches.has('trace') ? new LiveTrace(process.stderr) : undefined;
  using sandbox = await open(given, program, path, (fd, bytes) => {
    trace?.catchUp();
    if (!json) (fd === 1 ? process.stdout : process.stderr).write(bytes);
  });
  trace?.follow(sandbox);
  if (json) sandbox.countInstructions(true);
  const outcome = start(sandbox, program);
  trace?.catchUp();
  if (json) process.stdout.write(`${toJson(runRecord(path, sandbox, outcome))}\n`);
  else await tell(sandbox, outcome);
  return exitStatus(outcome);
}

function programPath({ positionals }: Given): string {
  const [path, extra] = positionals;
  if (path === undefined) throw new UsageError('run: no program given (see mayexec run --help)');
  if (extra !== undefined) {
    throw new UsageError(`run: unexpected argument '${extra}': those for the program follow --`);
  }
  return path;
}

const ARCHES: readonly Arch[] = ['x86-64', 'i386'];

function archOf({ values }: Given): Arch | undefined {
  const name = values.get('arch');
  const arch = ARCHES.find((known) => known === name);
  if (name !== undefined && arch === undefined) throw unknownValue('arch', name, ARCHES);
  return arch;
}

function open(
  given: Given,
  program: LoadedProgram,
  path: string,
  onOutput: (fd: 1 | 2, bytes: Uint8Array) => void,
): Promise<Sandbox> {
  const { values, rest } = given;
  const { settings, policies } = program.lesson ?? {};
  const policy = values.get('policy') ?? '';
  const name = `/${program.name}`;
  const argv =
    settings === undefined
      ? [path, ...rest]
      : [name, ...(rest.length > 0 ? rest : settings.arguments)];
  // Names that only the library knows are judged there, with the nearest right spelling.
  return Sandbox.create({
    arch: program.arch,
    os: values.get('os') as 'linux' | undefined,
    policy: policies?.get(policy) ?? values.get('policy'),
    layout: values.get('layout') ?? settings?.layout,
    seed: integerOf(given, 'seed') ?? settings?.seed,
    engine: values.get('engine') as EngineChoice | undefined,
    limits: {
      blocks: integerOf(given, 'limit-blocks') ?? settings?.blocks,
      memory: sizeOf(given, 'limit-memory'),
    },
    mounts: settings?.mounts,
    protectionKeys: settings?.protectionKeys,
    program: { bytes: program.elf, path: name, argv, xattrs: settings?.xattrs ?? {} },
    stdin: settings?.stdin === undefined ? ownInput() : new TextEncoder().encode(settings.stdin),
    onOutput,
  });
}

/** A person at the keyboard is not asked for input that the program may never read. */
function ownInput(): (() => Uint8Array) | undefined {
  return isatty(0) ? undefined : () => readAll(0);
}

function start(sandbox: Sandbox, { entry }: LoadedProgram): Outcome {
  return entry === undefined ? sandbox.run() : sandbox.call(sandbox.symbols.get(entry)!);
}

/** What a person wants to know of an end that is no plain exit. */
async function tell(sandbox: Sandbox, outcome: Outcome): Promise<void> {
  const { stderr } = process;
  switch (outcome.kind) {
    case 'signal':
      stderr.write(`${(await faultReport(sandbox, outcome, terminalOf(stderr))).join('\n')}\n`);
      break;
    case 'return':
      stderr.write(
        `mayexec: returned ${outcome.value} (0x${BigInt.asUintN(64, outcome.value).toString(16)})\n`,
      );
      break;
    case 'limit':
      stderr.write(
        `mayexec: stopped at the limit of ${outcome.limit}: --limit-${outcome.limit} sets it\n`,
      );
      break;
    default:
  }
}
