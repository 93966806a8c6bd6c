/**
 * Many policies in one run. A verdict depends on nothing but its arguments, so while the probe runs
 * under one policy the others are asked the same questions: as long as they answer alike, they give the
 * same results. Where one answers differently, it has to be run for that experiment itself.
 */

import type { PolicyEffects } from '../policy/effects.js';
import { type AllHookArguments, HOOK_NAMES, type HookName } from '../policy/hooks.js';
import type { Policy, Verdict } from '../policy/policy.js';
import type { PolicySet } from '../policy/registry.js';
import { PolicyStack } from '../policy/stack.js';

/** A policy that is asked along. */
interface Follower {
  readonly index: number;
  readonly stack: PolicyStack;
}

/** Policies whose calls exist only where they are in force (prctl): they cannot follow one without them. */
const WITH_CALLS = ['restricted-wx', 'hardened-runtime'];

export class Lockstep {
  /** The policy to run under: the first of the sets, with the others following. */
  readonly policy: Policy;
  readonly #diverged: Set<number>[];
  #moment = 0;

  /** `moments` is how many parts of the run are told apart; see `next`. */
  constructor(sets: readonly PolicySet[], moments: number) {
    this.#diverged = sets.map(() => new Set<number>());
    const [leader, ...others] = sets.map(({ policies }) => new PolicyStack(policies));
    const followers = others.map((stack, at): Follower => ({ index: at + 1, stack }));
    const all = Array.from({ length: moments }, (_, moment) => moment);
    for (const { index, stack } of followers) {
      if (!alike(leader!, stack)) this.#diverged[index] = new Set(all);
    }
    this.policy = this.#shaped(leader!, followers);
  }

  /** The next part of the run begins. */
  next(): void {
    this.#moment++;
  }

  /** In which parts the policy of this number went another way than the first. */
  diverged(index: number): ReadonlySet<number> {
    return this.#diverged[index]!;
  }

  #shaped(leader: PolicyStack, followers: readonly Follower[]): Policy {
    const hooks = HOOK_NAMES.map((hook) => [
      hook,
      (...args: AllHookArguments[HookName]) =>
        this.#judge(leader, followers, (stack) => stack.ask(hook, ...args)),
    ]);
    return {
      name: nameOf(leader),
      effects: leader.effects,
      forProgram: (image) => {
        const shaped = leader.forProgram(image);
        const rest = followers.map(({ index, stack }) => ({
          index,
          stack: stack.forProgram(image),
        }));
        for (const { index, stack } of rest) if (!alike(shaped, stack)) this.#note(index);
        return this.#shaped(shaped, rest);
      },
      ...Object.fromEntries(hooks),
    };
  }

  #judge(
    leader: PolicyStack,
    followers: readonly Follower[],
    ask: (stack: PolicyStack) => Verdict,
  ): Verdict {
    const verdict = ask(leader);
    for (const { index, stack } of followers) {
      if (this.#diverged[index]!.has(this.#moment)) continue;
      if (!sameVerdict(verdict, ask(stack))) this.#note(index);
    }
    return verdict;
  }

  #note(index: number): void {
    this.#diverged[index]!.add(this.#moment);
  }
}

/** What the kernel asks for by name, and `mdwe`, which must not be added a second time. */
function nameOf(stack: PolicyStack): string {
  return [...WITH_CALLS, 'mdwe'].find((name) => stack.has(name)) ?? 'lockstep';
}

function alike(a: PolicyStack, b: PolicyStack): boolean {
  return (
    WITH_CALLS.every((name) => a.has(name) === b.has(name)) && sameEffects(a.effects, b.effects)
  );
}

/** Plain data by value, functions by identity. */
function sameEffects(a: PolicyEffects, b: PolicyEffects): boolean {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof PolicyEffects>;
  return [...keys].every((key) => a[key] === b[key] || textOf(a[key]) === textOf(b[key]));
}

function textOf(value: unknown): string | symbol {
  if (typeof value === 'function') return Symbol('each function is its own');
  return (
    JSON.stringify(value, (_key, part: unknown) =>
      typeof part === 'bigint' ? `${part}n` : part,
    ) ?? ''
  );
}

/** To the guest; rules and log lines may differ. */
function sameVerdict(a: Verdict, b: Verdict): boolean {
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case 'allow':
      return true;
    case 'narrow':
      return b.kind === 'narrow' && a.flags === b.flags;
    case 'deny':
      return b.kind === 'deny' && a.errno === b.errno && a.status === b.status;
    default:
      return b.kind === 'kill' && a.signal === b.signal;
  }
}
