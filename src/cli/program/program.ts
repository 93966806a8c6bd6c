/** PROGRAM of the command line: what kind of file it is, for which CPU, and the ELF image made of it. */
import { basename, extname, resolve } from 'node:path';
import {
  type Arch,
  assemblePe,
  assembleProgram,
  KERNEL_TEXT,
  loadScenario,
  type Policy,
  programOfCode,
  unknownValue,
  withoutDirectives,
} from '../../index.js';
import { UsageError } from '../arguments.js';
import { decode, readInput } from '../host/file.js';
import { type IncludeReader, includeFor } from '../host/include.js';
import { readAll } from '../host/standard-input.js';
import { isLinkArgument, programOfLink } from './link.js';
import type { LoadedProgram } from './loaded.js';

export interface LoadProgramOptions {
  /** `--arch`. */
  readonly arch?: Arch | undefined;
  /** `--os`. */
  readonly os?: string | undefined;
  /** `--program`: which one of a scenario. */
  readonly part?: string | undefined;
  /** `-I`. */
  readonly folders?: readonly string[];
  /** `--policy-file`. */
  readonly ownPolicies?: readonly Policy[] | undefined;
}

/** The PROGRAM that is read from standard input. */
export const STANDARD_INPUT = '-';

/** @throws UsageError for what cannot be read, MayexecError for source that does not assemble. */
export async function loadProgram(
  given: string,
  { arch: wanted, os, part, folders, ownPolicies }: LoadProgramOptions = {},
): Promise<LoadedProgram> {
  if (isLinkArgument(given)) return programOfLink(given, wanted);
  const piped = given === STANDARD_INPUT;
  const bytes = piped ? readAll(0) : readInput(given);
  if (piped && bytes.length === 0) throw new UsageError('standard input holds no program');
  // For messages.
  const path = piped ? 'standard input' : given;
  const name = piped ? 'stdin' : nameOf(given);
  const extension = piped ? '.s' : extname(path).toLowerCase();
  const include = includeFor(piped ? undefined : path, folders);
  if (part !== undefined && extension !== '.md') {
    throw new UsageError(`${path}: --program chooses a program of a scenario (.md)`);
  }
  if (isElf(bytes)) {
    return { name, arch: checkedElfArch(path, bytes, wanted), elf: bytes };
  }
  if (bytes[0] === 0x4d && bytes[1] === 0x5a) {
    return { name: basename(path), arch: checkedPeArch(path, bytes, wanted), elf: bytes };
  }
  switch (extension) {
    case '.s':
    case '.asm': {
      const source = decode(path, bytes);
      const arch = wanted ?? archOfSource(path, source);
      const elf = await assembled(path, source, { arch, os }, include);
      return { name, arch, elf, source: withoutDirectives(source) };
    }
    case '.md':
      return fromScenario(path, decode(path, bytes), { arch: wanted, part, ownPolicies }, include);
    case '.bin':
      return rawCode(path, bytes, wanted);
    case '.hex':
      return rawCode(path, parseHex(path, decode(path, bytes)), wanted);
    default:
      throw new UsageError(
        `${path}: neither an ELF nor a PE file, nor one of .s, .asm (assembly), .bin, .hex (raw bytes), .md (a scenario)`,
      );
  }
}

/** One program of a scenario, by default the first; what is expected of it is the matter of `mayexec test`. */
async function fromScenario(
  path: string,
  text: string,
  { arch: wanted, part, ownPolicies = [] }: LoadProgramOptions,
  include: IncludeReader,
): Promise<LoadedProgram> {
  const { arch, os, programs, runs, settings, kernel } = await loadScenario(text, {
    file: path,
    include,
    ownPolicies,
  });
  if (wanted !== undefined && wanted !== arch) {
    throw new UsageError(`${path}: a scenario for ${arch}, but --arch is ${wanted}`);
  }
  const program = programs.find(({ name }) => part === undefined || name === part);
  if (program === undefined) {
    const names = programs.map(({ name }) => name);
    throw new UsageError(`${path}: ${unknownValue('program', part, names).message}`);
  }
  const xattrs = { ...settings.xattrs, ...program.xattrs };
  const lesson = {
    settings: { ...settings, xattrs },
    os,
    kernel,
    runs: new Map(runs.map((run) => [run.name, run])),
  };
  const source = withoutDirectives(program.source);
  return { name: program.name, arch, elf: program.elf, source, lesson };
}

