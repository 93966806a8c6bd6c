/**
 * mayexec/native: code on the host's own CPU beside the emulated one. Node on Linux on x86-64; each case runs in a
 * process of its own that may make no system call but read, write and exit.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Arch,
  type CodeSource,
  type CpuCase,
  type CpuCompareOptions,
  type CpuComparison,
  compareCpus,
  MayexecError,
} from '../index.js';
import { whyNotOnHost } from './host.js';

export type { CpuCase, CpuCompareOptions, CpuComparison };
export { whyNotOnHost };

/**
 * Runs code from each state natively and in the sandbox. `failures` differ without a known reason; `deviations`
 * name theirs: flags that the manual leaves undefined, instructions that the emulator does not have, and so on.
 * @throws MayexecError where the host runs no such code (ask whyNotOnHost), for code outside
 * 0x1000 to 0x30000000, and for cases that name unknown registers or buffers.
 */
export function compareWithHost(
  source: CodeSource,
  cases: readonly CpuCase[],
  options: CpuCompareOptions = {},
): Promise<CpuComparison> {
  return compareCpus(source, cases, runNatively, options);
}

function runNatively(elf: Uint8Array, input: Uint8Array, arch: Arch): Uint8Array {
  const reason = whyNotOnHost(arch);
  if (reason !== undefined) throw new MayexecError(reason);
  const folder = mkdtempSync(join(tmpdir(), 'mayexec-'));
  try {
    const file = join(folder, 'runner');
    writeFileSync(file, elf, { mode: 0o755 });
    const done = spawnSync(file, { input, maxBuffer: 1 << 30 });
    if (done.error === undefined) return new Uint8Array(done.stdout);
    throw new MayexecError(`the host does not run the code: ${done.error.message}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
