/** PROGRAM in a sandbox, as the options that `run` and `maps` share say. */
import { statSync } from 'node:fs';
import { isatty } from 'node:tty';
import {
  type Arch,
  type EngineChoice,
  exemptionList,
  MayexecError,
  type Outcome,
  type OwnPolicies,
  ownPoliciesOf,
  ProgramError,
  Sandbox,
  type SandboxOptions,
  unknownValue,
  withOwnPolicies,
} from '../../index.js';
import { type Given, integerOf, type OptionSpec, sizeOf, UsageError } from '../arguments.js';
import { depPrompt } from '../host/dep-prompt.js';
import { decode, readInput } from '../host/file.js';
import { INCLUDE_OPTION, includeFolders } from '../host/include.js';
import { readAll } from '../host/standard-input.js';
import { DLL_PATH_DETAILS, DLL_PATH_OPTION, dllFiles } from './dlls.js';
import {
  HOST_FILES_DETAILS,
  HOST_FILES_OPTIONS,
  programFile,
  type SeenHost,
  seenHost,
} from './host-files.js';
import type { LoadedProgram } from './loaded.js';
import {
  loadPolicies,
  POLICY_FILE_DETAILS,
  POLICY_FILE_OPTION,
  policyFilesOf,
} from './policy-file.js';
import { loadProgram, STANDARD_INPUT } from './program.js';

export const PROGRAM_OPTIONS: readonly OptionSpec[] = [
  { name: 'arch', value: 'ARCH', help: 'x86-64 or i386; default: what PROGRAM is for' },
  {
    name: 'kernel-version',
    value: 'VERSION',
    help: 'the kernel whose form oopses have (--os kernel, --kernel): 6.1, 6.12 or 7.3; default 7.3',
  },
  {
    name: 'kernel',
    value: 'FILE',
    help: 'a kernel to run beside a Linux program, whose hooks and policy each check reads',
  },
  {
    name: 'append',
    value: 'WORDS',
    help: 'the command line of that kernel',
  },
  { name: 'os', value: 'OS', help: 'linux, windows, wine or kernel; default: what PROGRAM is for' },
  {
    name: 'policy',
    value: 'SPEC',
    once: 'several policies apply as wx+mdwe',
    help: 'default nx; see mayexec policies',
  },
  { name: 'program', value: 'NAME', help: 'which program of a scenario; default: its first' },
  {
    name: 'layout',
    value: 'NAME',
    help: 'a named address-space layout; default: fits arch and os',
  },
  {
    name: 'cpu',
    value: 'CPU',
    help: 'x86-64, x86-64-v2 or x86-64-v3, with flags: x86-64-v2,+bmi2; default: v2 and some',
  },
  { name: 'seed', value: 'N', help: 'what every random choice derives from; default 1' },
  {
    name: 'schedule',
    value: 'ORDER',
    help: 'of threads: round-robin (the default), seed, or a number: another order for each',
  },
  {
    name: 'engine',
    value: 'NAME',
    help: 'auto (the default), unicorn1, unicorn1-js or unicorn2',
  },
  {
    name: 'limit-blocks',
    value: 'N',
    help: 'stop after N blocks of code, or as much work; default 100000000',
  },
  {
    name: 'limit-memory',
    value: 'BYTES',
    help: 'memory of the guest at most (64M, 2G); default 64M',
  },
  {
    name: 'sysctl',
    value: 'NAME=VALUE',
    join: '+',
    help: 'a kernel setting, as vm.overcommit_memory=2; may be repeated',
  },
  {
    name: 'inject',
    value: 'SPEC',
    join: '+',
    help: 'fail calls as strace does: mmap:error=ENOMEM:when=2; may be repeated',
  },
  {
    name: 'stdin',
    value: 'FILE',
    help: "the program's standard input; default: that of mayexec, which a program from - has used up",
  },
  ...HOST_FILES_OPTIONS,
  DLL_PATH_OPTION,
  {
    name: 'dep-exempt',
    value: 'FILE',
    help: 'programs that are exempt from DEP (nx=OptOut), a name on each line',
  },
  {
    name: 'dep-prompt',
    value: 'ANSWER',
    help: 'what the user says when DEP stops a program: allow or close; default: asks at a terminal',
  },
  INCLUDE_OPTION,
  POLICY_FILE_OPTION,
  {
    name: 'timeout',
    value: 'SECONDS',
    help: 'end the command after SECONDS of real time, with status 3; not deterministic',
  },
];

