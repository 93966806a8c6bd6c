/** The host's C compiler, where there is one: programs that run on the real kernel and in the sandbox. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Arch } from '../../../src/base/address.js';
import { lacking } from '../../host/host.js';

export interface NativeRun {
  readonly stdout: string;
  /** The shell's: 128 + signal when one killed it. */
  readonly status: number;
}

export interface Compiled {
  readonly bytes: Uint8Array;
  /** Runs it on the host's kernel; a sentence why not, where that cannot be. */
  run(args?: readonly string[]): NativeRun | { readonly why: string };
}

/** No C library, so that `-m32` needs none either. */
const FREESTANDING =
  '-O1 -static -nostdlib -ffreestanding -fno-pie -no-pie -fno-stack-protector -msse2 -mno-red-zone';

export const programs = fileURLToPath(new URL('./programs/', import.meta.url));

/** A sentence why not, when there is no compiler that does it. */
export function compile(
  source: string,
  arch: Arch,
  flags = FREESTANDING,
  compiler = 'gcc',
): Compiled | { readonly why: string } {
  const directory = mkdtempSync(join(tmpdir(), 'mayexec-'));
  try {
    const target = join(directory, 'program');
    const args = [...flags.split(' '), ...(arch === 'i386' ? ['-m32'] : []), '-o', target];
    const done = spawnSync(compiler, [...args, join(programs, source)], { encoding: 'utf8' });
    if (done.error !== undefined) return { why: `${compiler} is not installed` };
    if (done.status !== 0)
      return { why: `${compiler} ${flags} fails: ${done.stderr.split('\n')[0]}` };
    const bytes = new Uint8Array(readFileSync(target));
    return { bytes, run: (rest = []) => runNative(arch, bytes, rest) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Rights are an ordinary user's, in the sandbox as well. */
function ordinaryUser(): { readonly uid?: number; readonly gid?: number } {
  return process.getuid?.() === 0 ? { uid: 1000, gid: 1000 } : {};
}

function runNative(
  arch: Arch,
  bytes: Uint8Array,
  args: readonly string[],
): NativeRun | { readonly why: string } {
  const why = lacking(arch);
  if (why !== undefined) return { why };
  const script =
    'f=$(mktemp); cat >"$f"; chmod 700 "$f"; "$f" "$@" </dev/null; s=$?; rm "$f"; exit $s';
  const env = { A: 'one', PATH: process.env.PATH };
  const done = spawnSync('sh', ['-c', script, 'sh', ...args], {
    env,
    input: bytes,
    ...ordinaryUser(),
  });
  return { stdout: done.stdout.toString('utf8'), status: done.status ?? 1 };
}
