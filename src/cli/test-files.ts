/** Which files `test` and `matrix` work on. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { UsageError } from './arguments.js';
import { ASM_FOLDER } from './program.js';

/** `scenarios/` below the working folder, else that of this package. */
function defaultFolder(): string {
  if (existsSync('scenarios')) return 'scenarios';
  const own = join(dirname(ASM_FOLDER.replace(/[\\/]$/, '')), 'scenarios');
  return relative(process.cwd(), own) || own;
}

/** Files as they are given; of a folder all scenarios in it. @throws UsageError for what is not there. */
export function scenarioFiles(given: readonly string[]): string[] {
  const paths = given.length === 0 ? [defaultFolder()] : given;
  const files = paths.flatMap((path) => (isFolder(path) ? inFolder(path) : [path]));
  if (files.length === 0) throw new UsageError(`${paths.join(', ')}: no scenarios (.md) in it`);
  return [...new Set(files)];
}

function isFolder(path: string): boolean {
  const info = statSync(path, { throwIfNoEntry: false });
  if (info === undefined) throw new UsageError(`${path}: no such file`);
  return info.isDirectory();
}

/** Markdown with front matter, and sources with directives; a README is neither. */
function inFolder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile() && isScenario(path))
    .sort();
}

function isScenario(path: string): boolean {
  if (/(^|[\\/])README\.md$/i.test(path)) return false;
  if (/\.md$/i.test(path)) return true;
  return /\.(s|asm)$/i.test(path) && readFileSync(path, 'utf8').includes(';@');
}
