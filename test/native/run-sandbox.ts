/** Runs the guest in the sandbox: the same ELF, the same script, the same files beside it. */
import type { Arch } from '../../src/base/address.js';
import type { Outcome } from '../../src/base/outcome.js';
import { Sandbox } from '../../src/sandbox/sandbox.js';
import { FILES } from './files.js';
import { guestElf } from './guest-elf.js';
import { decodeReport, type SequenceReport } from './report.js';
import { encodeScript, type NumberedSequence } from './script.js';

/** Each sequence in a sandbox of its own: what one of them breaks cannot hurt another. */
export async function runSandbox(
  arch: Arch,
  sequences: readonly NumberedSequence[],
): Promise<SequenceReport[]> {
  const reports: SequenceReport[] = [];
  for (const sequence of sequences) reports.push(await runOne(arch, sequence));
  return reports;
}

async function runOne(arch: Arch, sequence: NumberedSequence): Promise<SequenceReport> {
  const bytes = await guestElf(arch);
  const sandbox = await Sandbox.create({
    arch,
    policy: 'nx',
    program: { bytes, argv: ['guest'] },
    stdin: encodeScript(arch, [sequence], { fork: false }),
    files: FILES,
  });
  try {
    const outcome = sandbox.run();
    const [report] = decodeReport(arch, [sequence], sandbox.stdout);
    if (outcome.kind === 'exit' && outcome.code === 0 && report !== undefined) return report;
    return { id: sequence.id, entries: [], end: `in the sandbox: ${outcomeText(outcome)}` };
  } finally {
    sandbox.close();
  }
}

function outcomeText(outcome: Outcome): string {
  return JSON.stringify(outcome, (_, value) =>
    typeof value === 'bigint' ? `0x${value.toString(16)}` : value,
  );
}
