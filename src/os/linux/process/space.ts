/** Address spaces and policy stacks for processes of a kernel: who is told what they decide and change. */

import type { Policy } from '../../../policy/policy.js';
import { type PolicyReport, PolicyStack } from '../../../policy/stack.js';
import type { LinuxKernel } from '../kernel.js';
import type { AddressSpace as Space } from '../mm/address-space.js';
import { AddressSpace } from '../mm/address-space.js';
import type { TaskFacts } from '../mm/hooks.js';
import type { Layout } from '../mm/placement/layout.js';
import { changeEvent } from '../mm/vmas/mapping.js';

/** What a space needs to know of the process that it belongs to. */
export interface SpaceOwner {
  readonly pid: number;
  /** The system call that is being made. */
  readonly call: string | undefined;
  readonly facts: TaskFacts;
}

/** Decisions go into the trace, and their log lines into the kernel's log. */
export function createPolicies(
  kernel: LinuxKernel,
  policies: readonly Policy[],
  owner: () => SpaceOwner,
): PolicyStack {
  const report = ({ policy, hook, verdict }: PolicyReport): void => {
    const { pid, call } = owner();
    kernel.record({ type: 'verdict', pid, policy, hook, verdict, call });
    kernel.printPolicy(verdict.log ?? []);
  };
  return new PolicyStack(policies, report);
}

export function createSpace(
  kernel: LinuxKernel,
  layout: Layout,
  policies: PolicyStack,
  owner: () => SpaceOwner,
): Space {
  const { engine, arch, frames, hugePool, sysctls } = kernel;
  const overcommit = sysctls.get('vm.overcommit_memory');
  const maxMapCount = sysctls.get('vm.max_map_count');
  return new AddressSpace({
    arch,
    frames,
    layout,
    policies,
    nx: policies.effects.nx,
    report: (event) => kernel.record(changeEvent(event, owner().pid)),
    flushTlb: (page, count) => engine.flushTlb(page, count),
    stackPointer: () => kernel.stackPointer,
    task: () => owner().facts,
    watch: kernel.watch,
    programCounter: () => kernel.programCounter,
    tuning: {
      hugePool,
      pku: kernel.protectionKeys,
      nextInode: () => kernel.files.newNumber(),
      ...(overcommit === undefined ? {} : { overcommit: overcommit as 0 | 1 | 2 }),
      ...(maxMapCount === undefined ? {} : { maxMapCount }),
    },
  });
}
