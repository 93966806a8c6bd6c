/**
 * Any options of any policy, drawn at random: a candidate gives the same results, so identify has an exact
 * answer for it. Takes minutes, so only MAYEXEC_PROBE=all asks for it.
 */
import { expect, it } from 'vitest';
import type { Arch } from '../../src/base/address.js';
import { Random } from '../../src/base/random.js';
import { catalog } from '../../src/policy/catalog.js';
import type { PolicyInfo } from '../../src/policy/definition.js';
import { parsePolicy } from '../../src/policy/registry.js';
import { singleCandidates } from '../../src/probe/candidates.js';
import { COMPARED } from '../../src/probe/compare.js';
import { Examiner } from '../../src/probe/examiner.js';
import { USUAL } from '../../src/probe/run.js';

const PER_POLICY = 8;

function drawn({ name, options }: PolicyInfo, random: Random): string {
  const chosen = options.filter(() => random.below(2) === 1);
  const texts = chosen.map((option) => {
    const value = option.values[random.below(option.values.length)];
    return `${option.name}=${value}`;
  });
  return texts.length === 0 ? name : `${name}:${texts.join(',')}`;
}

function isPossible(policy: string, arch: Arch): boolean {
  try {
    return parsePolicy(policy, { arch, os: 'linux' }).spec !== '';
  } catch {
    return false;
  }
}

it.for(['x86-64', 'i386'] as const)(
  'every draw of options has a candidate with its results, %s',
  async (arch, ctx) => {
    if (process.env.MAYEXEC_PROBE !== 'all') return ctx.skip('takes minutes: MAYEXEC_PROBE=all');
    const random = new Random(7);
    const draws = catalog
      .filter(({ info }) => info.os.includes('linux'))
      .flatMap(({ info }) => Array.from({ length: PER_POLICY }, () => drawn(info, random)))
      .filter((policy) => isPossible(policy, arch));
    const candidates = singleCandidates(arch);
    const examiner = new Examiner({ os: 'linux', arch, surroundings: USUAL });
    await examiner.learn([...new Set([...candidates, ...draws])], new Set(COMPARED));
    const results = (policy: string): string =>
      JSON.stringify([...examiner.outcomes(policy)].sort());
    const known = new Set(candidates.map(results));
    expect(draws.length).toBeGreaterThan(80);
    expect(draws.filter((policy) => !known.has(results(policy)))).toEqual([]);
  },
);
