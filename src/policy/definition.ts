/** PolicyDefinition: a built-in policy as the registry keeps it: its page of text, its options, its maker. */

import type { Arch } from '../base/address.js';
import type { Errno } from '../base/errno.js';
import { InvariantError, MayexecError, unknownValue } from '../base/errors.js';
import type { VmFlags } from '../os/linux/mm/vmas/vma.js';
import { allowNoted, deny, kill, narrow, type Policy, type Verdict } from './policy.js';

export const OS_NAMES = ['linux', 'windows', 'wine', 'kernel'] as const;
export type Os = (typeof OS_NAMES)[number];

/** For sentences: whose programs they are. */
export const OS_WORDS: Readonly<Record<Os, string>> = {
  linux: 'Linux',
  windows: 'Windows',
  wine: 'Wine',
  kernel: 'kernel',
};

/** What the sandbox runs: some policies exist for one system only, some differ by architecture. */
export interface PolicyTarget {
  readonly arch: Arch;
  readonly os: Os;
}

export interface OptionInfo {
  readonly name: string;
  readonly summary: string;
  /** Every accepted value, or examples when `pattern` is there. */
  readonly values: readonly string[];
  /** Other values that match are accepted as well; `values` then are the ones worth naming. */
  readonly pattern?: RegExp;
  readonly default: string;
}

/** Something that an administrator, a packager or a signature can do about a policy, and what stands for it here. */
export interface PolicySwitch {
  readonly text: string;
  /** Options of the policy; the value PROGRAM stands for the name of the program's file. */
  readonly set?: Readonly<Record<string, string>>;
  /** Extended attributes of the program. */
  readonly xattrs?: Readonly<Record<string, string>>;
  /** The policy is not there any more. */
  readonly gone?: true;
}

/** What `mayexec policies NAME` prints. */
export interface PolicyInfo {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** Guests that it can govern. */
  readonly os: readonly Os[];
  /** How the real system switches it on, and that a spec needs nothing of it. */
  readonly optIn: string;
  readonly options: readonly OptionInfo[];
  /** Every rule id that its verdicts carry, with what it says. */
  readonly rules: Readonly<Record<string, string>>;
  /** What it does, in order. */
  readonly description: string;
  /** What its rules are good for: why anybody refuses such a thing. */
  readonly why?: string;
  /** All of them weaken it; smallest first. */
  readonly switches?: readonly PolicySwitch[];
  readonly history: string;
  /** Ways to run generated code under it, and its known holes. */
  readonly workarounds: readonly string[];
  /** Files and functions, papers or pages that it follows. */
  readonly source: readonly string[];
  /** What differs from the real system, when anything does. */
  readonly deviations?: readonly string[];
}

/** What every process may use or meet, whatever the policy: there is nothing to choose but its page of text. */
export type MechanismInfo = Omit<PolicyInfo, 'options' | 'rules'> &
  Partial<Pick<PolicyInfo, 'rules'>>;

export interface PolicyDefinition {
  readonly info: PolicyInfo;
  create(options: PolicyOptions, target: PolicyTarget): Policy;
}

/** The options of one policy in a spec, checked: a value for each known option, in the order given. */
export class PolicyOptions {
  readonly #info: PolicyInfo;
  readonly #given: ReadonlyMap<string, string>;

  /** @throws MayexecError naming the option or value, what is accepted, and the nearest spelling. */
  constructor(info: PolicyInfo, given: ReadonlyMap<string, string>) {
    this.#info = info;
    this.#given = given;
    for (const [name, value] of given) {
      const option = info.options.find((known) => known.name === name);
      if (option === undefined) throw unknownOption(info, name);
      if (option.values.includes(value) || option.pattern?.test(value)) continue;
      throw unknownValue(`value of ${info.name}:${name}`, value, shownValues(option));
    }
  }

  /** Those written in the spec, in their order. */
  get given(): ReadonlyMap<string, string> {
    return this.#given;
  }

  value(name: string): string {
    const option = this.#info.options.find((known) => known.name === name);
    if (option === undefined) throw new InvariantError(`${this.#info.name} has no option ${name}`);
    return this.#given.get(name) ?? option.default;
  }

  /** An option of on and off. */
  on(name: string): boolean {
    return this.value(name) === 'on';
  }

  /** The part of a spec that makes this policy again. */
  get spec(): string {
    const texts = [...this.#given].map(([name, value]) => `${name}=${value}`);
    return texts.length === 0 ? this.#info.name : `${this.#info.name}:${texts.join(',')}`;
  }
}

function unknownOption(info: PolicyInfo, name: string): MayexecError {
  if (info.options.length === 0) {
    return new MayexecError(`policy '${info.name}' takes no options, but '${name}' was given`);
  }
  return unknownValue(
    `option of policy '${info.name}'`,
    name,
    info.options.map((option) => option.name),
  );
}

function shownValues(option: OptionInfo): readonly string[] {
  return option.pattern === undefined ? option.values : [...option.values, `${option.pattern}`];
}

/** The switch that most options are. */
export function onOff(name: string, fallback: 'on' | 'off', summary: string): OptionInfo {
  return { name, summary, values: ['on', 'off'], default: fallback };
}

/** A kernel version such as 6.18; `examples` are those at which the rules change. */
export function versionOption(
  summary: string,
  examples: readonly string[],
  fallback = '6.18',
): OptionInfo {
  return { name: 'kernel', summary, values: examples, pattern: /^\d+\.\d+$/, default: fallback };
}

/** Orders versions: negative when `a` is older than `b`. Missing parts count as 0. */
export function compareVersions(a: string, b: string): number {
  const parts = (text: string): number[] => text.split('.').map(Number);
  const [left, right] = [parts(a), parts(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Makes verdicts whose rule id and sentence come from one table, so that no rule goes undocumented. */
export class Rules<Id extends string> {
  readonly #policy: string;
  readonly #sentences: Readonly<Record<Id, string>>;

  constructor(policy: string, sentences: Readonly<Record<Id, string>>) {
    this.#policy = policy;
    this.#sentences = sentences;
  }

  /** For PolicyInfo.rules: full ids. */
  get table(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      Object.entries<string>(this.#sentences).map(([id, text]) => [`${this.#policy}/${id}`, text]),
    );
  }

  deny(errno: Errno, id: Id, log?: readonly string[]): Verdict {
    return deny(errno, `${this.#policy}/${id}`, this.#sentences[id], log);
  }

  /** A Windows guest: `status` is what it sees, `errno` what it would be on Linux. */
  refuse(errno: Errno, status: number, id: Id): Verdict {
    return {
      kind: 'deny',
      errno,
      status,
      rule: `${this.#policy}/${id}`,
      reason: this.#sentences[id],
    };
  }

  narrow(flags: VmFlags, id: Id, log?: readonly string[]): Verdict {
    return narrow(flags, `${this.#policy}/${id}`, this.#sentences[id], log);
  }

  kill(signal: string, id: Id, log?: readonly string[]): Verdict {
    return kill(signal, `${this.#policy}/${id}`, this.#sentences[id], log);
  }

  note(id: Id, log?: readonly string[]): Verdict {
    return allowNoted(`${this.#policy}/${id}`, this.#sentences[id], log);
  }
}
