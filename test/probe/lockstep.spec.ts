/** One run for many policies gives each of them what a run of its own gives. */
import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../src/policy/registry.js';
import { singleCandidates } from '../../src/probe/candidates.js';
import { Examiner } from '../../src/probe/examiner.js';
import { Lockstep } from '../../src/probe/lockstep.js';
import { runProbe, USUAL } from '../../src/probe/run.js';

const EXPERIMENTS = [
  'anon-run',
  'anon-rw-rx',
  'heap-rx',
  'zero-written-rx',
  'file-rx',
  'trampoline',
  'program-marked-heap',
  'prot-final',
  'restricted-wx-own',
  'hint-file',
  'map-jit-switch',
];

describe('policies in lockstep', () => {
  it('give what each gives by itself', async () => {
    const arch = 'x86-64';
    const policies = singleCandidates(arch);
    const examiner = new Examiner({ os: 'linux', arch, surroundings: USUAL });
    await examiner.learn(policies, new Set(EXPERIMENTS));
    for (const policy of policies.filter((_, index) => index % 12 === 5)) {
      const { outcomes } = await runProbe({ arch, policy, only: EXPERIMENTS });
      // What other tests learned in the same process may be there as well.
      const known = new Map(examiner.outcomes(policy));
      const lockstep = EXPERIMENTS.flatMap((name) => {
        const outcome = known.get(name);
        return outcome === undefined ? [] : [[name, outcome]];
      });
      expect([policy, Object.fromEntries(lockstep)]).toEqual([
        policy,
        Object.fromEntries(outcomes),
      ]);
    }
  });

  it('part where their verdicts part, and only there', async () => {
    const sets = ['nx', 'selinux', 'pax'].map((policy) => parsePolicy(policy));
    const only = ['anon-rw-rx', 'heap-rx'];
    const lockstep = new Lockstep(sets, only.length + 1);
    await runProbe({ policy: lockstep.policy, only, onLine: () => lockstep.next() });
    expect([...lockstep.diverged(1)]).toEqual([2]);
    // PaX places things elsewhere and kills where others fault: it never follows.
    expect([...lockstep.diverged(2)]).toEqual([0, 1, 2]);
  });

  it('make few runs for many policies', async () => {
    let runs = 0;
    const arch = 'i386';
    const surroundings = { ...USUAL, protectionKeys: true };
    const examiner = new Examiner({ os: 'linux', arch, surroundings, progress: () => runs++ });
    const policies = singleCandidates(arch).filter((policy) => policy.startsWith('selinux'));
    await examiner.learn(policies, new Set(['heap-rx', 'stack-rx']));
    expect(policies.length).toBeGreaterThan(200);
    expect(runs).toBeLessThan(12);
  });
});
