/** Which files `test` and `matrix` work on. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { UsageError } from '../arguments.js';
import { ASM_FOLDER } from '../host/include.js';

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
  if (files.length === 0) throw new UsageError(`${paths.join(', ')}: ${whatInstead(paths)}`);
  return [...new Set(files)];
}

/** A folder of programs is a likely mistake: they are run, not tested. */
function whatInstead(paths: readonly string[]): string {
  const none = 'no scenarios (.md), and no sources (.s, .asm) with ;@ directives in it';
  const sources = paths.flatMap((path) => filesIn(path)).filter(isSource);
  const [first] = sources;
  if (first === undefined) return none;
  const count = sources.length === 1 ? '1 source' : `${sources.length} sources`;
  return `${none}; ${count} without: mayexec run ${first}`;
}

function isFolder(path: string): boolean {
  const info = statSync(path, { throwIfNoEntry: false });
  if (info === undefined) throw new UsageError(`${path}: no such file`);
  return info.isDirectory();
}

/** Markdown with front matter, and sources with directives; a README is neither. */
function inFolder(folder: string): string[] {
  return filesIn(folder).filter(isScenario);
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
    .sort();
}

function isSource(path: string): boolean {
  return /\.(s|asm)$/i.test(path);
}

function isScenario(path: string): boolean {
  if (/(^|[\\/])README\.md$/i.test(path)) return false;
  if (/\.md$/i.test(path)) return true;
  return isSource(path) && readFileSync(path, 'utf8').includes(';@');
}
