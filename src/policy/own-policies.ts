/** Policies of the caller's own beside the built-in ones: a spec may name them, and only the caller has them. */
import { checkText, shownValue, wrongArgument } from '../base/arguments.js';
import { MayexecError } from '../base/errors.js';
import { aMap, checkShape } from '../base/shape.js';
import type { Policy } from './policy.js';
import { policyNames } from './registry.js';
import { parseSpec } from './spec.js';

/** By name. */
export type OwnPolicies = ReadonlyMap<string, Policy>;

export const NO_OWN_POLICIES: OwnPolicies = new Map();

/** @throws MayexecError for what is no policy, and for a name that another one has. */
export function ownPoliciesOf(given: readonly Policy[] = []): OwnPolicies {
  const own = new Map<string, Policy>();
  if (!Array.isArray(given)) throw wrongArgument('ownPolicies', given, 'a list of policies');
  for (const policy of given) {
    const name: unknown = policy?.name;
    if (typeof name !== 'string') {
      throw new MayexecError(
        `${shownValue(policy)} in ownPolicies is no policy: expected one of definePolicy`,
      );
    }
    if (own.has(name) || policyNames.includes(name)) {
      throw new MayexecError(`policy '${name}' of ownPolicies exists already`);
    }
    own.set(name, policy);
  }
  return own;
}

/**
 * The spec, with the caller's policies in the places of their names: what Sandbox.create takes.
 * @throws MayexecError for options of a policy that has none. Other names are judged where specs are.
 */
export function withOwnPolicies(
  spec: string,
  own: OwnPolicies,
): string | readonly (string | Policy)[] {
  checkText('withOwnPolicies: the spec', spec);
  checkShape('withOwnPolicies: the policies', own, aMap);
  const parts = parseSpec(spec);
  if (!parts.some(({ name }) => own.has(name))) return spec;
  return parts.map(({ name, options }) => {
    const policy = own.get(name);
    const [option] = options.keys();
    if (policy !== undefined && option !== undefined) {
      throw new MayexecError(`policy '${name}' takes no options, but '${option}' was given`);
    }
    const texts = [...options].map(([key, value]) => `${key}=${value}`);
    return policy ?? (texts.length === 0 ? name : `${name}:${texts.join(',')}`);
  });
}

/** What to do about a name that is none of the built-in policies: it may be somebody's own. */
export function ownPolicyHint(spec: string): string {
  const unknown = parseSpec(spec).find(({ name }) => !policyNames.includes(name));
  return unknown === undefined
    ? ''
    : `; a policy of one's own is for the caller to pass, as mayexec test --policy-file ${unknown.name}=FILE`;
}
