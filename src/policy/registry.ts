/** The registry: built-in policies by name, specs to policies, and what `mayexec policies` prints. */

import type { Arch } from '../base/address.js';
import { checkText, shownValue } from '../base/arguments.js';
import { MayexecError, unknownValue } from '../base/errors.js';
import { catalog, mechanisms } from './catalog.js';
import {
  type MechanismInfo,
  OS_NAMES,
  OS_WORDS,
  type Os,
  type PolicyDefinition,
  type PolicyInfo,
  PolicyOptions,
  type PolicyTarget,
} from './definition.js';
import { type MergedEffects, type MmInit, mergeEffects } from './effects.js';
import { mdweMechanism } from './linux/mdwe.js';
import { nxMechanism } from './linux/nx.js';
import { lsmInfo } from './lsm/info.js';
import type { Policy } from './policy.js';
import { parseSpec } from './spec.js';

/** Policies ready for a process. `nx` and `mmInit` repeat what `effects` says. */
export interface PolicySet {
  readonly policies: readonly Policy[];
  readonly effects: MergedEffects;
  readonly nx: boolean;
  readonly mmInit: MmInit;
  /** Canonical spec. */
  readonly spec: string;
}

const byName = new Map<string, PolicyDefinition>(
  catalog.map((definition) => [definition.info.name, definition]),
);

export const policyNames: readonly string[] = [...byName.keys()];

const DEFAULT_TARGET: PolicyTarget = { arch: 'x86-64', os: 'linux' };

/**
 * Policies of a spec such as 'selinux:execheap=deny+mdwe'.
 * @throws MayexecError for an unknown policy, option or value, and for a policy of another system.
 */
export function parsePolicy(spec: string, target: PolicyTarget = DEFAULT_TARGET): PolicySet {
  return assemble(create(spec, target), target);
}

/** Policies from a host's choice: a spec, a Policy of its own, or a list of both. All must agree to a call. */
export function resolvePolicies(
  choice: string | Policy | readonly (string | Policy)[],
  arch: Arch,
  os: PolicyTarget['os'] = 'linux',
): PolicySet {
  const target: PolicyTarget = { arch, os };
  const choices = Array.isArray(choice) ? choice : [choice];
  if (choices.length === 0)
    throw new MayexecError(
      "the list of policies is empty: expected at least one, for instance 'nx'",
    );
  const policies = choices.flatMap((one: string | Policy) =>
    typeof one === 'string' ? create(one, target) : [checked(one)],
  );
  return assemble(policies, target);
}

/** Every built-in policy in a fixed order. */
export function listPolicies(): readonly PolicyInfo[] {
  return catalog.map((definition) => definition.info);
}

/** What programs may use under every policy, in a fixed order: pages of text, nothing to choose. */
export function listMechanisms(): readonly MechanismInfo[] {
  return mechanisms;
}

/** @throws MayexecError with the nearest name. */
export function describePolicy(name: string): PolicyInfo {
  checkText('the policy', name);
  return definitionOf(name).info;
}

function create(spec: string, target: PolicyTarget): Policy[] {
  return parseSpec(spec).map(({ name, options }) => {
    const definition = definitionOf(name);
    const { info } = definition;
    const checkedOptions = new PolicyOptions(info, options);
    if (!governs(info, target.os)) {
      // Where a program for Windows meets policies of Linux, and the other way round.
      const other = target.os === 'windows' ? 'wine' : target.os === 'wine' ? 'windows' : undefined;
      const where =
        other !== undefined && governs(info, other)
          ? `; the same program runs under it with os '${other}'`
          : '';
      throw new MayexecError(
        `${whoseItIs(info)}, and this sandbox runs os '${target.os}': ${info.summary}${where}`,
      );
    }
    return definition.create(checkedOptions, target);
  });
}

/** Why no program of `os` can run under the spec: the policy of it that governs others only. */
export function outOfPlace(spec: string, os: PolicyTarget['os']): string | undefined {
  for (const { name } of parseSpec(spec)) {
    const info = byName.get(name)?.info;
    if (info !== undefined && !governs(info, os)) {
      return whoseItIs(info);
    }
  }
  return undefined;
}

/** The operating systems whose programs the spec can govern; none where its policies have none in common. */
export function policySystems(spec: string): Os[] {
  checkText('the policy', spec);
  return OS_NAMES.filter((os) => outOfPlace(spec, os) === undefined);
}

function whoseItIs({ name, os }: PolicyInfo): string {
  return `policy '${name}' governs ${os.map((each) => OS_WORDS[each]).join(' and ')} programs`;
}

/** Wine's programs are programs of Linux, whose policies govern them. */
function governs({ os }: PolicyInfo, target: PolicyTarget['os']): boolean {
  return os.includes(target) || (target === 'wine' && os.includes('linux'));
}

function definitionOf(name: string): PolicyDefinition {
  const definition = byName.get(name);
  if (mechanisms.some((one) => one.name === name)) {
    const whose =
      name === lsmInfo.name
        ? 'it is that of a kernel beside the program, which --kernel or the option kernel names'
        : 'programs use it under every policy';
    throw new MayexecError(`'${name}' is no policy to choose: ${whose} (mayexec policies ${name})`);
  }
  if (definition !== undefined) return definition;
  const listed = name.split(',').map((part) => part.trim());
  if (listed.length > 1 && listed.every((part) => byName.has(part))) {
    throw new MayexecError(
      `unknown policy '${name}': several policies are joined by '+', as '${listed.join('+')}'`,
    );
  }
  throw unknownValue('policy', name, policyNames);
}

function assemble(policies: readonly Policy[], target: PolicyTarget): PolicySet {
  const names = policies.map((policy) => policy.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new MayexecError(`policy '${twice}' is given twice`);
  const mechanisms = mechanismsOf(target).filter(({ name }) => !names.includes(name));
  const effects = mergeEffects(policies.map((policy) => policy.effects));
  return {
    policies: [...policies, ...mechanisms],
    effects,
    nx: effects.nx,
    mmInit: effects.mmInit,
    spec: policies.map((policy) => policy.spec ?? policy.name).join('+'),
  };
}

/** The prctl of mdwe exists on every Linux since 6.3: a program may switch it on itself. */
function mechanismsOf({ os }: PolicyTarget): readonly Policy[] {
  return os === 'windows' || os === 'kernel' ? [] : [mdweMechanism, nxMechanism];
}

function checked(policy: Policy): Policy {
  if (typeof policy === 'object' && policy !== null && typeof policy.name === 'string') {
    return policy;
  }
  throw new MayexecError(
    `policy is ${shownValue(policy)}: expected a spec string, an object from definePolicy, or a list of them`,
  );
}
