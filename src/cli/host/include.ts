/**
 * What a source of the command line may include: files of its own folder, of asm/ of this package, and of the
 * folders that -I names. A source may come from anywhere; the rest of the host is none of its business, and
 * messages quote what they read.
 */
import { existsSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MayexecError, shorten } from '../../index.js';
import type { Given, OptionSpec } from '../arguments.js';
import { UsageError } from '../arguments.js';
import { readText } from './file.js';

/** `asm/` of this package: where programs find what they include. */
export const ASM_FOLDER = fileURLToPath(new URL('../asm/', import.meta.url));

export const INCLUDE_OPTION: OptionSpec = {
  name: 'include',
  short: 'I',
  value: 'FOLDER',
  join: '\n',
  help: 'look there too for files that are included; may be repeated',
};

/** Of one included file. */
const MOST_BYTES = 16 << 20;

export type IncludeReader = (name: string) => string | undefined;

/** @throws UsageError for a folder that is none. */
export function includeFolders({ values }: Given): string[] {
  const given = (values.get(INCLUDE_OPTION.name) ?? '').split('\n').filter((part) => part !== '');
  for (const folder of given) {
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw new UsageError(`-I ${folder}: no such folder`);
    }
  }
  return given;
}

/**
 * For the sources of `program`; undefined when it has no folder (standard input). The assembler asks first for the
 * path beside the including file, then for the name alone.
 */
export function includeFor(
  program: string | undefined,
  folders: readonly string[] = [],
  asm = ASM_FOLDER,
): IncludeReader {
  const own = program === undefined ? [] : [dirname(program)];
  const roots = [...own, ...folders, asm];
  const real = roots.map((folder) => realpathSync(folder));
  return (name) => {
    const candidates = isAbsolute(name)
      ? [name]
      : [name, ...[...folders, asm].map((folder) => join(folder, name))];
    const inside = candidates.filter((path) =>
      roots.some((root) => isInside(resolve(root), resolve(path))),
    );
    const found = inside.find((path) => existsSync(path));
    if (found !== undefined) return readIncluded(found, real);
    if (inside.length > 0) return undefined;
    throw new MayexecError(
      `'${shorten(name)}' lies outside of the folders that may be included from: ${WAY}`,
    );
  };
}

const WAY = 'that of the program, asm/ and those of -I FOLDER';

/** A link may lead elsewhere. */
function readIncluded(path: string, roots: readonly string[]): string {
  const real = realpathSync(path);
  if (!roots.some((root) => isInside(root, real))) {
    throw new MayexecError(
      `'${shorten(path)}' leads outside of the folders that may be included from: ${WAY}`,
    );
  }
  const info = statSync(real);
  if (!info.isFile()) throw new MayexecError(`'${shorten(path)}' is no regular file`);
  if (info.size > MOST_BYTES) {
    throw new MayexecError(
      `'${shorten(path)}' has ${info.size} bytes: more than ${MOST_BYTES >> 20} MiB`,
    );
  }
  try {
    return readText(real);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new MayexecError(error.message.replace(real, `'${shorten(path)}'`));
  }
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way.split(sep)[0] !== '..' && !isAbsolute(way);
}
