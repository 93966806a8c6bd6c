/** Whether this host runs native code: it runs the smallest program of an architecture once, and remembers. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Arch } from '../index.js';

const STATUS = 7;

/** exit(7) as ELF files: the header, one readable and executable segment, the code. */
const PROGRAMS: Readonly<Record<Arch, readonly string[]>> = {
  'x86-64': [
    '7f454c46020101000000000000000000 0200 3e00 01000000 7800400000000000 4000000000000000',
    '0000000000000000 00000000 4000 3800 0100 0000 0000 0000',
    '01000000 05000000 0000000000000000 0000400000000000 0000400000000000',
    '8400000000000000 8400000000000000 0010000000000000',
    'b83c000000 bf07000000 0f05', // mov eax, 60; mov edi, 7; syscall
  ],
  i386: [
    '7f454c46010101000000000000000000 0200 0300 01000000 54800408 34000000',
    '00000000 00000000 3400 2000 0100 0000 0000 0000',
    '01000000 00000000 00800408 00800408 60000000 60000000 05000000 00100000',
    'b801000000 bb07000000 cd80', // mov eax, 1; mov ebx, 7; int 0x80
  ],
};

const known = new Map<Arch, string | undefined>();

/**
 * Why native code of `arch` cannot run here; undefined where it can. A kernel without IA32 emulation, or started
 * with ia32_emulation=off, runs none of i386. The first question for each architecture starts a process.
 */
export function whyNotOnHost(arch: Arch = 'x86-64'): string | undefined {
  if (!known.has(arch)) known.set(arch, askHost(arch, spawnSync));
  return known.get(arch);
}

/** Runs a file and says how that went, in the words of spawnSync; no type of Node's, which a user may not have. */
export type Execute = (file: string) => {
  readonly status: number | null;
  readonly signal: string | null;
  readonly error?: Error | undefined;
};

/** Asks anew, by means of `execute`. */
export function askHost(arch: Arch, execute: Execute): string | undefined {
  const { platform, arch: cpu } = process;
  if (platform !== 'linux' || cpu !== 'x64') {
    return `native code of ${arch} runs on Linux on x86-64, and this host is ${platform} on ${cpu}`;
  }
  const other = arch === 'i386' ? askHost('x86-64', execute) : undefined;
  if (other !== undefined) return other;
  const failure = failureOf(
    Buffer.from(PROGRAMS[arch].join('').replaceAll(' ', ''), 'hex'),
    execute,
  );
  if (failure === undefined) return undefined;
  return arch === 'i386'
    ? `this host's kernel runs no 32-bit programs, which native code of i386 needs (${failure})`
    : `this host runs no programs from ${tmpdir()}, which native code needs (${failure})`;
}

function failureOf(elf: Uint8Array, execute: Execute): string | undefined {
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), 'mayexec-'));
    const file = join(folder, 'exit');
    writeFileSync(file, elf, { mode: 0o755 });
    const { status, signal, error } = execute(file);
    if (error !== undefined) return error.message;
    if (status === STATUS) return undefined;
    return `the smallest one ended with ${signal ?? `status ${status}`}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  }
}
