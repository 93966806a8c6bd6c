/** `--root`, `--bind`, `--env` and `--cwd`: what of the host a program sees, and where it begins. */
import { realpathSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type HostTree, programInterpreter } from '../../index.js';
import { type Given, type OptionSpec, UsageError } from '../arguments.js';
import { reasonOf } from '../host/error.js';
import { type Bound, LIBRARY_FOLDERS, SeenFiles } from '../host/tree.js';

/** No path and no variable holds one. */
const BETWEEN = '\0';

export const HOST_FILES_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'root',
    value: 'DIR',
    help: 'the files that the program sees, in place of the library folders; never written',
  },
  {
    name: 'bind',
    value: 'HOST[:GUEST]',
    join: BETWEEN,
    help: 'a file or folder that it sees too, never written; may be repeated',
  },
  {
    name: 'env',
    value: 'K=V',
    join: BETWEEN,
    help: 'a variable of its environment; may be repeated',
  },
  { name: 'cwd', value: 'DIR', help: 'where it starts, as it sees it; default /home/user' },
];

export const HOST_FILES_DETAILS: readonly string[] = [
  'A program that is linked dynamically runs as it is: it sees the library folders of the host (/lib, /usr/lib and their',
  'like) and its own file where that lies, and nothing else: no /etc, no home, no environment, unless --bind and --env',
  'give them. --root DIR shows it the tree of a container or of debootstrap instead. What it writes stays in the sandbox.',
];

export interface SeenHost {
  readonly files: SeenFiles | undefined;
  readonly env: readonly string[];
  readonly cwd: string | undefined;
  /** The program's own path, where it lies at its place on the host; undefined: it has one of the sandbox's. */
  readonly place: string | undefined;
}

/** The file to read, and where the program sees it: with --root an absolute path is one of the root's, if it is there. */
export interface ProgramFile {
  readonly file: string;
  readonly place?: string;
}

/** @throws UsageError for a root that is no folder. */
export function programFile({ values }: Given, path: string): ProgramFile {
  const root = values.get('root');
  if (root === undefined || !path.startsWith('/')) return { file: path };
  const bound = rootBound(root);
  const place = resolveIn(new SeenFiles([bound]), path);
  return place === undefined ? { file: path } : { file: join(bound.host, place), place };
}

/** @throws UsageError for a folder that is not there, and for what is no variable. */
export function seenHost(
  { values }: Given,
  { file, place }: ProgramFile,
  program: Uint8Array,
): SeenHost {
  const interpreter = programInterpreter(program);
  const root = values.get('root');
  const binds = listOf(values.get('bind')).map(boundOf);
  const bounds = root === undefined ? binds : [...binds, rootBound(root)];
  if (root === undefined && interpreter !== undefined) {
    bounds.push(...LIBRARY_FOLDERS.map((folder) => ({ host: folder, guest: folder })));
  }
  const env = listOf(values.get('env'));
  for (const one of env) {
    if (!/^[^=]+=/.test(one)) throw new UsageError(`--env ${one}: expected NAME=VALUE`);
  }
  const cwd = values.get('cwd');
  if (cwd !== undefined && !cwd.startsWith('/')) {
    throw new UsageError(`--cwd ${cwd}: expected an absolute path, as the program sees it`);
  }
  return {
    files: bounds.length === 0 ? undefined : new SeenFiles(bounds),
    env,
    cwd,
    place: place ?? (interpreter === undefined ? undefined : resolve(file)),
  };
}

function listOf(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(BETWEEN);
}

function rootBound(root: string): Bound {
  const host = realPath('root', root);
  if (!statSync(host).isDirectory()) throw new UsageError(`--root ${root}: is no folder`);
  return { host, guest: '/' };
}

function boundOf(text: string): Bound {
  if (/:(rw|ro)$/.test(text)) {
    throw new UsageError(
      `--bind ${text}: files of the host are never written; leave ${text.slice(-3)} out`,
    );
  }
  const colon = text.indexOf(':/');
  const [from, to] = colon < 0 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)];
  const host = realPath('bind', from);
  const guest = to ?? resolve(from);
  if (/\/(\.{1,2})?(\/|$)/.test(guest)) {
    throw new UsageError(`--bind ${text}: '${guest}' is no place for a file or folder`);
  }
  return { host, guest };
}

function realPath(option: string, path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw new UsageError(`--${option} ${path}: ${reasonOf(error)}`);
  }
}

/** `--dry-run`: what a run would see, a line each. */
export function seenLines(path: string, program: Uint8Array, { files, place }: SeenHost): string[] {
  const interpreter = programInterpreter(program);
  const lines = [`program      ${place ?? path}`];
  if (interpreter !== undefined) {
    const found = files !== undefined && resolveIn(files, interpreter) !== undefined;
    lines.push(
      `interpreter  ${interpreter}${found ? '' : ' (which is not among what it would see)'}`,
    );
  }
  for (const { host, guest } of files?.bounds ?? []) {
    const there = files?.node(guest) !== undefined;
    if (there) lines.push(`sees         ${guest}${host === guest ? '' : `, which is ${host}`}`);
  }
  if (files === undefined) lines.push('sees         no other file of the host');
  return lines;
}

/** Follows links as the program would: where it comes to. */
function resolveIn(files: HostTree, path: string): string | undefined {
  let pending = path.split('/').filter((part) => part !== '');
  let at = '';
  for (let links = 0; pending.length > 0 && links < 40; ) {
    const name = pending.shift();
    if (name === '..') {
      at = at.slice(0, at.lastIndexOf('/'));
      continue;
    }
    const node = files.node(`${at}/${name}`);
    if (node === undefined) return undefined;
    if (node.kind === 'link') {
      links++;
      if (node.target.startsWith('/')) at = '';
      pending = [...node.target.split('/').filter((part) => !['', '.'].includes(part)), ...pending];
    } else at = `${at}/${name}`;
  }
  return pending.length === 0 ? at : undefined;
}
