/**
 * What the probe gives under many policies: each is run as far as its answers differ from those of the
 * others (lockstep.ts), and what a run gave is kept for the life of the program.
 */
import type { Arch } from '../base/address.js';
import { parsePolicy } from '../policy/registry.js';
import { type ProbedSystem, probeExperiments } from './experiments.js';
import { Lockstep } from './lockstep.js';
import { runProbe, type Surroundings } from './run.js';

/** Policies of which the same experiments are wanted. */
interface Group {
  readonly policies: readonly string[];
  /** In the order of the probe. */
  readonly experiments: readonly string[];
}

export interface ExaminerOptions {
  readonly arch: Arch;
  readonly os: ProbedSystem;
  readonly surroundings: Surroundings;
  /** Told after each run how many policies are waiting. */
  readonly progress?: ((waiting: number) => void) | undefined;
}

const known = new Map<string, Map<string, string>>();

export class Examiner {
  readonly #options: ExaminerOptions;
  readonly #order: readonly string[];

  constructor(options: ExaminerOptions) {
    this.#options = options;
    this.#order = probeExperiments(options.arch, options.os).map(({ name }) => name);
  }

  /** What is known so far of a policy, by experiment. */
  outcomes(policy: string): ReadonlyMap<string, string> {
    return this.#outcomes(policy);
  }

  /**
   * Makes sure that these experiments are known under these policies.
   * @throws MayexecError for a wrong spec.
   */
  async learn(policies: readonly string[], experiments: ReadonlySet<string>): Promise<void> {
    const wanted = this.#order.filter((name) => experiments.has(name));
    const waiting = grouped(
      policies.map((policy) => {
        const outcomes = this.#outcomes(policy);
        return [policy, wanted.filter((name) => !outcomes.has(name))] as const;
      }),
    );
    for (let group = waiting.pop(); group !== undefined; group = waiting.pop()) {
      waiting.push(...(await this.#run(group)));
      this.#options.progress?.(waiting.reduce((sum, { policies: left }) => sum + left.length, 0));
    }
  }

  /** Runs the first policy of a group; gives what the others must be run for themselves. */
  async #run({ policies, experiments }: Group): Promise<Group[]> {
    const { arch, os, surroundings } = this.#options;
    const sets = policies.map((policy) => parsePolicy(policy, { arch, os }));
    // The start, then each experiment; the header and each result end one of them.
    const lockstep = new Lockstep(sets, experiments.length + 1);
    const { outcomes } = await runProbe({
      arch,
      os,
      surroundings,
      policy: lockstep.policy,
      only: experiments,
      onLine: () => lockstep.next(),
    });
    const rest = policies.map((policy, index) => {
      const diverged = lockstep.diverged(index);
      const own = experiments.filter((_, at) => diverged.has(0) || diverged.has(at + 1));
      const shared = experiments.filter((name) => !own.includes(name));
      for (const name of shared) this.#outcomes(policy).set(name, outcomes.get(name) ?? '');
      return [policy, own] as const;
    });
    return grouped(rest);
  }

  #outcomes(policy: string): Map<string, string> {
    const { arch, os, surroundings } = this.#options;
    const key = JSON.stringify([arch, os, surroundings, policy]);
    const outcomes = known.get(key) ?? new Map<string, string>();
    known.set(key, outcomes);
    return outcomes;
  }
}

/** By what is missing; policies of which nothing is missing are left out. */
function grouped(missing: readonly (readonly [string, readonly string[]])[]): Group[] {
  const groups = new Map<string, { policies: string[]; experiments: readonly string[] }>();
  for (const [policy, experiments] of missing) {
    if (experiments.length === 0) continue;
    const key = experiments.join();
    const group = groups.get(key) ?? { policies: [], experiments };
    group.policies.push(policy);
    groups.set(key, group);
  }
  return [...groups.values()];
}
