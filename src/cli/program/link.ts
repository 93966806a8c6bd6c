/** PROGRAM as a link of the workshop: read as it is, never asked of any network; and a run written as one. */
import { existsSync } from 'node:fs';
import {
  type Arch,
  assemblePe,
  assembleProgram,
  BrokenLink,
  decodeCase,
  encodeCase,
  type LinkedOs,
  linkedEnding,
  MayexecError,
  type Outcome,
  type WorkshopCase,
} from '../../index.js';
import { UsageError } from '../arguments.js';
import { includeFor } from '../host/include.js';
import type { LoadedProgram } from './loaded.js';

/** A URL with a link's fragment, or the fragment alone where no file has that name. */
export function isLinkArgument(text: string): boolean {
  if (/#m\d+\./.test(text)) return true;
  return /^m\d+\.[\w-]{16,}$/.test(text) && !existsSync(text);
}

/** @throws UsageError for a link that is broken. */
export function linkedCase(text: string): WorkshopCase {
  try {
    return decodeCase(text);
  } catch (error) {
    if (!(error instanceof BrokenLink)) throw error;
    throw new UsageError(error.message);
  }
}

/** @throws UsageError for a broken link, AssemblyError for its program. */
export async function programOfLink(
  text: string,
  wanted: Arch | undefined,
): Promise<LoadedProgram> {
  const linked = linkedCase(text);
  const { arch, os, source, name, policy, inject, binary } = linked;
  if (wanted !== undefined && wanted !== arch) {
    throw new UsageError(`the link is for ${arch}, but --arch is ${wanted}`);
  }
  const assembler = os === 'linux' ? assembleProgram : assemblePe;
  const include = includeFor(undefined);
  const elf = binary ?? (await assembler(source, { arch, file: name, include })).elf;
  return {
    name: name.replace(/\.s$/, ''),
    arch,
    elf,
    lesson: {
      os,
      settings: {
        ...(linked.seed === undefined ? {} : { seed: linked.seed }),
        ...(linked.schedule === undefined ? {} : { schedule: linked.schedule }),
        ...(linked.layout === undefined ? {} : { layout: linked.layout }),
        ...(linked.cpu === undefined ? {} : { cpu: linked.cpu }),
        ...(linked.stdin === undefined ? {} : { stdin: linked.stdin }),
        blocks: LINK_BLOCKS,
        arguments: linked.arguments ?? [],
        xattrs: linked.xattrs ?? {},
        mounts: linked.mounts ?? {},
        protectionKeys: linked.protectionKeys === true,
      },
      // What it is run under when the command line names no policy.
      runs: new Map([['', { policy, inject }]]),
    },
  };
}

/** As for any program of the command. */
const LINK_BLOCKS = 100_000_000;

/** `the link says so too`, or what else it says; undefined where it says nothing. */
export function expectationLine(text: string, outcome: Outcome): string | undefined {
  const { expected } = linkedCase(text);
  if (expected === undefined) return undefined;
  const ended = linkedEnding(outcome);
  return ended === expected
    ? `${ended}, as the link says`
    : `the link says '${expected}', but it ${ended.replace(/^killed/, 'was killed')}`;
}

export interface LinkedRun {
  readonly path: string;
  readonly program: LoadedProgram;
  readonly schedule: WorkshopCase['schedule'];
  readonly os: string;
  readonly policy: string;
  /** Options of the command line by name, as they were typed. */
  readonly typed: ReadonlyMap<string, string>;
  /** It was given files of the host: its interpreter, its libraries. */
  readonly seesHost: boolean;
  /** For the program. */
  readonly rest: readonly string[];
}

/** What a link has no words for. */
const CANNOT_SAY = [
  'kernel',
  'append',
  'sysctl',
  'limit-blocks',
  'limit-memory',
  'dll-path',
  'policy-file',
  'root',
  'bind',
  'env',
  'cwd',
  'dep-exempt',
  'dep-prompt',
  'stdin',
];

/**
 * The fragment, behind `base` if there is one.
 * @throws UsageError for a run that a link cannot hold.
 */
export async function linkOfRun(
  { path, program, schedule, os, policy, typed, seesHost, rest }: LinkedRun,
  outcome: Outcome,
  base: string | undefined,
): Promise<string> {
  const unsaid = CANNOT_SAY.find((name) => typed.has(name));
  if (unsaid !== undefined) throw new UsageError(`--link: a link cannot hold --${unsaid}`);
  if (seesHost) {
    throw new UsageError(
      '--link: a link cannot hold the libraries of the host that this program needs',
    );
  }
  if (os === 'kernel' || program.lesson?.kernel !== undefined) {
    throw new UsageError('--link: a link cannot hold a kernel');
  }
  if (program.entry !== undefined) throw new UsageError('--link: a link cannot hold raw code');
  const { settings } = program.lesson ?? {};
  const seed = typed.get('seed');
  const given = rest.length > 0 ? rest : (settings?.arguments ?? []);
  const linked: WorkshopCase = {
    ...(await programText(path, program, os)),
    os: os as LinkedOs,
    arch: program.arch,
    policy,
    inject: typed.get('inject') ?? program.lesson?.runs.get(typed.get('policy') ?? '')?.inject,
    seed: seed === undefined ? settings?.seed : Number(seed),
    schedule,
    layout: typed.get('layout') ?? settings?.layout,
    cpu: typed.get('cpu') ?? settings?.cpu,
    arguments: given.length === 0 ? undefined : given,
    stdin: settings?.stdin,
    xattrs: someOf(settings?.xattrs),
    mounts: someOf(settings?.mounts),
    protectionKeys: settings?.protectionKeys === true ? true : undefined,
    expected: linkedEnding(outcome),
  };
  const fragment = encodeCase(linked);
  if (fragment.length > LONGEST) {
    throw new UsageError(
      `--link: this link would have ${fragment.length} characters, and browsers open at most ${LONGEST}: the program is too large`,
    );
  }
  return base === undefined ? fragment : `${base.replace(/#.*$/s, '')}#${fragment}`;
}

/** Of a URL, in the browser that takes least of those that people have. */
const LONGEST = 1 << 20;

/** The source, where it needs no file that the reader of the link has not; else the program itself. */
async function programText(
  path: string,
  { name, arch, elf, source }: LoadedProgram,
  os: string,
): Promise<Pick<WorkshopCase, 'source' | 'binary' | 'name'>> {
  const file = `${name}.s`;
  if (source !== undefined) {
    try {
      const assembler = os === 'linux' ? assembleProgram : assemblePe;
      await assembler(source, { arch, file, include: includeFor(undefined) });
      return { source, name: file };
    } catch (error) {
      if (!(error instanceof MayexecError)) throw error;
    }
  }
  return { source: '', binary: elf, name: path.split(/[\\/]/).at(-1) ?? name };
}

function someOf<T extends object>(value: T | undefined): T | undefined {
  return value === undefined || Object.keys(value).length === 0 ? undefined : value;
}
