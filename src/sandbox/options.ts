/** What Sandbox.create accepts, and the checks that turn a host's mistake into one clear sentence. */

import type { Arch } from '../base/address.js';
import {
  checkBoolean,
  checkBytes,
  checkFunction,
  checkRecord,
  checkText,
  checkTextList,
  checkTexts,
  shownValue,
  wrongArgument,
} from '../base/arguments.js';
import { MayexecError, unknownValue } from '../base/errors.js';

import { checkOptionNames, type OptionNames } from '../base/options.js';
import { ownEntry } from '../base/own-entry.js';
import { visible } from '../base/text.js';
import { DEFAULT_CPU, parseCpu } from '../engine/cpu-model.js';
import type { CpuProfile } from '../engine/cpu-profile.js';

import { parseElf } from '../formats/elf/image.js';
import { PT_LOAD } from '../formats/elf/structures.js';
import { isPe, parsePe } from '../formats/pe/image.js';

import type { Injection } from '../inject/injection.js';
import { parseInjections } from '../inject/parse.js';
import type { DepOptions } from '../kernel/dep-question.js';
import type { HostTree } from '../kernel/host-tree.js';
import type { FaultInterceptor, SyscallInterceptor } from '../kernel/intercept.js';
import type { CallNames, KernelVersion, World } from '../kernel/world.js';
import { KERNEL_VERSIONS } from '../os/kernel/report/versions.js';
import type { Policy } from '../policy/policy.js';
import { GUEST_SYSTEMS, type GuestOs, WORLDS } from './worlds.js';

/** A file for the sandbox's file system: its bytes, or bytes with a mode (default 0o644) and extended attributes. */
export type HostFile =
  | Uint8Array
  | {
      readonly content: Uint8Array;
      readonly mode?: number;
      readonly xattrs?: Readonly<Record<string, string>>;
    };

/** The program of a sandbox: an ELF image, alone or with its command line. */
export type HostProgram =
  | Uint8Array
  | {
      readonly bytes: Uint8Array;
      /** Where the guest sees it; default '/program'. */
      readonly path?: string;
      readonly argv?: readonly string[];
      readonly env?: readonly string[];
      /** Absolute path of the directory that it starts in; default '/home/user'. */
      readonly cwd?: string;
      /** Extended attributes of the file; policies may read marks in them ('user.pax.flags'). */
      readonly xattrs?: Readonly<Record<string, string>>;
    };

export type PolicyChoice = string | Policy | readonly (string | Policy)[];

