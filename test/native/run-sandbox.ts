/** Runs the guest in the sandbox: the same ELF, the same script, the same file beside it. */
import type { Arch } from '../../src/abi/address.js';
import { Sandbox } from '../../src/sandbox.js';
import { FILES } from './files.js';
import { guestElf } from './guest-elf.js';
import { decodeReport, type SequenceReport } from './report.js';
import { encodeScript, type NumberedSequence } from './script.js';

/** Sequences per sandbox. The guest forks for each, so that none sees what another left. */
const BATCH = 1;

export async function runSandbox(
  arch: Arch,
  sequences: readonly NumberedSequence[],
): Promise<SequenceReport[]> {
  const bytes = await guestElf(arch);
  const reports: SequenceReport[] = [];
  for (let first = 0; first < sequences.length; first += BATCH) {
    const batch = sequences.slice(first, first + BATCH);
    using sandbox = await Sandbox.create({
      arch,
      policy: 'nx',
      seed: 1,
      program: { bytes, path: '/guest', argv: ['guest'] },
      stdin: encodeScript(arch, batch, { fork: false }),
      files: FILES,
      limits: { memory: 256 << 20, blocks: 1_000_000_000 },
    });
    const outcome = sandbox.run();
    const got = decodeReport(arch, batch, sandbox.stdout);
    if (outcome.kind !== 'exit' || outcome.code !== 0 || got.length !== batch.length) {
      const shown = JSON.stringify(outcome, (_, value) =>
        typeof value === 'bigint' ? `0x${value.toString(16)}` : value,
      );
      throw new Error(
        `the guest ended in the sandbox after ${got.length} of ${batch.length} sequences: ${shown}`,
      );
    }
    reports.push(...got);
  }
  return reports;
}
