/** Whether this host's kernel runs our executables: Linux on x86-64, i386 where it was built in. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Arch } from '../../src/base/address.js';
import { writeElf } from '../../src/formats/elf/writer.js';

const known = new Map<Arch, string | undefined>();

/** Undefined when it does, else the reason why it does not. */
export function hostRuns(arch: Arch): string | undefined {
  if (!known.has(arch)) known.set(arch, probe(arch));
  return known.get(arch);
}

function probe(arch: Arch): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `runs programs of Linux on x86-64; this is ${process.platform} on ${process.arch}`;
  }
  const folder = mkdtempSync(join(tmpdir(), 'mayexec-probe-'));
  const path = join(folder, 'exit');
  writeFileSync(path, exitProgram(arch), { mode: 0o755 });
  const { status, error } = spawnSync(path);
  rmSync(folder, { recursive: true });
  if (status === 7) return undefined;
  return `the kernel of this host does not run ${arch} programs (${error?.message ?? status})`;
}

/** exit(7), in bytes: the probe must not depend on what it is a probe for. */
function exitProgram(arch: Arch): Uint8Array {
  const wide = arch === 'x86-64';
  const bytes = wide
    ? Uint8Array.of(0xb8, 60, 0, 0, 0, 0xbf, 7, 0, 0, 0, 0x0f, 0x05)
    : Uint8Array.of(0xb8, 1, 0, 0, 0, 0xbb, 7, 0, 0, 0, 0xcd, 0x80);
  const address = wide ? 0x400000n : 0x8048000n;
  const segment = { address, bytes, memoryLength: bytes.length, write: false, exec: true };
  return writeElf({ arch, entry: address, segments: [segment] });
}