export interface SandboxOptions {
  /** Default 'x86-64', or what the program's ELF or PE header says. */
  readonly arch?: Arch | undefined;
  /** The world that the program runs in; default 'windows' for a PE file, 'kernel' for an ELF file in the upper half, else 'linux'. */
  readonly os?: GuestOs | undefined;
  /** A spec such as 'selinux:execheap=deny+mdwe', a Policy, or a list, all of which must agree. Default 'nx'. */
  readonly policy?: PolicyChoice | undefined;
  /** A named address-space layout; the default fits arch. */
  readonly layout?: string | undefined;
  /** Every random choice derives from it (integer, 0 to 2^32 - 1); default 1. 0: no address randomisation. */
  readonly seed?: number | undefined;
  /**
   * In which order threads get the processor: 'round-robin' (the default), each for a share of blocks, or by chance, with
   * turns of any length up to 1,000 blocks: a seed of its own (integer, 0 to 2^32 - 1), or 'seed' for that of the
   * sandbox. The same choice gives the same run.
   */
  readonly schedule?: ScheduleChoice | undefined;
  readonly engine?: EngineChoice | undefined;
  /**
   * The processor: a level of the x86-64 psABI ('x86-64', 'x86-64-v2', 'x86-64-v3') with flags on top, as
   * 'x86-64-v2,+bmi2'. Default 'x86-64-v2,+aes,+pclmul,+movbe,+lzcnt,+adx'. What it lacks is #UD, as on a CPU.
   */
  readonly cpu?: string | undefined;
  readonly limits?:
    | {
        /** Bytes of guest memory in use at most; default 64 MiB, rounded up to pages, at most 2 GiB. docs/limits.md says what counts. */
        readonly memory?: number | undefined;
        /** Translated blocks per run or call; default 100,000,000. Work inside calls counts too: docs/limits.md. */
        readonly blocks?: number | undefined;
      }
    | undefined;
  readonly program?: HostProgram | undefined;
  /**
   * A kernel in ring 0 beside a Linux program. It runs to its `hlt` first; then each check of mmap and mprotect reads the
   * security hooks and the policy in its memory (`mayexec policies lsm`), unless the policy is 'none'. `argv` behind
   * the name is its command line.
   */
  readonly kernel?: { readonly program: HostProgram } | undefined;
  /** Of `os: 'kernel'`, or of the kernel beside a program: the kernel whose decisions and words its reports have; default the newest, '7.3'. */
  readonly kernelVersion?: KernelVersion | undefined;
  /** What the guest reads from descriptor 0, a string as UTF-8; a function is asked at the first read. */
  readonly stdin?: string | Uint8Array | (() => Uint8Array) | undefined;
  /** Path to content, put into the guest's file system before the program starts. */
  readonly files?: Readonly<Record<string, HostFile>> | undefined;
  /**
   * Files of the host's that the guest may see below those that it is given, read when it comes by them and never
   * written: its interpreter and libraries. Only Linux has a use for it.
   */
  readonly host?: HostTree | undefined;
  /** A processor with protection keys (PKU); RDPKRU and WRPKRU are emulated. Default false. */
  readonly protectionKeys?: boolean | undefined;
  /**
   * Kernel settings by name: 'vm.max_map_count', 'vm.mmap_min_addr', 'vm.nr_hugepages' and
   * 'vm.overcommit_memory' (0, 1 or 2). The guest finds them in /proc/sys.
   */
  readonly sysctl?: Readonly<Record<string, number>> | undefined;
  /**
   * Options of mounts by path: 'noexec', 'ro', 'wxallowed' (openbsd). A path where nothing is mounted
   * gets a tmpfs; '/', '/tmp', '/dev' and '/dev/shm' are mounts already.
   */
  readonly mounts?: Readonly<Record<string, readonly string[]>> | undefined;
  /** Called with what the guest writes to descriptor 1 or 2, as it writes it. */
  readonly onOutput?: ((fd: 1 | 2, bytes: Uint8Array) => void) | undefined;
  /** Asked at each system call of the guest: lets it pass, fails it, answers it or changes its arguments. */
  readonly intercept?: SyscallInterceptor | undefined;
  /** Asked before each page fault is judged: may make calls in the guest's name and have the access tried again. */
  readonly interceptFault?: FaultInterceptor | undefined;
  /** Data Execution Prevention of Windows: the exemption list, and the user who is asked as XP SP2 did. */
  readonly dep?: DepOptions | undefined;
  /**
   * Watch stores and fetches, for findings of the kind 'executed-after-write' (`findings`). Costs a stop at
   * each page that is first stored to, and at each that is executed after that. Default false. Of 'windows'
   * and 'wine' nobody looks for that kind, and there is none; of 'kernel' the option is for
   * 'writable-and-executable', looked for at the end of a run.
   */
  readonly monitor?: boolean | undefined;
  /**
   * Faults to inject, in the manner of strace: 'mmap:error=ENOMEM:when=2', 'mprotect:error=EACCES:when=3+',
   * 'mmap:ignore-hint', 'map-count=20', 'rlimit-as=1M'; for Windows and Wine also
   * 'VirtualAlloc:error=ERROR_NOT_ENOUGH_MEMORY'; several in a list or joined by '+'. What `intercept`
   * says of a call comes first.
   */
  readonly inject?: string | readonly string[] | undefined;
}

