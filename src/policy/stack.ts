/**
 * PolicyStack: the policies of one process, asked in order at every hook. Each sees the flags as
 * narrowed so far, the first deny or kill ends the call, and every decision that is not a silent
 * 'allow' is reported. That a policy only takes away is asserted here, not trusted.
 */

import { InvariantError } from '../base/errors.js';
import { allow, type Ruling, type Verdict } from '../base/verdict.js';
import type { ImageFacts } from '../os/linux/exec/hooks.js';
import { VM_ACCESS, VM_MAYACCESS, type VmFlags } from '../os/linux/mm/vmas/vma.js';
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
    let answer: Ruling = allow;
    let shown = args;
    for (const policy of this.#byHook.get(hook) ?? []) {
      const ask = policy[hook] as (...args: readonly unknown[]) => Verdict;
      const verdict = ask.apply(policy, shown as unknown[]) ?? allow;
      if (verdict.kind === 'allow' && verdict.rule === undefined) continue;
      const { name } = policy;
      if (verdict.kind === 'narrow') {
        const { rights, left } = narrowed(policy, hook, shown, verdict.flags);
        const { rule, reason } = verdict;
        const taken = [...(answer.taken ?? []), { policy: name, rule, reason, rights }];
        answer = { ...verdict, policy: name, taken };
        shown = left;
      } else if (answer.kind === 'allow') {
        answer = { ...verdict, policy: name };
      }
      report?.({ policy: name, hook, verdict });
      if (verdict.kind === 'deny' || verdict.kind === 'kill') return { ...verdict, policy: name };
    }
    return answer;
  }
}

/** What a narrowing took, and what the next policy is shown: the request with the flags that are left. */
function narrowed(
  policy: Policy,
  hook: HookName,
  args: readonly unknown[],
  flags: VmFlags,
): { readonly rights: VmFlags; readonly left: readonly unknown[] } {
  const at = HOOKS[hook].request;
  const request = at === undefined ? undefined : (args[at] as { readonly flags: VmFlags });
  checkNarrowed(policy, hook, request?.flags, flags);
  const left = args.map((arg, index) => (index === at ? { ...request, flags } : arg));
  return { rights: (request?.flags ?? 0) & ~flags, left };
}

/** Asserts that only access and may bits are gone, nothing came, and no right outlives its may bit. */
function checkNarrowed(
  policy: Policy,
  hook: HookName,
  before: VmFlags | undefined,
  after: VmFlags,
): void {
  const wrong = (what: string): InvariantError =>
    new InvariantError(`policy ${policy.name}, hook ${hook}: ${what}`);
  if (before === undefined) throw wrong('a hook without flags cannot narrow');
  if (after & ~before) throw wrong(`added VM_ bits 0x${(after & ~before).toString(16)}`);
  const removed = before & ~after;
  if (removed & ~(VM_ACCESS | VM_MAYACCESS)) {
    throw wrong(`removed VM_ bits 0x${removed.toString(16)} that are no rights`);
  }
  const orphans = after & (removed >> 4) & VM_ACCESS;
  if (orphans) throw wrong(`left rights 0x${orphans.toString(16)} without their may bit`);
}
