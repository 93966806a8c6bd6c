/** Cases on the host's CPU: the runner's file as a process of its own. Node on Linux, x86-64. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Arch } from '../abi/address.js';
import { MayexecError } from '../abi/errors.js';
import type { CaseRecord, CpuCase } from './cpu-case.js';
import { decodeRecords, encodeCases } from './run-in-sandbox.js';
import type { Runner } from './runner.js';

/** What would be wrong with running native code here; undefined when nothing is. */
export function whyNotOnHost(arch: Arch): string | undefined {
  const { platform, arch: cpu } = process;
  if (platform !== 'linux' || cpu !== 'x64') {
    return `native code of ${arch} runs on Linux on x86-64, and this host is ${platform} on ${cpu}`;
  }
  return undefined;
}

/**
 * Each case runs in a process of its own that may only read, write and end.
 * @throws MayexecError where the host cannot run the code at all.
 */
export function runOnHost(runner: Runner, cases: readonly CpuCase[]): CaseRecord[] {
  const reason = whyNotOnHost(runner.arch);
  if (reason !== undefined) throw new MayexecError(reason);
  const folder = mkdtempSync(join(tmpdir(), 'mayexec-'));
  try {
    const file = join(folder, 'runner');
    writeFileSync(file, runner.elf);
    chmodSync(file, 0o755);
    const done = spawnSync(file, {
      input: encodeCases(runner, cases),
      maxBuffer: cases.length * runner.outputLength + 4096,
    });
    if (done.error !== undefined) {
      throw new MayexecError(`the host does not run the code: ${done.error.message}`);
    }
    const records = decodeRecords(runner, new Uint8Array(done.stdout));
    if (records.length === cases.length) return records;
    throw new MayexecError(
      `the host ran ${records.length} of ${cases.length} cases, then the runner ended (${done.signal ?? `status ${done.status}`})`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