const SCHEDULES = ['round-robin', 'seed'] as const;
export type ScheduleChoice = (typeof SCHEDULES)[number] | number;

export const ENGINE_CHOICES = ['auto', 'unicorn1', 'unicorn1-js', 'unicorn2'] as const;
export type EngineChoice = (typeof ENGINE_CHOICES)[number];

const OPTIONS: OptionNames<SandboxOptions> = {
  host: true,
  arch: true,
  os: true,
  policy: true,
  layout: true,
  seed: true,
  schedule: true,
  engine: true,
  cpu: true,
  limits: true,
  program: true,
  kernel: true,
  stdin: true,
  files: true,
  mounts: true,
  onOutput: true,
  intercept: true,
  kernelVersion: true,
  interceptFault: true,
  inject: true,
  monitor: true,
  dep: true,
  protectionKeys: true,
  sysctl: true,
};
const LIMITS: OptionNames<NonNullable<SandboxOptions['limits']>> = { memory: true, blocks: true };
const PROGRAM: OptionNames<Exclude<HostProgram, Uint8Array>> = {
  cwd: true,
  bytes: true,
  path: true,
  argv: true,
  env: true,
  xattrs: true,
};
const FILE: OptionNames<Exclude<HostFile, Uint8Array>> = {
  content: true,
  mode: true,
  xattrs: true,
};

/** 2 GiB. */
const MAX_MEMORY = 2 ** 31;
/** About ten seconds of the host's processor. */
const DEFAULT_BLOCKS = 100_000_000;

export interface CheckedOptions {
  readonly os: GuestOs;
  readonly arch: Arch;
  readonly engine: EngineChoice;
  readonly seed: number;
  /** Seed of the order of threads; undefined: round robin. */
  readonly schedule: number | undefined;
  readonly memory: number;
  readonly blocks: number;
  readonly cpu: CpuProfile;
  readonly protectionKeys: boolean;
  readonly injections: readonly Injection[];
}

/** Throws a MayexecError that names the first wrong option, its value and what is accepted. */
export function checkOptions(options: SandboxOptions): CheckedOptions {
  checkOptionNames('Sandbox.create', options, OPTIONS);
  checkOptionNames('limits of Sandbox.create', options.limits, LIMITS);
  checkShapes(options);
  for (const [path, file] of Object.entries(options.files ?? {})) checkHostFile(path, file);
  const os = oneOf('os', options.os ?? programOs(options.program) ?? 'linux', GUEST_SYSTEMS);
  const world: World = WORLDS[os];
  checkSettings(options.sysctl ?? {}, world);
  for (const option of Object.values(options.mounts ?? {}).flat()) {
    if (!world.mountOptions.includes(option))
      throw unknownValue('mount option', option, world.mountOptions);
  }
  if (options.kernelVersion !== undefined) {
    oneOf('kernelVersion', options.kernelVersion, KERNEL_VERSIONS);
    if (os !== 'kernel' && options.kernel === undefined) {
      throw new MayexecError(
        `kernelVersion is '${options.kernelVersion}': it is for os 'kernel' and for a kernel beside a program, and this sandbox runs os '${os}'`,
      );
    }
  }
  if (options.cpu !== undefined) {
    checkText('cpu', options.cpu);
    if (os === 'kernel') {
      throw new MayexecError(
        `cpu is '${visible(options.cpu)}': a sandbox of os 'kernel' has a processor of its own, without a choice`,
      );
    }
  }
  if (options.layout !== undefined) oneOf('layout', options.layout, world.layouts);
  const arch = oneOf(
    'arch',
    options.arch ?? programArch(options.program) ?? 'x86-64',
    world.arches,
  );
  const protectionKeys = options.protectionKeys ?? false;
  return {
    os,
    arch,
    cpu: world.cpu(arch, { protectionKeys, model: parseCpu(options.cpu ?? DEFAULT_CPU) }),
    engine: oneOf('engine', options.engine ?? 'auto', ENGINE_CHOICES),
    seed: integer('seed', options.seed ?? 1, 0, 0xffffffff),
    schedule: scheduleOf(options),
    memory: roundToPages(
      integer('limits.memory', options.limits?.memory ?? 64 << 20, 64 << 10, MAX_MEMORY),
    ),
    blocks: integer('limits.blocks', options.limits?.blocks ?? DEFAULT_BLOCKS, 1, 2 ** 52),
    protectionKeys,
    injections: injectionsOf(options, world.calls(arch), os),
  };
}

