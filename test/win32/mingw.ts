/** Programs for Windows from C and C++, built by mingw-w64's compilers where the machine has them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Arch } from '../../src/base/address.js';

const TARGET = { 'x86-64': 'x86_64-w64-mingw32', i386: 'i686-w64-mingw32' } as const;

/** Why there is no compiler, or undefined. */
export function lacksMingw(language: 'c' | 'c++' = 'c'): string | undefined {
  for (const arch of ['x86-64', 'i386'] as const) {
    const compiler = compilerOf(arch, language);
    if (spawnSync(compiler, ['--version']).status !== 0) {
      return `${compiler} is not installed (Debian: gcc-mingw-w64, g++-mingw-w64)`;
    }
  }
  return undefined;
}

function compilerOf(arch: Arch, language: 'c' | 'c++'): string {
  return `${TARGET[arch]}-${language === 'c' ? 'gcc' : 'g++'}`;
}

const built = new Map<string, Uint8Array>();

/** Compiled once for each source and set of options. */
export function buildProgram(
  arch: Arch,
  source: string,
  {
    language = 'c',
    options = ['-O1'],
  }: { language?: 'c' | 'c++'; options?: readonly string[] } = {},
): Uint8Array {
  const key = createHash('sha256')
    .update([arch, language, ...options, source].join('\0'))
    .digest('hex');
  const known = built.get(key);
  if (known !== undefined) return known;
  const folder = mkdtempSync(join(tmpdir(), 'mayexec-mingw-'));
  try {
    const input = join(folder, language === 'c' ? 'program.c' : 'program.cc');
    const output = join(folder, 'program.exe');
    writeFileSync(input, source);
    execFileSync(compilerOf(arch, language), ['-w', '-o', output, input, ...options]);
    if (!existsSync(output)) throw new Error(`no ${output}`);
    const bytes = new Uint8Array(readFileSync(output));
    built.set(key, bytes);
    return bytes;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
