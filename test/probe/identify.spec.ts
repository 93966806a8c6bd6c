/**
 * Round trips: results of the probe under a policy lead back to that policy. MAYEXEC_PROBE=all takes every
 * candidate and the combinations; by default a sample of them.
 */
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../src/base/address.js';
import { MayexecError } from '../../src/base/errors.js';
import { adviceFor } from '../../src/probe/advice.js';
import { AXES, combinedCandidates, singleCandidates } from '../../src/probe/candidates.js';
import { identify } from '../../src/probe/identify.js';
import { formatProbe, type ProbeResults, parseProbe } from '../../src/probe/results.js';
import { runProbe } from '../../src/probe/run.js';

const SAMPLE: Readonly<Record<Arch, readonly string[]>> = {
  'x86-64': [
    'nx:kernel=5.7',
    'restricted-wx',
    'mdwe:kernel=6.6',
    'mdwe:no-inherit=on',
    'selinux',
    'selinux:execheap=allow,execmod=deny',
    'selinux:execmem=deny,kernel=4.2',
    'selinux:execmem=deny,execstack=deny,kernel=6.10',
    'pax:emutramp=on,elfrelocs=on,era=2004',
    'exec-shield:mode=2',
    'systemd-mdwe:version=232',
    'openbsd:wxabort=on,immutable=off',
    'netbsd-mprotect',
    'freebsd:imply_prot_max=1,version=12',
    'hardened-runtime:allow-jit=on,cpu=intel',
    'selinux+systemd-mdwe',
    'selinux:execute=deny+mdwe+memfd-noexec',
  ],
  i386: [
    'pax:segmexec=on,mprotect=off',
    'exec-shield',
    'exec-shield:randomize=off',
    'selinux+mdwe',
  ],
};

function specs(arch: Arch): readonly string[] {
  if (process.env.MAYEXEC_PROBE !== 'all') return SAMPLE[arch];
  const combined = combinedCandidates(
    AXES.map(({ values }) => values),
    arch,
  );
  return [...singleCandidates(arch), ...combined.filter((_, index) => index % 40 === 0)];
}

describe.each(['x86-64', 'i386'] as const)('identify, %s', (arch) => {
  it.each(specs(arch))('finds %s', async (policy) => {
    const results = await runProbe({ arch, policy });
    const { kind, complete, fits, surroundings } = await identify(results);
    expect({ kind, complete }).toEqual({ kind: 'exact', complete: true });
    expect(fits).toContain(policy);
    // What else it names cannot be told apart: it gives the same results when it is run by itself.
    const other = fits.find((spec) => spec !== policy);
    if (other === undefined) return;
    const same = await runProbe({ arch, policy: other, surroundings });
    expect(Object.fromEntries(same.outcomes)).toEqual(Object.fromEntries(results.outcomes));
  });
});

