/**
 * PolicyStack: the policies of one process, asked in order at every hook. Each sees the flags as
 * narrowed so far, the first deny or kill ends the call, and every decision that is not a silent
 * 'allow' is reported. That a policy only takes away is asserted here, not trusted.
 */

import { InvariantError } from '../base/errors.js';
import { allow, type Ruling, type TakenRights, type Verdict } from '../base/verdict.js';
import type { ImageFacts } from '../os/linux/exec/hooks.js';
import { VM_ACCESS, VM_MAYACCESS, type VmFlags } from '../os/linux/mm/vma.js';
import { type MergedEffects, mergeEffects } from './effects.js';
import { type AllHookArguments, HOOK_NAMES, HOOKS, type HookName } from './hooks.js';
import type { Policy } from './policy.js';

/** A decision other than a silent 'allow'. */
export interface PolicyReport {
  readonly policy: string;
  readonly hook: HookName;
  readonly verdict: Verdict;
}

type Reporter = (report: PolicyReport) => void;

export class PolicyStack {
  readonly policies: readonly Policy[];
  readonly effects: MergedEffects;
  /** Receives every decision other than a silent 'allow', in order. */
  report: Reporter | undefined;
  /** By hook, the policies that have it: most have two or three of them. */
  readonly #byHook: ReadonlyMap<HookName, readonly Policy[]>;

  constructor(policies: readonly Policy[], report?: Reporter) {
    this.policies = policies;
    this.report = report;
    this.effects = mergeEffects(policies.map((policy) => policy.effects));
    this.#byHook = new Map(
      HOOK_NAMES.map((hook) => [hook, policies.filter((policy) => policy[hook] !== undefined)]),
    );
  }

  /** Is a policy of this name in force (its calls exist, its marks count)? */
  has(name: string): boolean {
    return this.policies.some((policy) => policy.name === name);
  }

  /** Has any policy something to say at this hook? */
  hears(hook: HookName): boolean {
    return this.#byHook.get(hook)?.length !== 0;
  }

  /** The stack as the marks of a program's file shape it; reports go the same way. */
  forProgram(image: ImageFacts): PolicyStack {
    const shaped = this.policies.map((policy) => policy.forProgram?.(image) ?? policy);
    return new PolicyStack(shaped, this.report);
  }

  ask<K extends HookName>(hook: K, ...args: AllHookArguments[K]): Ruling {
    return this.#run(hook, args, this.report);
  }

  /** As ask, for whoever has an event of its own to record before the decisions: `report` does that. */
  consider<K extends HookName>(
    hook: K,
    ...args: AllHookArguments[K]
  ): { readonly ruling: Ruling; readonly report: () => void } {
    const reports: PolicyReport[] = [];
    const ruling = this.#run(hook, args, (report) => reports.push(report));
    const report = (): void => {
      for (const each of reports) this.report?.(each);
    };
    return { ruling, report };
  }

  #run(hook: HookName, args: readonly unknown[], report: Reporter | undefined): Ruling {
    const policies = this.#byHook.get(hook);
    if (policies === undefined || policies.length === 0) return allow;
    const asked = new Asked(hook, args);
    let answer: Ruling = allow;
    for (const policy of policies) {
      const verdict = asked.ask(policy);
      if (verdict.kind === 'allow' && verdict.rule === undefined) continue;
      const { name } = policy;
      if (verdict.kind === 'narrow') {
        asked.narrow(policy, verdict);
        answer = { ...verdict, policy: name, taken: asked.taken };
      } else if (answer.kind === 'allow') {
        answer = { ...verdict, policy: name };
      }
      report?.({ policy: name, hook, verdict });
      if (verdict.kind === 'deny' || verdict.kind === 'kill') return { ...verdict, policy: name };
    }
    return answer;
  }
}

/** What the next policy is shown: the arguments, with the flags as those before it left them. */
class Asked {
  readonly #hook: HookName;
  #args: readonly unknown[];
  taken: readonly TakenRights[] = [];

  constructor(hook: HookName, args: readonly unknown[]) {
    this.#hook = hook;
    this.#args = args;
  }

  ask(policy: Policy): Verdict {
    const ask = policy[this.#hook] as ((...args: readonly unknown[]) => Verdict) | undefined;
    return ask?.apply(policy, [...this.#args]) ?? allow;
  }

  narrow(policy: Policy, { flags, rule, reason }: Verdict & { kind: 'narrow' }): void {
    const at = HOOKS[this.#hook].request;
    const request = at === undefined ? undefined : (this.#args[at] as { flags: VmFlags });
    const before = request?.flags;
    const after = narrowed(policy, this.#hook, before, flags);
    const rights = (before ?? 0) & ~after;
    this.taken = [...this.taken, { policy: policy.name, rule, reason, rights }];
    this.#args = this.#args.map((arg, index) => (index === at ? { ...request, flags } : arg));
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