/** Paragraphs for help: of PROGRAM and of options that need more than a line. */
export const PROGRAM_DETAILS: readonly string[] = [
  'PROGRAM is assembly (.s, .asm), raw code (.bin, .hex), an ELF or a PE file, or - for one of these from',
  'standard input. Assembly is in Intel syntax, for the CPU that a comment line `#@ arch i386` names (`;@` in',
  '.asm), else a word of its path (asm/i386/x.s), else x86-64. It includes files of its own folder, of asm/ of',
  'this package and of the folders that -I names, and no others. Raw code is called as a function, from memory',
  'that may be read and executed. A scenario (.md) brings its seed, layout and marks along, and SPEC may be the',
  'name of one of its runs.',
  '',
  'A kernel (--os kernel, or assembly that includes lib/kernel.inc) runs at privilege level 0. What follows -- is its',
  'command line: rodata=off, oops=panic, panic=SECONDS, panic_on_warn, clearcpuid=nx,smep,smap, pti=on,',
  'preempt=full. Its log is printed when the run is over.',
  '',
  '--kernel FILE runs such a kernel beside PROGRAM: up to its hlt, before PROGRAM begins. It must have the hooks of',
  'asm/lib/security.inc; mayexec policies lsm says what they decide, and what /dev/kernel is for.',
  '',
  ...POLICY_FILE_DETAILS,
  '',
  ...HOST_FILES_DETAILS,
  '',
  ...DLL_PATH_DETAILS,
  '',
  '--timeout counts real seconds, so that what a run has done by then differs from host to host;',
  '--limit-blocks counts work, and ends a run at the same place everywhere. With --json nothing is printed then.',
];

/** A program of the command line, ready to be opened any number of times. */
export interface GivenProgram {
  /** As it was given. */
  readonly path: string;
  readonly program: LoadedProgram;
  /** Options that are the same at each opening. */
  readonly options: SandboxOptions;
  /** What it sees of the host. */
  readonly host: SeenHost;
  /** Options as they were typed, for messages. */
  readonly typed: ReadonlyMap<string, string>;
}

/** @throws UsageError for a program that is missing or cannot be read. */
export async function givenProgram(command: string, given: Given): Promise<GivenProgram> {
  const path = programPath(command, given);
  const ownPolicies = await loadPolicies(policyFilesOf(given));
  const file = programFile(given, path);
  const program = await loadProgram(file.file, {
    arch: archOf(given),
    os: given.values.get('os'),
    part: given.values.get('program'),
    folders: includeFolders(given),
    ownPolicies,
  });
  const own = ownPoliciesOf(ownPolicies);
  const host = seenHost(given, file, program.elf);
  const kernel = await kernelBeside(given, program);
  const options = optionsOf(given, program, path, { own, host, kernel });
  return { path, program, options, host, typed: given.values };
}

/** `--kernel`, else that of a scenario; its words those of `--append`, else of the scenario's run. */
async function kernelBeside(
  given: Given,
  { lesson }: LoadedProgram,
): Promise<SandboxOptions['kernel']> {
  const { values } = given;
  const file = values.get('kernel');
  const said = lesson?.runs.get(values.get('policy') ?? '')?.append;
  if (file === undefined && lesson?.kernel === undefined) {
    if (values.has('append')) {
      throw new UsageError('--append is the command line of a kernel that --kernel names');
    }
    return undefined;
  }
  const bytes =
    file === undefined
      ? lesson?.kernel
      : (
          await loadProgram(file, {
            arch: 'x86-64',
            os: 'kernel',
            folders: includeFolders(given),
          })
        ).elf;
  const words = wordsOf(values.get('append') ?? said);
  const path = file ?? lesson?.settings.kernel ?? 'kernel';
  return bytes && { program: { bytes, path, argv: [path, ...words] } };
}

