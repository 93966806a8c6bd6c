/**
 * Which policy gives these results? Candidates are examined in rounds: few experiments for all, more
 * for those that are still possible, everything for the last ones. What fits in the end fits every
 * experiment that was measured; when nothing fits, the candidates with the fewest differences are named.
 */
import type { Arch } from '../base/address.js';
import { MayexecError } from '../base/errors.js';
import { checkOptionNames, type OptionNames } from '../base/options.js';
import { parsePolicy } from '../policy/registry.js';
import {
  AXES,
  type Axis,
  combinedCandidates,
  singleCandidates,
  WINDOWS_AXES,
  windowsCandidates,
  wineCandidates,
} from './candidates.js';
import {
  COMPARED,
  type Comparison,
  compareOutcomes,
  lacksMeans,
  type ProbeDifference,
} from './compare.js';
import { Examiner } from './examiner.js';
import type { ProbedSystem } from './experiments.js';
import { checkResults, type ProbeResults, parseProbe, systemOf } from './results.js';
import type { Surroundings } from './run.js';
import { WIN32_EXPERIMENTS } from './win32/experiments.js';

export interface IdentifyOptions {
  /** Policy specs to hold the results against; default: every built-in policy and the usual combinations. */
  readonly candidates?: readonly string[] | undefined;
  /** Told after each run how many policies wait for theirs. */
  readonly progress?: ((waiting: number) => void) | undefined;
}

export interface NearCandidate {
  readonly policy: string;
  readonly differences: readonly ProbeDifference[];
}

/** An experiment whose outcome ruled candidates out. */
export interface DecidingExperiment {
  readonly experiment: string;
  readonly measured: string;
  /** How many candidates it ruled out that the experiments before it in the list had not. */
  readonly excluded: number;
  /** Policies by name that it left in no form. */
  readonly excludes: readonly string[];
}

export interface Identification {
  /** 'exact': what is in `fits` explains every result; 'nearest': nothing does. */
  readonly kind: 'exact' | 'nearest';
  /** Whose policies were compared; a policy under Wine is that of the kernel. */
  readonly os: ProbedSystem;
  readonly results: ProbeResults;
  /** False when the results are cut off, of another version or damaged: more might have told more. */
  readonly complete: boolean;
  readonly surroundings: Surroundings;
  /** Policies that give exactly these results: they cannot be told apart here. Those of real systems first, the simplest of them before others. */
  readonly fits: readonly string[];
  /** When nothing fits: the nearest, with where they differ. */
  readonly nearest: readonly NearCandidate[];
  /** Few experiments that rule out everything else. */
  readonly deciding: readonly DecidingExperiment[];
  /** Experiments that the machine could not make, for want of memfds, of a writable /tmp and the like. */
  readonly unavailable: readonly string[];
  readonly examined: number;
}

/** Experiments of each round; the last one has all the others. */
const FIRST = ['anon-rw-rx', 'prot-unknown', 'heap-rx', 'protect-nothing'];
const SECOND = [
  'anon-rwx',
  'anon-run',
  'zero-written-rx',
  'file-written-rx',
  'stack-rx',
  'file-rx',
  'trampoline',
  'hint-file',
  'program-marked-heap',
  'memfd-seals',
  'prot-final',
  'map-jit',
];
const THIRD = [
  'personality-map',
  'shared-anon-rw-rx',
  'heap-neighbour',
  'heap-memfd-rx',
  'heap-memfd-neighbour',
  'fixed-over',
  'mdwe-own',
  'text-rw',
  'stack-elsewhere',
  'library-relocation',
  'hint-anon',
  'prot-max-beyond',
  'map-jit-switch',
  'pkey-protect-rx',
  'program-marked-stack',
  'armor-first',
];
const LINUX_ROUNDS: readonly (readonly string[])[] = [FIRST, SECOND, THIRD, COMPARED];
/** One process makes all of these experiments. */
const WIN32_ROUNDS: readonly (readonly string[])[] = [
  ['start', 'dep-system', 'acg-flags', 'valloc-rwx', 'valloc-rw-rx', 'section-dual'],
  WIN32_EXPERIMENTS.map(({ name }) => name),
];

/** How many of those that differ least go on to the next round when nothing fits. */
const NEAR_BY_ROUND = [80, 30, 12, 12];
const NEAREST = 3;

