/** The probe for Windows and Wine: a PE file, in the sandbox and under a real Wine; what identify makes of its results. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  adviceFor,
  EXPERIMENTS,
  formatProbe,
  identify,
  type ProbedSystem,
  type ProbeResults,
  parseProbe,
  probeExperiments,
  probeProgram,
  runProbe,
} from '../../src/index.js';
import { notPlain, windowsResults } from './windows-results.js';

const ARCHES = ['x86-64', 'i386'] as const;
type Arch = (typeof ARCHES)[number];

/** By architecture, system and policy: each is run once. */
const ran = new Map<string, Promise<ProbeResults>>();

function probed(os: ProbedSystem, arch: Arch, policy: string): Promise<ProbeResults> {
  const key = [os, arch, policy].join();
  const results = ran.get(key) ?? runProbe({ os, arch, policy });
  ran.set(key, results);
  return results;
}

describe('the probe for Windows', () => {
  it.each(windowsResults())('finds on $arch under $policy', async ({ arch, policy, lines }) => {
    const results = await probed('windows', arch, policy);
    expect(results).toMatchObject({ system: 'Windows', problems: [] });
    expect(results.outcomes.size).toBe(probeExperiments(arch, 'windows').length);
    expect(notPlain(results)).toEqual(lines);
  });

  it('makes single experiments', async () => {
    const only = ['valloc-run', 'dep-system'];
    const { outcomes: found, problems } = await runProbe({ os: 'windows', only });
    expect([...found.keys()]).toEqual(['dep-system', 'valloc-run']);
    expect(problems).toEqual([]);
  });
});

describe('identify, of Windows', () => {
  it.each([
    ['x86-64', 'dep', 'dep'],
    ['x86-64', 'dep:mode=alwayson', 'dep:mode=alwayson'],
    ['x86-64', 'dep+acg:audit=on', 'dep+acg:audit=on'],
    ['i386', 'dep:mode=alwaysoff', 'dep:mode=alwaysoff'],
    ['i386', 'dep:mode=optout,atl=off+acg:remote=on', 'dep:mode=optout,atl=off+acg:remote=on'],
  ] as const)('%s: %s', async (arch, policy, named) => {
    const found = await identify(await probed('windows', arch, policy));
    expect(found).toMatchObject({ kind: 'exact', os: 'windows', complete: true });
    expect(found.fits[0]).toBe(named);
    expect(found.deciding.length).toBeGreaterThan(0);
  });
});

describe('the probe under Wine', () => {
  it.each(ARCHES)('finds plain Linux, on %s', async (arch) => {
    const { system, outcomes: found, problems } = await probed('wine', arch, 'nx');
    expect({ system, problems }).toEqual({ system: 'Wine', problems: [] });
    expect(Object.fromEntries(found)).toMatchObject({
      'acg-flags': 'ok 0',
      'valloc-rwx': 'ok',
      'valloc-run': 'run C0000005 8',
      'dep-off': 'SetProcessDEPPolicy 87',
    });
  });

  it('is not started where nothing may be writable and executable', async () => {
    const mdwe = await probed('wine', 'x86-64', 'mdwe');
    expect([...mdwe.outcomes]).toEqual([['start', 'load C000000D']]);
    // HardenedBSD grants less than was asked, and Wine only sees it when it is too late for a line.
    const silent = await probed('wine', 'x86-64', 'hardenedbsd');
    expect([...silent.outcomes]).toEqual([['start', 'load no']]);
  });

  it('ends where PaX kills it, and that is its last result', async () => {
    const { outcomes: found, problems } = await probed('wine', 'i386', 'pax:mprotect=off');
    expect([...found].at(-1)).toEqual(['valloc-run', 'run killed']);
    expect(problems).toEqual([]);
  });

  it('is not loaded at all where half of the address space is gone', async () => {
    const { outcomes: found } = await probed('wine', 'i386', 'pax:segmexec=on');
    expect([...found]).toEqual([['start', 'load no']]);
  });
});

describe('identify, of Wine', () => {
  const candidates = ['nx', 'mdwe', 'pax:mprotect=off', 'hardenedbsd', 'exec-shield'];

  it.each([
    ['nx', ['nx']],
    ['mdwe', ['mdwe']],
    ['pax:mprotect=off', ['pax:mprotect=off']],
    ['hardenedbsd', ['hardenedbsd']],
    ['exec-shield', ['exec-shield']],
  ])('%s', async (policy, fits) => {
    const found = await identify(await probed('wine', 'i386', policy), { candidates });
    expect(found).toMatchObject({ kind: 'exact', os: 'wine', fits });
  });

  it('reads the line of a Wine that did not start', async () => {
    const text = 'wine: failed to load probe.exe: c000000d\n';
    const found = await identify(text, { candidates });
    expect(found).toMatchObject({ kind: 'exact', os: 'wine', fits: ['mdwe'] });
    expect(adviceFor(found.results, found.fits).pitfalls[0]).toMatch(/^Wine 8 maps every image/);
  });

  it('names a policy of a real system first, where many keep Wine from starting', async () => {
    const text = 'wine: failed to load probe.exe: c000000d\n';
    const found = await identify(text, { candidates: ['wx', 'restricted-wx', 'mdwe', 'pax'] });
    expect(found.fits).toEqual(['mdwe', 'pax', 'wx', 'restricted-wx']);
  });

  it('does not take a policy of Linux for one of Windows', async () => {
    const results = await probed('windows', 'x86-64', 'dep');
    await expect(identify(results, { candidates: ['mdwe'] })).rejects.toThrow(/windows/i);
  });
});

describe('results of Windows', () => {
  it('hold what kills, and functions that are missing', () => {
    const text = [
      'mayexec-probe 1 i386 Windows 5.1.2600 i386',
      'start ok',
      'acg-flags GetProcessMitigationPolicy missing',
      'valloc-run run C0000005 8',
      'atl-thunk run C000001D',
      'process-heap-run',
    ].join('\r\n');
    const { outcomes: found, problems } = parseProbe(text);
    expect(found.get('process-heap-run')).toBe('run killed');
    expect(found.get('atl-thunk')).toBe('run C000001D');
    expect(problems).toEqual([]);
  });

  it('are whole where they end early, also when they are written again', async () => {
    for (const [arch, policy] of [
      ['x86-64', 'mdwe'],
      ['i386', 'pax:mprotect=off'],
    ] as const) {
      const results = await probed('wine', arch, policy);
      expect(parseProbe(formatProbe(results))).toEqual(results);
    }
  });

  it('are told from those of Linux by every name', () => {
    const linux = new Set(EXPERIMENTS.map(({ name }) => name));
    const shared = probeExperiments('i386', 'wine').filter(({ name }) => linux.has(name));
    expect(shared).toEqual([]);
  });
});

const WINE = '/usr/lib/wine/wine64';

describe('a real Wine', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mayexec-probe-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('gives the results of this one', async ({ skip }) => {
    if (!existsSync(WINE)) return skip(`${WINE} is not installed (Debian: wine64)`);
    const file = join(folder, 'probe.exe');
    writeFileSync(file, await probeProgram('x86-64', 'wine'));
    const env = {
      ...process.env,
      HOME: folder,
      WINEDEBUG: '-all',
      WINEDLLOVERRIDES: 'mscoree,mshtml=',
    };
    const { stdout } = spawnSync(WINE, [file], { cwd: folder, env, encoding: 'utf8' });
    const real = parseProbe(stdout);
    expect(real).toEqual(await probed('wine', 'x86-64', 'nx'));
  });
});