function wordsOf(text = ''): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

function programPath(command: string, { positionals }: Given): string {
  const [path, extra] = positionals;
  if (path === undefined) {
    throw new UsageError(`${command}: no program given (see mayexec ${command} --help)`);
  }
  if (extra !== undefined) {
    throw new UsageError(
      `${command}: unexpected argument '${extra}': those for the program follow --`,
    );
  }
  return path;
}

const ARCHES: readonly Arch[] = ['x86-64', 'i386'];

export function archOf({ values }: Given): Arch | undefined {
  const name = values.get('arch');
  const arch = ARCHES.find((known) => known === name);
  if (name !== undefined && arch === undefined) throw unknownValue('arch', name, ARCHES);
  return arch;
}

function optionsOf(
  given: Given,
  program: LoadedProgram,
  path: string,
  {
    own,
    host,
    kernel,
  }: {
    readonly own: OwnPolicies;
    readonly host: SeenHost;
    readonly kernel: SandboxOptions['kernel'];
  },
): SandboxOptions {
  const { values, rest } = given;
  const { settings, runs } = program.lesson ?? {};
  const run = runs?.get(values.get('policy') ?? '');
  const name = host.place ?? guestPath(program.name, Object.keys(settings?.mounts ?? {}));
  // Of a kernel that is the program itself; of one beside it they are not among its arguments.
  const ownWords = program.lesson?.os === 'kernel' ? wordsOf(run?.append) : [];
  const argv =
    settings === undefined
      ? [path.startsWith('/') ? path : (host.place ?? path), ...rest]
      : [name, ...(rest.length > 0 ? rest : [...settings.arguments, ...ownWords])];
  // Names that only the library knows are judged there, with the nearest right spelling.
  return {
    arch: program.arch,
    os: (values.get('os') ?? program.lesson?.os) as SandboxOptions['os'],
    kernelVersion: values.get('kernel-version') as SandboxOptions['kernelVersion'],
    kernel,
    policy: policyOf(run?.policy ?? values.get('policy'), own),
    layout: values.get('layout') ?? settings?.layout,
    cpu: values.get('cpu') ?? settings?.cpu,
    seed: integerOf(given, 'seed') ?? settings?.seed,
    schedule: scheduleOf(values.get('schedule')) ?? settings?.schedule,
    engine: values.get('engine') as EngineChoice | undefined,
    limits: {
      blocks: integerOf(given, 'limit-blocks') ?? settings?.blocks,
      memory: sizeOf(given, 'limit-memory'),
    },
    files: dllFiles(given, program.elf),
    host: host.files,
    mounts: settings?.mounts,
    protectionKeys: settings?.protectionKeys,
    sysctl: sysctlOf(values.get('sysctl')),
    inject: values.get('inject') ?? run?.inject,
    dep: depOf(values),
    program: {
      bytes: program.elf,
      path: name,
      argv,
      env: host.env,
      ...(host.cwd === undefined ? {} : { cwd: host.cwd }),
      xattrs: settings?.xattrs ?? {},
    },
    stdin: inputOf(values.get('stdin'), path, settings?.stdin),
  };
}

/** A name is judged by the library. */
function scheduleOf(text: string | undefined): SandboxOptions['schedule'] {
  if (text !== undefined && /^\d+$/.test(text)) return Number(text);
  return text as SandboxOptions['schedule'];
}

/** Undefined where nothing is said of DEP and nobody can be asked. */
function depOf(values: Given['values']): SandboxOptions['dep'] {
  const list = values.get('dep-exempt');
  const ask = depPrompt(values.get('dep-prompt'));
  if (list === undefined && ask === undefined) return undefined;
  const exempt = list === undefined ? [] : exemptionList(decode(list, readInput(list)));
  return { exempt, ...(ask === undefined ? {} : { ask }) };
}

