/** The project's files, named from its folder, and the one error that a user can do something about. */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export const path = (...parts) => join(ROOT, ...parts);

/** Printed as it is, without a stack trace. */
export class BuildError extends Error {}

export function readText(file) {
  return fs.existsSync(path(file)) ? fs.readFileSync(path(file), 'utf8') : undefined;
}

export function filesIn(folder) {
  const entries = fs.readdirSync(path(folder), { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

export function hashOf(files) {
  const hash = createHash('sha256');
  for (const file of files) {
    const bytes = fs.readFileSync(path(file));
    hash.update(`${file}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

/** Under another name first: whoever reads it meanwhile, or builds too, never sees half a file. */
export function writeWhole(file, content) {
  fs.mkdirSync(dirname(path(file)), { recursive: true });
  fs.writeFileSync(path(`${file}.${process.pid}`), content);
  fs.renameSync(path(`${file}.${process.pid}`), path(file));
}
