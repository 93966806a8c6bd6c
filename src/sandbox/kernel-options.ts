/** The option `kernel`: a kernel in ring 0 beside a Linux program, as options of a sandbox of its own. */
import { checkRecord, wrongArgument } from '../base/arguments.js';
import { MayexecError } from '../base/errors.js';
import { checkOptionNames, type OptionNames } from '../base/options.js';
import type { KernelMemory } from '../policy/lsm/kernel-memory.js';
import { lsmMechanism } from '../policy/lsm/lsm.js';
import type { PolicySet } from '../policy/registry.js';
import { type CheckedOptions, checkOptions, type SandboxOptions } from './options.js';
import type { GuestOs } from './worlds.js';

const KERNEL: OptionNames<NonNullable<SandboxOptions['kernel']>> = { program: true };

/** For the kernel's start, and for each write to its device. */
const LEAST_BLOCKS = 10_000_000;

export interface CheckedKernel {
  readonly options: SandboxOptions;
  readonly checked: CheckedOptions;
}

/** Its limits are those of the program, of blocks at least 10,000,000. @throws MayexecError for what is no kernel, and beside what is no Linux program. */
export function checkKernel(options: SandboxOptions, os: GuestOs): CheckedKernel | undefined {
  const { kernel, kernelVersion, engine, limits, monitor } = options;
  if (kernel === undefined) return undefined;
  checkRecord('kernel', kernel, 'an object such as { program: bytes }');
  checkOptionNames('kernel of Sandbox.create', kernel, KERNEL);
  if (kernel.program === undefined) {
    throw new MayexecError('kernel.program is undefined: expected the ELF image of a kernel');
  }
  if (typeof kernel.program !== 'object' || kernel.program === null) {
    throw wrongArgument('kernel.program', kernel.program, 'the ELF image of a kernel');
  }
  if (os !== 'linux') {
    throw new MayexecError(
      `kernel is for a program of os 'linux' to run beside, and this sandbox runs os '${os}'`,
    );
  }
  const own: SandboxOptions = {
    os: 'kernel',
    program: kernel.program,
    kernelVersion,
    engine,
    limits: { memory: limits?.memory, blocks: blocksOf(limits?.blocks) },
    monitor,
  };
  return { options: own, checked: checkOptions(own) };
}

/** Short runs of a program (an explanation makes many) need a kernel that has started all the same. */
function blocksOf(given: number | undefined): number | undefined {
  return given === undefined ? undefined : Math.max(given, LEAST_BLOCKS);
}

/** The policies of a process with that of the kernel beside it. The policy none is what it says. */
export function withKernel(policies: PolicySet, kernel: KernelMemory | undefined): PolicySet {
  if (kernel === undefined || policies.spec === 'none') return policies;
  return { ...policies, policies: [...policies.policies, lsmMechanism(kernel)] };
}
