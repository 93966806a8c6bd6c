/**
 * PolicyStack: the policies of one process, asked in order at every hook. Each sees the flags as
 * narrowed so far, the first deny or kill ends the call, and every decision that is not a silent
 * 'allow' is reported. That a policy only takes away is asserted here, not trusted.
 */
import type { Addr, AddrRange, Arch } from '../base/address.js';
import { InvariantError } from '../base/errors.js';
import type { Access } from '../base/outcome.js';
import { VM_ACCESS, VM_MAYACCESS, type Vma, type VmFlags } from '../os/linux/mm/vma.js';
import { type MergedEffects, mergeEffects } from './effects.js';
import {
  allow,
  type FaultContext,
  type ImageFacts,
  type MapRequest,
  type MmFacts,
  type Policy,
  type ProtectRequest,
  type RemapRequest,
  type TaskFacts,
  type Verdict,
} from './policy.js';

export const HOOK_NAMES = [
  'exec',
  'syscall',
  'mmapFile',
  'mmapFlags',
  'mmapRegion',
  'mmapRegionPost',
  'mprotectArguments',
  'mprotectRights',
  'mprotect',
  'mremap',
  'implicit',
  'fault',
] as const;
export type HookName = (typeof HOOK_NAMES)[number];

/** A decision other than a silent 'allow'. */
export interface PolicyReport {
  readonly policy: string;
  readonly hook: HookName;
  readonly verdict: Verdict;
}

type FlagHook = 'mmapFlags' | 'mmapRegion' | 'mmapRegionPost' | 'implicit';
type VmaHook = 'mprotectRights' | 'mprotect';

/** Hooks that see the flags and may clear some; the others allow or refuse as a whole. */
export const NARROWING_HOOKS: ReadonlySet<HookName> = new Set<FlagHook | VmaHook>([
  'mmapFlags',
  'mmapRegion',
  'mmapRegionPost',
  'implicit',
  'mprotectRights',
  'mprotect',
]);

export class PolicyStack {
  readonly policies: readonly Policy[];
  readonly effects: MergedEffects;
  /** Receives every decision other than a silent 'allow', in order. */
  report: ((report: PolicyReport) => void) | undefined;
  /** Tells policies who asks, for their log lines. */
  task: (() => TaskFacts) | undefined;
  /** By hook, the policies that have it: most have two or three of them. */
  readonly #byHook: ReadonlyMap<HookName, readonly Policy[]>;