function scheduleOf({ schedule = 'round-robin', seed = 1 }: SandboxOptions): number | undefined {
  if (typeof schedule === 'number') return integer('schedule', schedule, 0, 0xffffffff);
  if (typeof schedule !== 'string') {
    throw wrongArgument('schedule', schedule, "'round-robin', 'seed' or a number");
  }
  if (!SCHEDULES.some((name) => name === schedule)) {
    throw unknownValue('schedule', schedule, [...SCHEDULES, 'a number from 0 to 4294967295']);
  }
  return schedule === 'seed' ? seed : undefined;
}

function injectionsOf(
  { inject = [] }: SandboxOptions,
  names: CallNames,
  os: GuestOs,
): readonly Injection[] {
  if (os === 'kernel' && inject.length > 0) {
    throw new MayexecError(
      `inject is '${[inject].flat().join('+')}': injections fail calls of a program, and a kernel makes none`,
    );
  }
  return [inject].flat().flatMap((spec) => parseInjections(spec, names));
}

/** What has no range of its own: types, for whoever writes JavaScript. */
function checkShapes({ program, files, sysctl, mounts, stdin, ...rest }: SandboxOptions): void {
  if (program !== undefined) checkProgram(program);
  if (files !== undefined) checkRecord('files', files, 'an object of paths and contents');
  if (sysctl !== undefined) checkRecord('sysctl', sysctl, 'an object of names and numbers');
  checkMounts(mounts);
  if (stdin !== undefined && typeof stdin !== 'string' && typeof stdin !== 'function') {
    checkBytes('stdin', stdin, 'a string, a Uint8Array or a function');
  }
  if (rest.host !== undefined) {
    checkRecord('host', rest.host, 'an object with the functions node and list');
    checkFunction('host.node', rest.host.node);
    checkFunction('host.list', rest.host.list);
  }
  checkFunction('onOutput', rest.onOutput);
  checkFunction('intercept', rest.intercept);
  checkFunction('interceptFault', rest.interceptFault);
  checkDep(rest.dep);
  checkBoolean('monitor', rest.monitor);
  checkBoolean('protectionKeys', rest.protectionKeys);
}

export function checkMounts(mounts: SandboxOptions['mounts']): void {
  if (mounts === undefined) return;
  checkRecord('mounts', mounts, 'an object of paths and lists');
  for (const [path, list] of Object.entries(mounts)) checkTextList(`mount '${path}'`, list);
}

const DEP: OptionNames<DepOptions> = { exempt: true, ask: true };

function checkDep(dep: DepOptions | undefined): void {
  if (dep === undefined) return;
  checkOptionNames('dep of Sandbox.create', dep, DEP);
  if (dep.exempt !== undefined) checkTextList('dep.exempt', dep.exempt);
  checkFunction('dep.ask', dep.ask);
}

function checkProgram(program: HostProgram): void {
  if (program instanceof Uint8Array) return;
  checkOptionNames('program of Sandbox.create', program, PROGRAM);
  const { bytes, path, argv, env, cwd, xattrs } = program;
  checkBytes('program.bytes', bytes, 'a Uint8Array, an ELF or PE image');
  if (path !== undefined) checkText('program.path', path);
  if (cwd !== undefined) checkText('program.cwd', cwd);
  if (argv !== undefined) checkTextList('program.argv', argv);
  if (env !== undefined) checkTextList('program.env', env);
  if (xattrs !== undefined) checkTexts('program.xattrs', xattrs);
}

