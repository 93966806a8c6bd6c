/** The candidates cover the catalog: every policy of Linux programs, every option, every value of it. */
import { describe, expect, it } from 'vitest';
import { catalog } from '../../src/policy/catalog.js';
import { parsePolicy } from '../../src/policy/registry.js';
import {
  ALIASES,
  AXES,
  candidatePolicies,
  combinedCandidates,
  feltOptions,
  singleCandidates,
  UNFELT,
} from '../../src/probe/candidates.js';

const linux = catalog.filter(({ info }) => info.os.includes('linux'));

describe('candidates', () => {
  it('are of every policy for Linux programs', () => {
    expect([...candidatePolicies].sort()).toEqual(linux.map(({ info }) => info.name).sort());
  });

  it('have every option, or a reason for leaving it out', () => {
    const listed = [...Object.keys(ALIASES), ...Object.keys(UNFELT)];
    const all = linux.flatMap(({ info }) => info.options.map(({ name }) => `${info.name}:${name}`));
    const felt = candidatePolicies.flatMap((policy) =>
      feltOptions(policy).map((name) => `${policy}:${name}`),
    );
    expect(all.filter((option) => !felt.includes(option) && !listed.includes(option))).toEqual([]);
    expect(listed.filter((option) => !all.includes(option))).toEqual([]);
  });

  it.each(['x86-64', 'i386'] as const)('are specs that exist, each once, on %s', (arch) => {
    const singles = singleCandidates(arch);
    expect(new Set(singles).size).toBe(singles.length);
    for (const policy of singles)
      expect(parsePolicy(policy, { arch, os: 'linux' }).spec).toBe(policy);
  });

  it('do not combine MDWE with kernels that had none', () => {
    const combined = combinedCandidates(
      AXES.map(({ values }) => values),
      'x86-64',
    );
    expect(combined).toContain('selinux:kernel=6.10+mdwe');
    expect(combined).toContain('selinux:kernel=4.2+nx:kernel=5.7+systemd-mdwe');
    expect(
      combined.filter(
        (spec) => spec.includes('mdwe') && /(^|\+)mdwe/.test(spec) && /kernel=(3|4|5)\./.test(spec),
      ),
    ).toEqual([]);
  });
});
