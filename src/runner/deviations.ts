/**
 * Known ways in which the emulated CPU differs from a real one, or two real ones from each other. What they
 * explain is no failure of the code under test. Found out from the path that the case took.
 */
import { flagBit } from '../kit/abi/machine-state.js';
import type { Instruction } from '../toolchain/disassembly/disassembler.js';
import { flagsRead, undefinedAfter } from '../x86/undefined-flags.js';
import type { StateDifference } from './compare-records.js';
import type { CaseRecord } from './cpu-case.js';

export interface Deviation {
  readonly name:
    | 'undefined flags'
    | 'undefined result'
    | 'unsupported instruction'
    | 'reads the machine'
    | 'approximation'
    | 'exception flags'
    | 'system call';
  /** A sentence with the instruction that brings it about. */
  readonly reason: string;
}

export const DEVIATIONS: Readonly<Record<Deviation['name'], string>> = {
  'undefined flags': 'the manual leaves these flags undefined, so that CPUs differ in them',
  'undefined result':
    'the manual leaves the result undefined (bsf or bsr of zero, a double shift too far)',
  'unsupported instruction':
    'the emulator has neither AVX nor BMI with its default cpu: CPUID says so, and they are undefined opcodes',
  'reads the machine':
    'the instruction tells of the machine or of time (cpuid, rdtsc, rdrand, ...)',
  approximation: 'the manual gives an error bound and no exact result (rcpps, rsqrtps, fsin, ...)',
  'exception flags':
    'the emulator does not raise the exception flags of the x87 status word as a CPU does',
  'system call': 'the case makes a system call, which the runner forbids on the host',
};

const MACHINE =
  /^(?:cpuid|rdtscp?|rdpmc|rdrand|rdseed|rdpid|xgetbv|sgdt|sidt|sldt|str|smsw|lsl|lar|verr|verw)$/;
const APPROXIMATE =
  /^(?:rcpps|rcpss|rsqrtps|rsqrtss|fsin|fcos|fsincos|fptan|fpatan|f2xm1|fyl2x|fyl2xp1)$/;
const SYSTEM_CALL = /^(?:syscall|sysenter|int)$/;
const MAY_BE_UNDEFINED = /^(?:bsf|bsr|shld|shrd)$/;
const EXCEPTION_FLAGS = 'fpsw';

/**
 * What explains `differences`, one entry for each cause; undefined when a difference remains. `path`: the
 * instructions that ran in the sandbox, in order.
 */
export function explain(
  differences: readonly StateDifference[],
  [host, sandbox]: readonly [CaseRecord, CaseRecord],
  path: readonly Instruction[],
): Deviation[] | undefined {
  const last = path.at(-1);
  if (isIllegal(sandbox) && !isIllegal(host) && last !== undefined) {
    return [found('unsupported instruction', last)];
  }
  const call = path.find(({ mnemonic }) => SYSTEM_CALL.test(mnemonic));
  if (call !== undefined && host.end.kind === 'killed') return [found('system call', call)];
  const machine = path.find(({ mnemonic }) => MACHINE.test(mnemonic));
  if (machine !== undefined) return [found('reads the machine', machine)];
  const approximate = path.find(({ mnemonic }) => APPROXIMATE.test(mnemonic));
  if (approximate !== undefined) return [found('approximation', approximate)];
  return byCause(differences, path);
}

/** Each cause takes the differences that it explains, the next one what is left. */
function byCause(
  differences: readonly StateDifference[],
  path: readonly Instruction[],
): Deviation[] | undefined {
  const causes: Deviation[] = [];
  let rest = differences;
  const without = (explains: (difference: StateDifference) => boolean, cause?: Deviation): void => {
    const left = rest.filter((difference) => !explains(difference));
    if (left.length < rest.length && cause !== undefined) causes.push(cause);
    rest = left;
  };
  without(({ where }) => where === EXCEPTION_FLAGS, plain('exception flags'));
  const { unknown, source, reader } = undefinedFlags(path);
  if (reader !== undefined) {
    const reason = `\`${reader.text}\` reads a flag that \`${source?.text}\` left undefined`;
    without(() => true, { name: 'undefined flags', reason });
  } else if (source !== undefined) {
    const seen = ({ where }: StateDifference): boolean => ((flagBit(where) ?? 0n) & unknown) !== 0n;
    without(seen, found('undefined flags', source));
  }
  const result = path.find(({ mnemonic }) => MAY_BE_UNDEFINED.test(mnemonic));
  if (result !== undefined) without(() => true, found('undefined result', result));
  return rest.length === 0 ? causes : undefined;
}

/** Flags undefined at the end, the instruction that left them so, and the first one that read such a flag. */
function undefinedFlags(path: readonly Instruction[]): {
  readonly unknown: bigint;
  readonly source: Instruction | undefined;
  readonly reader: Instruction | undefined;
} {
  let unknown = 0n;
  let source: Instruction | undefined;
  for (const instruction of path) {
    if (flagsRead(instruction.mnemonic) & unknown) return { unknown, source, reader: instruction };
    const after = undefinedAfter(instruction.mnemonic, instruction.operands, unknown);
    if (after & ~unknown) source = instruction;
    unknown = after;
  }
  return { unknown, source, reader: undefined };
}

function plain(name: Deviation['name']): Deviation {
  return { name, reason: DEVIATIONS[name] };
}

function found(name: Deviation['name'], instruction: Instruction): Deviation {
  return { name, reason: `\`${instruction.text}\`: ${DEVIATIONS[name]}` };
}

function isIllegal({ end }: CaseRecord): boolean {
  return end.kind === 'signal' && end.signal === 'SIGILL';
}
