/** `--dll-path`: DLLs of the host for a program for Windows: those that it imports, and those that these import. */
import { readdirSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { importedDlls, MayexecError } from '../../index.js';
import { type Given, type OptionSpec, UsageError } from '../arguments.js';
import { readInput } from '../host/file.js';

export const DLL_PATH_OPTION: OptionSpec = {
  name: 'dll-path',
  value: 'PATH',
  join: ';',
  help: 'a folder whose DLLs the program may import, or a DLL of its own; may be repeated',
};

export const DLL_PATH_DETAILS: readonly string[] = [
  '--dll-path FOLDER brings the DLLs that a program for Windows imports and mayexec has not (libstdc++-6.dll of the',
  'compiler, say), with what they import; --dll-path FILE.dll brings that one, in place of one of mayexec too. A',
  'program that calls LoadLibrary needs its DLLs named as files.',
];

/** DLLs that every process has here; one of them is used only when its file is named. */
const OWN = [
  'ntdll.dll',
  'kernelbase.dll',
  'kernel32.dll',
  'msvcrt.dll',
  'user32.dll',
  'version.dll',
];
/** More than any program needs: a folder must not fill the memory. */
const MAX_DLLS = 256;

interface Places {
  /** Path of each DLL in the folders, by its name in lower case. */
  readonly found: ReadonlyMap<string, string>;
  /** Files that were named themselves. */
  readonly named: readonly string[];
}

function placesOf(text: string): Places {
  const found = new Map<string, string>();
  const named: string[] = [];
  for (const path of text.split(';').filter((part) => part !== '')) {
    let isFolder: boolean;
    try {
      isFolder = statSync(path).isDirectory();
    } catch {
      throw new UsageError(`--dll-path ${path}: no such file or folder`);
    }
    if (!isFolder) {
      if (extname(path).toLowerCase() !== '.dll') {
        throw new UsageError(`--dll-path ${path}: expected a folder, or a file that ends in .dll`);
      }
      named.push(path);
      continue;
    }
    for (const name of readdirSync(path)) {
      const key = name.toLowerCase();
      if (key.endsWith('.dll') && !found.has(key)) found.set(key, join(path, name));
    }
  }
  return { found, named };
}

/** Files for the guest, by path. @throws UsageError for what is not there. */
export function dllFiles(
  { values }: Given,
  program: Uint8Array,
): Readonly<Record<string, Uint8Array>> {
  const text = values.get('dll-path');
  if (text === undefined) return {};
  const { found, named } = placesOf(text);
  const files: Record<string, Uint8Array> = {};
  const pending = [program];
  const take = (path: string): void => {
    const key = `/${basename(path)}`;
    if (files[key] !== undefined || Object.keys(files).length >= MAX_DLLS) return;
    const bytes = readInput(path);
    files[key] = bytes;
    pending.push(bytes);
  };
  for (const path of named) take(path);
  while (pending.length > 0) {
    for (const name of importsOf(pending.pop()!)) {
      const key = name.toLowerCase();
      const path = OWN.includes(key) ? undefined : found.get(key);
      if (path !== undefined) take(path);
    }
  }
  return files;
}

/** What a malformed file imports is said when it is loaded. */
function importsOf(bytes: Uint8Array): readonly string[] {
  try {
    return importedDlls(bytes);
  } catch (error) {
    if (error instanceof MayexecError) return [];
    throw error;
  }
}