export function checkHostFile(path: string, file: HostFile): void {
  checkText('the path of a file', path);
  if (file instanceof Uint8Array) return;
  const what = `file '${visible(path)}'`;
  checkRecord(what, file, 'a Uint8Array or { content }');
  checkOptionNames(what, file, FILE);
  checkBytes(`the content of ${what}`, file.content);
  if (file.mode !== undefined) integer(`the mode of ${what}`, file.mode, 0, 0o7777);
  if (file.xattrs !== undefined) checkTexts(`xattrs of ${what}`, file.xattrs);
}

function checkSettings(given: Readonly<Record<string, number>>, { settings }: World): void {
  for (const [name, value] of Object.entries(given)) {
    const range = ownEntry(settings, name);
    if (range === undefined) throw unknownValue('sysctl', name, Object.keys(settings));
    integer(name, value, range.least, range.most);
  }
}

/** A guest address or register value from the host: an integer, negative ones in two's complement. */
export function toWord(what: string, value: number | bigint): bigint {
  if (typeof value === 'bigint') {
    if (value >= -(1n << 63n) && value < 1n << 64n) return BigInt.asUintN(64, value);
  } else if (Number.isSafeInteger(value)) {
    return BigInt.asUintN(64, BigInt(value));
  }
  throw new MayexecError(
    `${what} is ${shownNumber(value)}: expected an integer of at most 64 bits (bigint above 2^53)`,
  );
}

export function integer(what: string, value: number, min: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new MayexecError(
    `${what} is ${shownNumber(value)}: expected an integer from ${min} to ${max}`,
  );
}

function shownNumber(value: unknown): string {
  return typeof value === 'bigint' ? String(value) : shownValue(value);
}

/** A system call: its name, or its number, of which a kernel sees 32 bits. */
export function checkCall(call: unknown): void {
  if (typeof call === 'string') return;
  if (Number.isInteger(call) && Number(call) >= -(2 ** 31) && Number(call) < 2 ** 32) return;
  throw wrongArgument('the system call', call, 'a name such as mmap, or its number');
}

function bytesOf(program: HostProgram | undefined): Uint8Array {
  return (program instanceof Uint8Array ? program : program?.bytes) ?? new Uint8Array();
}

/** A PE file is a program of Windows; anything else is judged by the world that is asked for. */
function programOs(program: HostProgram | undefined): GuestOs | undefined {
  const bytes = bytesOf(program);
  if (isPe(bytes)) return 'windows';
  return isKernel(bytes) ? 'kernel' : undefined;
}

/** An ELF file for x86-64 with code in the upper half of the addresses, where it is entered. */
function isKernel(bytes: Uint8Array): boolean {
  const isElf64 = bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[4] === 2;
  if (!isElf64 || bytes.length < 64 || (bytes[31]! & 0x80) === 0) return false;
  const parsed = parseElf(bytes);
  if (!parsed.ok) return true;
  const { entry, headers } = parsed.image;
  return headers.some(
    ({ type, address, memorySize }) =>
      type === PT_LOAD && address <= entry && entry < address + memorySize,
  );
}

/** The architecture of an ELF or PE image by its header (machine 3 or 62, 0x14c or 0x8664), undefined for anything else. */
function programArch(program: HostProgram | undefined): Arch | undefined {
  const bytes = bytesOf(program);
  if (isPe(bytes)) {
    const parsed = parsePe(bytes);
    return parsed.ok ? parsed.image.arch : undefined;
  }
  if (bytes.length < 20 || bytes[0] !== 0x7f || bytes[1] !== 0x45) return undefined;
  return bytes[18] === 3 ? 'i386' : bytes[18] === 62 ? 'x86-64' : undefined;
}

function oneOf<T extends string>(what: string, value: string, known: readonly T[]): T {
  const found = known.find((name) => name === value);
  if (found === undefined) throw unknownValue(what, value, known);
  return found;
}

function roundToPages(bytes: number): number {
  return Math.ceil(bytes / 4096) * 4096;
}