/** Directories of the guest's root. */
const DIRECTORIES = ['dev', 'home', 'proc', 'tmp'];

/** Where the guest sees a program of this name: no directory may stand there. */
function guestPath(name: string, mounts: readonly string[]): string {
  const taken = [...DIRECTORIES, ...mounts.map((path) => path.split('/')[1])];
  return /^\.{0,2}$/.test(name) || taken.includes(name) ? `/program-${name}` : `/${name}`;
}

/** Names and ranges are judged by the library. */
function sysctlOf(text: string | undefined): Record<string, number> {
  const given = (text ?? '').split('+').filter((part) => part !== '');
  return Object.fromEntries(
    given.map((part) => {
      const [name = '', value = '', ...rest] = part.split('=');
      if (!/^\d+$/.test(value) || rest.length > 0) {
        throw new UsageError(`--sysctl ${part}: expected NAME=VALUE, as vm.overcommit_memory=2`);
      }
      return [name, Number(value)];
    }),
  );
}

function policyOf(spec: string | undefined, own: OwnPolicies): SandboxOptions['policy'] {
  return spec === undefined ? undefined : withOwnPolicies(spec, own);
}

/**
 * What the program reads: `--stdin`, else what its scenario says, else mayexec's own standard input, read at
 * the first wish for it, once. A person at the keyboard is not asked: the program may never read.
 */
function inputOf(
  file: string | undefined,
  program: string,
  said: string | undefined,
): Uint8Array | (() => Uint8Array) | undefined {
  if (file === STANDARD_INPUT && program === STANDARD_INPUT) {
    throw new UsageError('--stdin -: standard input holds the program already');
  }
  if (file !== undefined && file !== STANDARD_INPUT) return readInput(file);
  if (file === undefined && said !== undefined) return new TextEncoder().encode(said);
  if (program === STANDARD_INPUT || isatty(0)) return undefined;
  let input: Uint8Array | undefined;
  return () => {
    input ??= readAll(0);
    return input;
  };
}

/** @throws UsageError that names the user's own file, when it cannot be started. */
export async function openProgram(
  { path, program, options, typed }: GivenProgram,
  changes: SandboxOptions = {},
): Promise<Sandbox> {
  try {
    return await Sandbox.create({ ...options, ...changes });
  } catch (error) {
    if (error instanceof ProgramError) throw new UsageError(`${path}: ${error.reason}`);
    if (!(error instanceof MayexecError)) throw error;
    const message = `${asTyped(error.message, typed)}${startHint(error.message, typed)}`;
    const runs = [...(program.lesson?.runs.keys() ?? [])].filter((name) => name !== '');
    // A scenario's runs are names of policies too.
    const more =
      message.startsWith('unknown policy') && runs.length > 0
        ? `; the runs of ${path} are ${runs.join(', ')}`
        : '';
    throw new UsageError(`${message}${more}`);
  }
}

/** A folder of this machine is none of the guest's unless it is bound. */
function startHint(message: string, typed: ReadonlyMap<string, string>): string {
  const cwd = typed.get('cwd');
  if (cwd === undefined || !message.includes('to start in is none of')) return '';
  const isHere = statSync(cwd, { throwIfNoEntry: false })?.isDirectory() === true;
  return isHere
    ? `; --bind ${cwd} shows it that of this machine`
    : `; --bind FOLDER:${cwd} shows it a folder of this machine there`;
}

/** The library calls a limit by its own name, and knows no units. */
function asTyped(message: string, typed: ReadonlyMap<string, string>): string {
  return message.replace(/^limits\.(memory|blocks) is \d+/, (text, limit: string) => {
    const given = typed.get(`limit-${limit}`);
    return given === undefined ? text : `--limit-${limit} is '${given}'`;
  });
}

/** Raw code is called, anything else starts as a process. */
export function startProgram(sandbox: Sandbox, { program: { entry } }: GivenProgram): Outcome {
  return entry === undefined ? sandbox.run() : sandbox.call(sandbox.symbols.get(entry)!);
}
