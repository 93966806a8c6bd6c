/** Files of folders: the page's own, and a teacher's lessons with what they include. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../arguments.js';

/** Before the names of a teacher's files. */
const OWN = 'own/';
/** Bytes; what is larger is no lesson. */
const LARGEST = 1 << 20;
const MOST_FILES = 1000;

export interface OwnTexts {
  /** By `own/NAME.md`. */
  readonly lessons: Readonly<Record<string, string>>;
  /** What lessons may include, by `own/NAME`. */
  readonly includes: Readonly<Record<string, string>>;
}

/** Names with `/`, relative to the folder; none where there is no folder. */
export function filesBelow(folder: string | URL): string[] {
  const path = typeof folder === 'string' ? folder : fileURLToPath(folder);
  let names: string[];
  try {
    names = readdirSync(path, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
  const isFile = (name: string): boolean =>
    statSync(join(path, name), { throwIfNoEntry: false })?.isFile() === true;
  return names
    .filter(isFile)
    .map((name) => name.split(sep).join('/'))
    .sort();
}

/** @throws UsageError for what is no folder, and for one without lessons. */
export function checkOwnFolder(folder: string): void {
  const info = statSync(folder, { throwIfNoEntry: false });
  if (info === undefined) throw new UsageError(`${folder}: no such folder`);
  if (!info.isDirectory()) throw new UsageError(`${folder} is no folder: expected one of lessons`);
  if (Object.keys(ownTexts(folder).lessons).length === 0) {
    throw new UsageError(
      `${folder} has no lessons: expected files .md that begin with a line '---'`,
    );
  }
}

/** As the files are now. */
export function ownTexts(folder: string): OwnTexts {
  const texts = (pattern: RegExp): Record<string, string> =>
    Object.fromEntries(
      filesBelow(folder)
        .filter((name) => pattern.test(name) && statSync(join(folder, name)).size <= LARGEST)
        .slice(0, MOST_FILES)
        .map((name) => [`${OWN}${name}`, readFileSync(join(folder, name), 'utf8')]),
    );
  const lessons = Object.entries(texts(/\.md$/i)).filter(([, text]) => text.startsWith('---'));
  return { lessons: Object.fromEntries(lessons), includes: texts(/\.(s|inc|asm)$/i) };
}
