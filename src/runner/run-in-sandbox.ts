/** Cases on the emulated CPU: the runner's file in a sandbox. */
import type { Addr } from '../base/address.js';
import { Sandbox } from '../sandbox/sandbox.js';
import { type CaseRecord, type CpuCase, decodeRecord, encodeCase } from './cpu-case.js';
import type { Runner } from './runner.js';

/** Blocks for each case; more than a case that ends within the host's time limit needs in a test. */
const BLOCKS_PER_CASE = 2_000_000;

export interface SandboxRunOptions {
  /** Sees the address of each instruction. */
  readonly onInstruction?: (pc: Addr) => void;
}

/** A case that does not end has the end 'limit'; the ones behind it run in a sandbox of their own. */
export async function runInSandbox(
  runner: Runner,
  cases: readonly CpuCase[],
  options: SandboxRunOptions = {},
): Promise<CaseRecord[]> {
  const records: CaseRecord[] = [];
  while (records.length < cases.length) {
    const rest = cases.slice(records.length);
    records.push(...(await runOnce(runner, rest, options)));
    if (records.length < cases.length) {
      records.push({ end: { kind: 'limit' }, state: undefined, buffers: {} });
    }
  }
  return records;
}

async function runOnce(
  runner: Runner,
  cases: readonly CpuCase[],
  { onInstruction }: SandboxRunOptions,
): Promise<CaseRecord[]> {
  using sandbox = await Sandbox.create({
    arch: runner.arch,
    program: runner.elf,
    stdin: encodeCases(runner, cases),
    limits: { blocks: 100_000 + cases.length * BLOCKS_PER_CASE },
  });
  if (onInstruction !== undefined) sandbox.onInstruction(onInstruction);
  sandbox.run();
  return decodeRecords(runner, sandbox.stdout);
}

export function encodeCases(runner: Runner, cases: readonly CpuCase[]): Uint8Array {
  const bytes = new Uint8Array(cases.length * runner.inputLength);
  for (const [index, each] of cases.entries()) {
    bytes.set(encodeCase(each, runner.layout, runner.buffers), index * runner.inputLength);
  }
  return bytes;
}

/** As many records as are whole. */
export function decodeRecords(runner: Runner, bytes: Uint8Array): CaseRecord[] {
  const { outputLength, layout, buffers } = runner;
  return Array.from({ length: Math.floor(bytes.length / outputLength) }, (_, index) => {
    const start = index * outputLength;
    return decodeRecord(bytes.slice(start, start + outputLength), layout, buffers);
  });
}
