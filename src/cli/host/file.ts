/** Files of the host that a command reads or writes: what goes wrong with one is a line for people. */
import { closeSync, fstatSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { UsageError } from '../arguments.js';
import { reasonOf } from './error.js';
import { MOST_BYTES, readAll } from './standard-input.js';

/** @throws UsageError for a file that cannot be read, is a device, or is too large. */
export function readInput(path: string): Uint8Array {
  const fd = attempt(path, () => openSync(path, 'r'));
  try {
    return attempt(path, () => readOpen(fd, path));
  } finally {
    closeSync(fd);
  }
}

/** For a file that others read: a module. @throws UsageError for what `readInput` would not read, and a pipe. */
export function checkRegularFile(path: string): void {
  const stats = attempt(path, () => statSync(path));
  if (stats.isDirectory()) throw new UsageError(`${path}: is a directory`);
  if (!stats.isFile()) throw new UsageError(`${path}: is no regular file`);
  checkSize(path, stats.size);
}

function checkSize(path: string, size: number): void {
  if (size <= MOST_BYTES) return;
  throw new UsageError(`${path}: has more than ${MOST_BYTES >> 20} MiB`);
}

/** A pipe has no size, and may be a shell's `<(...)`. */
function readOpen(fd: number, path: string): Uint8Array {
  const stats = fstatSync(fd);
  if (stats.isFIFO()) return readAll(fd, path);
  if (!stats.isFile() && !stats.isDirectory()) {
    throw new UsageError(`${path}: is a device, not a file`);
  }
  checkSize(path, stats.size);
  return readFileSync(fd);
}

/** @throws UsageError for a file that cannot be read or is no text. */
export function readText(path: string): string {
  return decode(path, readInput(path));
}

export function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError(`${path}: not UTF-8 text`);
  }
}

/** @throws UsageError for a file that cannot be written. */
export function writeOutput(path: string, content: string | Uint8Array, mode = 0o666): void {
  attempt(path, () => writeFileSync(path, content, { mode }), { ENOENT: 'no such folder' });
}

/** A descriptor. @throws UsageError for a file that cannot be written. */
export function openOutput(path: string): number {
  return attempt(path, () => openSync(path, 'w'), { ENOENT: 'no such folder' });
}

function attempt<T>(path: string, act: () => T, reasons: Readonly<Record<string, string>> = {}): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${path}: ${reasonOf(error, reasons)}`);
  }
}