/** A system with nothing beside its default. */
const PLAIN = { linux: 'nx', windows: 'dep', wine: 'nx' } as const;

const OPTIONS: OptionNames<IdentifyOptions> = { candidates: true, progress: true };

/**
 * Says which policies give these results.
 * @throws MayexecError for a text that is no output of a probe, and for an unknown candidate.
 */
export async function identify(
  input: string | ProbeResults,
  options: IdentifyOptions = {},
): Promise<Identification> {
  checkOptionNames('identify', options, OPTIONS);
  const results = typeof input === 'string' ? parseProbe(input) : input;
  checkResults(results);
  const surroundings = surroundingsOf(results);
  const { arch } = results;
  const os = systemOf(results);
  const matcher = new Matcher(
    results,
    new Examiner({ arch, os, surroundings, progress: options.progress }),
  );
  const candidates = options.candidates ?? (await candidatesOf(matcher, arch, os));
  for (const policy of candidates) parsePolicy(policy, { arch, os });
  if (results.outcomes.size === 0) {
    throw new MayexecError('these results hold no experiment that this mayexec knows');
  }
  const fits = simplestFirst(await fitting(matcher, candidates));
  const nearest = fits.length > 0 ? [] : await nearestOf(matcher, candidates);
  return {
    kind: fits.length > 0 ? 'exact' : 'nearest',
    os,
    results,
    complete: results.problems.length === 0,
    surroundings,
    fits,
    nearest,
    deciding: fits.length > 0 ? decidingExperiments(matcher, candidates, new Set(fits)) : [],
    unavailable: unavailable(matcher, fits[0]),
    examined: candidates.length,
  };
}

/** Lacked means; a policy that refuses them is no lack. */
function unavailable(matcher: Matcher, policy: string | undefined): string[] {
  const expected = policy === undefined ? undefined : matcher.outcomes(policy);
  return [...matcher.results.outcomes].flatMap(([name, outcome]) =>
    lacksMeans(name, outcome) && expected?.get(name) !== outcome ? [name] : [],
  );
}

/** What of the machine is no policy, told by outcomes that no policy has. */
export function surroundingsOf({ arch, outcomes }: ProbeResults): Surroundings {
  const refused = (name: string): boolean => outcomes.get(name) === 'mmap:r-x EPERM';
  return {
    noexec: [
      ...(refused('file-rx') ? (['/tmp'] as const) : []),
      ...(refused('shm-file-dual') ? (['/dev/shm'] as const) : []),
    ],
    protectionKeys: outcomes.get('protection-keys')?.startsWith('ok') === true,
    smallSpace: arch === 'i386' && outcomes.get('fourth-gigabyte') === 'mmap:rw- ENOMEM',
  };
}

/** Candidates held against the results. */
class Matcher {
  readonly results: ProbeResults;
  readonly os: ProbedSystem;
  readonly rounds: readonly (readonly string[])[];
  readonly #examiner: Examiner;
  /** By policy: what earlier identifications learned beyond it shall not change the answer. */
  readonly #asked = new Map<string, Set<string>>();

  constructor(results: ProbeResults, examiner: Examiner) {
    this.results = results;
    this.os = systemOf(results);
    this.rounds = this.os === 'linux' ? LINUX_ROUNDS : WIN32_ROUNDS;
    this.#examiner = examiner;
  }

  /** Only what was measured is tried. */
  async learn(policies: readonly string[], experiments: readonly string[]): Promise<void> {
    const measured = experiments.filter((name) => this.results.outcomes.has(name));
    for (const policy of policies) {
      this.#asked.set(policy, new Set([...(this.#asked.get(policy) ?? []), ...measured]));
    }
    await this.#examiner.learn(policies, new Set(measured));
  }

  outcomes(policy: string): ReadonlyMap<string, string> {
    return this.#examiner.outcomes(policy);
  }

  /** By what is known so far. */
  compare(policy: string): Comparison {
    const asked = this.#asked.get(policy);
    const outcomes = [...this.outcomes(policy)].filter(([name]) => asked?.has(name));
    return compareOutcomes(this.results, outcomes);
  }
}