  constructor(
    policies: readonly Policy[],
    report?: (report: PolicyReport) => void,
    task?: () => TaskFacts,
  ) {
    this.policies = policies;
    this.report = report;
    this.task = task;
    this.effects = mergeEffects(policies.map((policy) => policy.effects));
    this.#byHook = new Map(
      HOOK_NAMES.map((hook) => [hook, policies.filter((policy) => policy[hook] !== undefined)]),
    );
  }

  /** Is a policy of this name in force (its calls exist, its marks count)? */
  has(name: string): boolean {
    return this.policies.some((policy) => policy.name === name);
  }

  /** The stack as the marks of a program's file shape it; reports go the same way. */
  forProgram(image: ImageFacts): PolicyStack {
    const shaped = this.policies.map((policy) => policy.forProgram?.(image) ?? policy);
    return new PolicyStack(shaped, this.report, this.task);
  }

  exec(image: ImageFacts, facts: MmFacts): Verdict {
    return this.#simple('exec', facts, (policy, full) => policy.exec?.(image, full));
  }

  syscall(name: string, args: readonly bigint[], facts: MmFacts): Verdict {
    return this.#simple('syscall', facts, (policy, full) => policy.syscall?.(name, args, full));
  }

  mmapFile(request: MapRequest, facts: MmFacts): Verdict {
    // Only R, W and X are known yet: allowed or refused as a whole.
    return this.#simple('mmapFile', facts, (policy, full) => policy.mmapFile?.(request, full));
  }

  mmapFlags(request: MapRequest, facts: MmFacts): Verdict {
    return this.#map('mmapFlags', request, facts);
  }

  mmapRegion(request: MapRequest, facts: MmFacts): Verdict {
    return this.#map('mmapRegion', request, facts);
  }

  mmapRegionPost(request: MapRequest, facts: MmFacts): Verdict {
    return this.#map('mmapRegionPost', request, facts);
  }

  implicit(request: MapRequest, facts: MmFacts): Verdict {
    return this.#map('implicit', request, facts);
  }

  mprotectArguments(prot: number, range: AddrRange, facts: MmFacts): Verdict {
    return this.#simple('mprotectArguments', facts, (policy, full) =>
      policy.mprotectArguments?.(prot, range, full),
    );
  }

  mprotectRights(vma: Vma, request: ProtectRequest, facts: MmFacts): Verdict {
    return this.#protect('mprotectRights', vma, request, facts);
  }

  mprotect(vma: Vma, request: ProtectRequest, facts: MmFacts): Verdict {
    return this.#protect('mprotect', vma, request, facts);
  }

  mremap(vma: Vma, request: RemapRequest, facts: MmFacts): Verdict {
    return this.#simple('mremap', facts, (policy, full) => policy.mremap?.(vma, request, full));
  }

  /** Never 'narrow'; 'allow' with a rule or 'deny' names the rule behind the fault, 'kill' replaces its signal. */
  fault(
    vma: Vma | undefined,
    address: Addr,
    access: Access,
    facts: MmFacts,
    context?: FaultContext,
  ): Verdict {
    return this.#simple('fault', facts, (policy, full) =>
      policy.fault?.(vma, address, access, full, context),
    );
  }

  #map(hook: FlagHook, request: MapRequest, facts: MmFacts): Verdict {
    return this.#run(hook, facts, request.flags, (policy, full, flags) =>
      policy[hook]?.(flags === request.flags ? request : { ...request, flags }, full),
    );
  }

  #protect(hook: VmaHook, vma: Vma, request: ProtectRequest, facts: MmFacts): Verdict {
    return this.#run(hook, facts, request.flags, (policy, full, flags) =>
      policy[hook]?.(vma, flags === request.flags ? request : { ...request, flags }, full),
    );
  }

  /** Hooks without flags: there is nothing to narrow. */
  #simple(
    hook: HookName,
    facts: MmFacts,
    ask: (policy: Policy, facts: MmFacts) => Verdict | undefined,
  ): Verdict {
    return this.#run(hook, facts, undefined, ask);
  }

  #run(
    hook: HookName,
    facts: MmFacts,
    asked: VmFlags | undefined,
    ask: (policy: Policy, facts: MmFacts, flags: VmFlags) => Verdict | undefined,
  ): Verdict {
    const policies = this.#byHook.get(hook);
    if (policies === undefined || policies.length === 0) return allow;
    const full = this.task === undefined ? facts : new TaskedFacts(facts, this.task);
    let flags = asked;
    let answer: Verdict = allow;
    for (const policy of policies) {
      const verdict = ask(policy, full, flags ?? 0);
      if (verdict === undefined || (verdict.kind === 'allow' && verdict.rule === undefined)) {
        continue;
      }
      if (verdict.kind === 'narrow') {
        flags = narrowed(policy, hook, flags, verdict.flags);
        answer = verdict;
      } else if (answer.kind === 'allow') {
        answer = verdict;
      }
      this.report?.({ policy: policy.name, hook, verdict });
      if (verdict.kind === 'deny' || verdict.kind === 'kill') return verdict;
    }
    return answer;
  }
}

/** The caller's facts, read through, with the task: asked for only when a log line needs it. */
class TaskedFacts implements MmFacts {
  readonly #facts: MmFacts;
  readonly #task: () => TaskFacts;

  constructor(facts: MmFacts, task: () => TaskFacts) {
    this.#facts = facts;
    this.#task = task;
  }

  get arch(): Arch {
    return this.#facts.arch;
  }

  get nx(): boolean {
    return this.#facts.nx;
  }

  get personality(): number {
    return this.#facts.personality;
  }

  get startBrk(): Addr {
    return this.#facts.startBrk;
  }

  get brk(): Addr {
    return this.#facts.brk;
  }

  get startStack(): Addr {
    return this.#facts.startStack;
  }

  get stackPointer(): Addr {
    return this.#facts.stackPointer;
  }

  get restrictedWx(): boolean {
    return this.#facts.restrictedWx;
  }

  get mdwe(): number {
    return this.#facts.mdwe;
  }

  get task(): TaskFacts {
    return this.#task();
  }
}

/** Asserts that only access and may bits are gone, nothing came, and no right outlives its may bit. */
function narrowed(
  policy: Policy,
  hook: HookName,
  before: VmFlags | undefined,
  after: VmFlags,
): VmFlags {
  const complain = (what: string): never => {
    throw new InvariantError(`policy ${policy.name}, hook ${hook}: ${what}`);
  };
  if (before === undefined) return complain('a hook without flags cannot narrow');
  if (after & ~before) return complain(`added VM_ bits 0x${(after & ~before).toString(16)}`);
  const removed = before & ~after;
  if (removed & ~(VM_ACCESS | VM_MAYACCESS)) {
    return complain(`removed VM_ bits 0x${removed.toString(16)} that are no rights`);
  }
  const orphans = after & (removed >> 4) & VM_ACCESS;
  if (orphans) return complain(`left rights 0x${orphans.toString(16)} without their may bit`);
  return after;
}