async function assembled(
  path: string,
  source: string,
  { arch, os }: { readonly arch: Arch; readonly os: string | undefined },
  include: IncludeReader,
): Promise<Uint8Array> {
  // What `;@` says is for `mayexec test`.
  const code = withoutDirectives(source);
  const isKernel = os === undefined ? KERNEL_INCLUDE.test(code) : os === 'kernel';
  if (isKernel) {
    const address = KERNEL_TEXT;
    return (await assembleProgram(code, { arch, address, file: path, include })).elf;
  }
  // Only a program for Windows imports anything.
  const target = /^\s*\.import\s/m.test(code) ? assemblePe : assembleProgram;
  return (await target(code, { arch, file: path, include })).elf;
}

/** Only kernels include the library of kernels. */
const KERNEL_INCLUDE = /^\s*\.include\s+"([^"]*\/)?kernel\.inc"/m;

/** A function of these bytes, in memory that may be read and executed. */
function rawCode(path: string, bytes: Uint8Array, wanted: Arch | undefined): LoadedProgram {
  if (bytes.length === 0) throw new UsageError(`${path}: holds no bytes`);
  const arch = wanted ?? archOfPath(path) ?? 'x86-64';
  return { name: nameOf(path), arch, elf: programOfCode(bytes, arch), entry: ENTRY };
}

const ENTRY = '_start';

function nameOf(path: string): string {
  return basename(path, extname(path));
}

function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/** e_machine tells; `--arch` may only agree with it. */
function checkedElfArch(path: string, elf: Uint8Array, wanted: Arch | undefined): Arch {
  const machine =
    elf.length < 20 ? 0 : new DataView(elf.buffer, elf.byteOffset).getUint16(18, true);
  const arch = machine === 3 ? 'i386' : machine === 62 ? 'x86-64' : undefined;
  if (arch === undefined) {
    throw new UsageError(
      `${path}: an ELF file of machine ${machine}; expected 3 (i386) or 62 (x86-64)`,
    );
  }
  if (wanted !== undefined && wanted !== arch) {
    throw new UsageError(`${path}: an ELF file for ${arch}, but --arch is ${wanted}`);
  }
  return arch;
}

/** The COFF header's machine tells; `--arch` may only agree with it. What else is wrong is said when it is loaded. */
function checkedPeArch(path: string, pe: Uint8Array, wanted: Arch | undefined): Arch {
  const view = new DataView(pe.buffer, pe.byteOffset, pe.byteLength);
  const at = pe.length < 64 ? pe.length : view.getUint32(60, true);
  const machine = at + 6 > pe.length ? 0 : view.getUint16(at + 4, true);
  const arch = machine === 0x14c ? 'i386' : machine === 0x8664 ? 'x86-64' : undefined;
  if (arch === undefined) {
    throw new UsageError(
      `${path}: a program for DOS or Windows of machine 0x${machine.toString(16)}; expected 0x14c (i386) or 0x8664 (x86-64)`,
    );
  }
  if (wanted !== undefined && wanted !== arch) {
    throw new UsageError(`${path}: a PE file for ${arch}, but --arch is ${wanted}`);
  }
  return arch;
}

const ARCH_WORDS: Readonly<Record<string, Arch>> = {
  i386: 'i386',
  i686: 'i386',
  'x86-64': 'x86-64',
  x86_64: 'x86-64',
  amd64: 'x86-64',
};

/** A comment line `#@ arch i386` (in .asm also `;@`), else a word of the path such as `i386/` or `-i386.s`, else x86-64. */
function archOfSource(path: string, source: string): Arch {
  const given = /^[ \t]*[;#]@[ \t]*arch[ \t]+(\S+)[ \t]*$/m.exec(source)?.[1];
  if (given !== undefined) {
    const arch = Object.hasOwn(ARCH_WORDS, given) ? ARCH_WORDS[given] : undefined;
    if (arch === undefined)
      throw new UsageError(
        `${path}: ${unknownValue('arch', given, Object.keys(ARCH_WORDS)).message}`,
      );
    return arch;
  }
  return archOfPath(path) ?? 'x86-64';
}

function archOfPath(path: string): Arch | undefined {
  const words = resolve(path)
    .toLowerCase()
    .match(/(?<![a-z0-9])(x86[-_]64|amd64|i[36]86)(?![a-z0-9])/g);
  return ARCH_WORDS[words?.at(-1) ?? ''];
}

/** Hexadecimal bytes with any spaces, commas, `0x` and `\x`; comments start with # or ; or //. */
export function parseHex(path: string, text: string): Uint8Array {
  const bytes: number[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    for (const word of line.replace(/(#|;|\/\/).*/, '').split(/[\s,]+/)) {
      const digits = word.replace(/\\x|0x/gi, '');
      if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) {
        throw new UsageError(`${path}:${index + 1}: '${word}' is not made of hexadecimal bytes`);
      }
      for (let at = 0; at < digits.length; at += 2)
        bytes.push(Number.parseInt(digits.slice(at, at + 2), 16));
    }
  }
  return Uint8Array.from(bytes);
}