async function candidatesOf(
  matcher: Matcher,
  arch: Arch,
  os: ProbedSystem,
): Promise<readonly string[]> {
  if (os === 'wine') return wineCandidates(arch);
  if (os === 'linux') {
    const choices = await choicesOf(matcher, AXES);
    return [...singleCandidates(arch), ...combinedCandidates(choices, arch)];
  }
  return windowsCandidates(await choicesOf(matcher, WINDOWS_AXES));
}

/** Of each mechanism what agrees with the experiments that show it. */
async function choicesOf(matcher: Matcher, axes: readonly Axis[]): Promise<string[][]> {
  const choices: string[][] = [];
  for (const { values, evidence } of axes) {
    const specs = values.map((value) => value || PLAIN[matcher.os]);
    await matcher.learn(specs, evidence);
    const kept = values.filter((_, index) => agrees(matcher, specs[index]!, evidence));
    choices.push(kept.length === 0 ? [...values.slice(0, 1)] : kept);
  }
  return choices;
}

function agrees(matcher: Matcher, policy: string, experiments: readonly string[]): boolean {
  const { differences } = matcher.compare(policy);
  return differences.every(({ experiment }) => !experiments.includes(experiment));
}

/** Those that no experiment contradicts; of these, those that most experiments support. */
async function fitting(matcher: Matcher, candidates: readonly string[]): Promise<string[]> {
  let left = [...candidates];
  for (const experiments of matcher.rounds) {
    await matcher.learn(left, experiments);
    left = left.filter((policy) => matcher.compare(policy).differences.length === 0);
  }
  const most = Math.max(...left.map((policy) => matcher.compare(policy).agreeing));
  return left.filter((policy) => matcher.compare(policy).agreeing === most);
}

async function nearestOf(
  matcher: Matcher,
  candidates: readonly string[],
): Promise<NearCandidate[]> {
  const distance = (policy: string): number => matcher.compare(policy).differences.length;
  let left = [...candidates];
  for (const [round, experiments] of matcher.rounds.entries()) {
    await matcher.learn(left, experiments);
    left = simplestFirst(left)
      .sort((a, b) => distance(a) - distance(b))
      .slice(0, NEAR_BY_ROUND[round]);
  }
  return left.slice(0, NEAREST).map((policy) => ({
    policy,
    differences: matcher.compare(policy).differences,
  }));
}

/** A rule of the sandbox's own, and a patch that no release had: a machine has another one, where that fits too. */
const ON_NO_MACHINE = /^(restricted-)?wx\b/;

/** Those of real systems, then fewest policies, fewest options, and the order of the catalog. */
function simplestFirst(policies: readonly string[]): string[] {
  const weight = (policy: string): number =>
    (ON_NO_MACHINE.test(policy) ? 1000 : 0) +
    policy.split('+').length * 100 +
    policy.split('=').length;
  return [...policies].sort((a, b) => weight(a) - weight(b));
}

/** Greedy: the experiment that rules out most of what is not ruled out yet, until all is. */
function decidingExperiments(
  matcher: Matcher,
  candidates: readonly string[],
  fits: ReadonlySet<string>,
): DecidingExperiment[] {
  const against = new Map<string, Set<string>>();
  const open = new Set<string>();
  for (const policy of candidates) {
    const { differences } = matcher.compare(policy);
    if (fits.has(policy) || differences.length === 0) continue;
    open.add(policy);
    for (const { experiment } of differences) {
      against.set(experiment, (against.get(experiment) ?? new Set()).add(policy));
    }
  }
  const deciding: DecidingExperiment[] = [];
  while (open.size > 0) {
    const counts = [...against].map(
      ([name, policies]) => [name, [...policies].filter((policy) => open.has(policy))] as const,
    );
    const [experiment, ruledOut] = counts.reduce((a, b) => (b[1].length > a[1].length ? b : a));
    for (const policy of ruledOut) open.delete(policy);
    const measured = matcher.results.outcomes.get(experiment)!;
    const excludes = gone(ruledOut, [...open, ...fits]);
    deciding.push({ experiment, measured, excluded: ruledOut.length, excludes });
  }
  return deciding;
}

/** Names of which no form is left. */
function gone(ruledOut: readonly string[], left: readonly string[]): string[] {
  const name = (policy: string): string => policy.replace(/:[^+]*/g, '');
  const remaining = new Set(left.map(name));
  return [...new Set(ruledOut.map(name))].filter((each) => !remaining.has(each));
}
