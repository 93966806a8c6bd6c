/** The same bytes on the host's CPU and on the emulated one: what differs, and what of that is known. */

import type { Addr } from '../base/address.js';
import { checkList } from '../base/arguments.js';
import { MayexecError } from '../base/errors.js';
import { checkOptionNames, type OptionNames } from '../base/options.js';
import { aFunction, checkShape } from '../base/shape.js';
import type { Code, CodeSource } from '../kit/bed/code.js';
import { loadCode } from '../kit/open-calls.js';
import { disassemble, type Instruction } from '../toolchain/disassembly/disassembler.js';
import { compareRecords, type StateDifference } from './compare-records.js';
import type { CaseRecord, CpuCase } from './cpu-case.js';
import { type Deviation, explain } from './deviations.js';
import { decodeRecords, encodeCases, runInSandbox } from './run-in-sandbox.js';
import { buildRunner, type Runner } from './runner.js';

/**
 * Runs the executable natively with these bytes as standard input; gives its standard output.
 * @throws MayexecError where it does not run.
 */
export type RunNatively = (elf: Uint8Array, input: Uint8Array, arch: Code['arch']) => Uint8Array;

export interface CpuCompareOptions {
  /** Of code that does not say; default 'x86-64'. */
  readonly arch?: Code['arch'];
  /** Named memory: lengths in bytes. Each buffer ends at an unmapped page. */
  readonly buffers?: Readonly<Record<string, number>>;
}

const OPTIONS: OptionNames<CpuCompareOptions> = { arch: true, buffers: true };

export interface DifferingCase {
  /** Which of the cases. */
  readonly index: number;
  readonly given: CpuCase;
  readonly differences: readonly StateDifference[];
  readonly host: CaseRecord;
  readonly sandbox: CaseRecord;
}

export interface ExplainedCase extends DifferingCase {
  /** One for each cause. */
  readonly causes: readonly Deviation[];
}

export interface CpuComparison {
  /** Cases that ran. */
  readonly cases: number;
  /** With a difference that nothing known explains. */
  readonly failures: readonly DifferingCase[];
  /** With differences that a known deviation explains. */
  readonly deviations: readonly ExplainedCase[];
}

/** Instructions of a differing case that are looked at. */
const MOST_INSTRUCTIONS = 100_000;
const LONGEST_INSTRUCTION = 15;

/**
 * Runs each case natively, in a process of its own that may make no system call but read, write and exit, and
 * in the sandbox. `mayexec/native` has it for Node: compareWithHost.
 * @throws MayexecError where the host runs no such code, and for cases that name unknown registers or buffers.
 */
export async function compareCpus(
  source: CodeSource,
  cases: readonly CpuCase[],
  runNatively: RunNatively,
  options: CpuCompareOptions = {},
): Promise<CpuComparison> {
  checkOptionNames('compareWithHost', options, OPTIONS);
  checkList('the cases', cases, 'a list of cases');
  checkShape('what runs a case natively', runNatively, aFunction);
  const code = await loadCode(source, options.arch);
  const runner = await buildRunner(code, options.buffers);
  const input = encodeCases(runner, cases);
  const host = decodeRecords(runner, runNatively(runner.elf, input, code.arch));
  if (host.length < cases.length) {
    throw new MayexecError(
      `the host ran ${host.length} of ${cases.length} cases, then the runner ended`,
    );
  }
  const sandbox = await runInSandbox(runner, cases);
  const failures: DifferingCase[] = [];
  const deviations: ExplainedCase[] = [];
  for (const [index, given] of cases.entries()) {
    const pair = [host[index]!, sandbox[index]!] as const;
    const differences = compareRecords(...pair);
    if (differences.length === 0) continue;
    const differing = { index, given, differences, host: pair[0], sandbox: pair[1] };
    const causes = explain(differences, pair, await pathOf(runner, given));
    if (causes === undefined) failures.push(differing);
    else deviations.push({ ...differing, causes });
  }
  return { cases: cases.length, failures, deviations };
}

/** The instructions of the code under test that a case runs, in order. */
async function pathOf(runner: Runner, given: CpuCase): Promise<Instruction[]> {
  const { code } = runner;
  const addresses: Addr[] = [];
  const inCode = (pc: Addr): boolean =>
    code.parts.some(({ address, bytes }) => pc >= address && pc < address + BigInt(bytes.length));
  await runInSandbox(runner, [given], {
    onInstruction: (pc) => {
      if (addresses.length < MOST_INSTRUCTIONS && inCode(pc)) addresses.push(pc);
    },
  });
  const decoded = new Map<Addr, Instruction>();
  for (const address of new Set(addresses)) {
    const part = code.parts.find(
      (each) => address >= each.address && address < each.address + BigInt(each.bytes.length),
    )!;
    const at = Number(address - part.address);
    const bytes = part.bytes.subarray(at, at + LONGEST_INSTRUCTION);
    const [instruction] = await disassemble(bytes, { arch: code.arch, address, count: 1 });
    if (instruction !== undefined) decoded.set(address, instruction);
  }
  return addresses.flatMap((address) => decoded.get(address) ?? []);
}