describe('identify', () => {
  it.each([
    ['selinux:domain=confined', 'selinux:execmem=deny,execstack=deny,execute=deny,execmod=deny'],
    ['selinux:allow_execheap=on', 'selinux:execheap=allow'],
    ['selinux:domain=unconfined-strict', 'selinux:execmod=deny'],
    ['selinux:mode=permissive', 'nx'],
    ['pax:rwxlog=off,ei=on', 'pax'],
    ['mdwe:kernel=6.3', 'mdwe:kernel=6.6'],
    ['freebsd:version=13,allow_wx=0', 'freebsd:allow_wx=0'],
  ])('takes %s for %s, which is the same to a program', async (given, found) => {
    const { kind, fits } = await identify(await runProbe({ policy: given }));
    expect(kind).toBe('exact');
    expect(fits).toContain(found);
  });

  it.each([
    { noexec: ['/tmp'], protectionKeys: false, smallSpace: false } as const,
    { noexec: ['/dev/shm'], protectionKeys: true, smallSpace: false } as const,
  ])('knows a policy in other surroundings: %j', async (surroundings) => {
    const results = await runProbe({ policy: 'selinux', surroundings });
    const found = await identify(results);
    expect(found.surroundings).toEqual(surroundings);
    expect(found.fits[0]).toBe('selinux');
  });

  it('takes a 32-bit kernel for what it is', async () => {
    const surroundings = { noexec: [], protectionKeys: false, smallSpace: true };
    const found = await identify(await runProbe({ arch: 'i386', policy: 'nx', surroundings }));
    expect(found.surroundings.smallSpace).toBe(true);
    expect(found.fits[0]).toBe('nx');
  });

  it('does not hold against a policy what an old kernel lacks', async () => {
    const results = await runProbe({ policy: 'selinux' });
    const old = changed(results, {
      'memfd-dual': 'memfd_create ENOSYS',
      'memfd-seals': 'memfd_create ENOSYS',
      'sealed-rx': 'mseal ENOSYS',
      'mdwe-child': 'prctl EINVAL',
    });
    const found = await identify(old);
    expect(found.fits[0]).toBe('selinux');
    expect(found.unavailable).toEqual(['memfd-dual', 'memfd-seals', 'sealed-rx', 'mdwe-child']);
  });

  it('compares with the specs that it is given, and with these only', async () => {
    const results = await runProbe({ policy: 'mdwe' });
    const { fits, nearest, examined } = await identify(results, { candidates: ['nx', 'pax'] });
    expect({ fits, examined }).toEqual({ fits: [], examined: 2 });
    expect(nearest[0]?.policy).toBe('pax');
    await expect(identify(results, { candidates: ['selinus'] })).rejects.toThrow(MayexecError);
  });

  // A memfd inside the heap is judged by execheap alone: what execmem refuses as well does not hide it.
  it('tells execheap although execmem is denied, and says that execstack cannot be told', async () => {
    const { fits, results } = await identify(await runProbe({ policy: 'selinux:execmem=deny' }));
    expect(fits.filter((policy) => policy.includes('execheap=allow'))).toEqual([]);
    expect(fits).toContain('selinux:execmem=deny,execstack=deny');
    const { ask } = adviceFor(results, fits);
    expect(ask.filter((line) => line.startsWith('exec'))).toEqual([
      'execmem is off: the boolean deny_execmem (allow_execmem up to RHEL 6)',
      'execheap is off: the boolean selinuxuser_execheap (allow_execheap up to RHEL 6)',
      'execstack cannot be told: another rule refuses first',
      'execmod on files is on',
      'execmod on /dev/zero is off: no boolean changes that',
      'execute on files of your own is on',
    ]);
  });

  it('names experiments that rule out everything else', async () => {
    const { deciding, examined, fits } = await identify(await runProbe({ policy: 'selinux' }));
    expect(deciding[0]).toMatchObject({ experiment: 'heap-rx', measured: 'mprotect:r-x EACCES' });
    expect(deciding.reduce((sum, { excluded }) => sum + excluded, 0)).toBe(examined - fits.length);
  });
});

describe('contradictory and damaged results', () => {
  it.each([
    ['selinux', 'anon-rw-rx', 'mprotect:r-x EACCES'],
    ['pax', 'file-dual', 'mmap:r-x EACCES'],
    ['mdwe', 'anon-rx-rw', 'mprotect:rw- EPERM'],
    ['nx', 'data-run', 'ok'],
  ])('%s with another %s fits nothing, and is nearest', async (policy, experiment, outcome) => {
    const results = await runProbe({ policy });
    const found = await identify(changed(results, { [experiment]: outcome }));
    expect(found.kind).toBe('nearest');
    const expected = results.outcomes.get(experiment);
    const [first] = found.nearest;
    expect(first?.differences).toEqual([{ experiment, measured: outcome, expected }]);
    expect((await identify(results)).fits).toContain(first?.policy);
  });

  it('cut off, they give a partial answer that says so', async () => {
    const text = formatProbe(await runProbe({ policy: 'selinux' }));
    const found = await identify(text.split('\n').slice(0, 40).join('\n'));
    expect(found.complete).toBe(false);
    expect(found.kind).toBe('exact');
    expect(found.fits).toContain('selinux');
    expect(found.results.problems[0]).toContain('cut off');
  });

  it('without a known experiment they tell nothing', async () => {
    const text = 'mayexec-probe 1 x86-64 Linux 6.18.0 x86_64\nwarp-drive ok\nend 1\n';
    await expect(identify(text)).rejects.toThrow('no experiment that this mayexec knows');
  });
});

function changed(results: ProbeResults, outcomes: Readonly<Record<string, string>>): ProbeResults {
  const all = new Map([...results.outcomes, ...Object.entries(outcomes)]);
  return parseProbe(formatProbe({ ...results, outcomes: all }));
}
