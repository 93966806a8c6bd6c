/** The oracle's program of about 1,180 questions to the Win32 memory API, answered by this Windows and this Wine. */
import { describe, expect, it } from 'vitest';
import { Sandbox } from '../../src/index.js';
import { buildProgram, lacksMingw } from './mingw.js';
import { answers, compare, differences, probeSource, recording } from './recordings.js';

const lacking = lacksMingw();

interface Case {
  readonly os: 'windows' | 'wine';
  readonly arch: 'x86-64' | 'i386';
  readonly recorded: string;
  /** What is expected to differ from the recording. */
  readonly differs: ReadonlyMap<string, string>;
  readonly lines: number;
  /** Groups of questions; default all. */
  readonly groups?: readonly string[];
  readonly options?: readonly string[];
}

/** It is wineboot that fills KUSER_SHARED_DATA, and the 32-bit recordings were made without it. */
const WITHOUT_WINEBOOT = new Map([['GetSystemDEPPolicy', 'GetSystemDEPPolicy | 2 | - | -']]);

const CASES: readonly Case[] = [
  { os: 'wine', arch: 'x86-64', recorded: 'wine-8.0-x86_64', differs: new Map(), lines: 1166 },
  { os: 'wine', arch: 'i386', recorded: 'wine-8.0-i686', differs: WITHOUT_WINEBOOT, lines: 1166 },
  {
    os: 'wine',
    arch: 'i386',
    recorded: 'wine-8.0-i686-nonx',
    differs: WITHOUT_WINEBOOT,
    lines: 297,
    groups: ['access', 'dep'],
    options: ['-O1', '-Wl,--disable-nxcompat'],
  },
  {
    os: 'windows',
    arch: 'x86-64',
    recorded: 'wine-8.0-x86_64',
    differs: differences('windows-x86_64'),
    lines: 1168,
  },
  {
    os: 'windows',
    arch: 'i386',
    recorded: 'wine-8.0-i686',
    differs: differences('windows-i686'),
    lines: 1168,
  },
];

async function outputOf({ os, arch, options = ['-O1'] }: Case, group: string): Promise<string> {
  const bytes = buildProgram(arch, probeSource(), { options });
  using sandbox = await Sandbox.create({
    os,
    limits: { memory: 512 << 20 },
    program: { bytes, path: '/probe.exe', argv: ['probe.exe', ...(group === '' ? [] : [group])] },
  });
  expect(sandbox.run()).toEqual({ kind: 'exit', code: 0 });
  return new TextDecoder('latin1').decode(sandbox.stdout);
}

describe('probe.c', () => {
  it.for(CASES)(
    'answers under $os as $recorded, but for what is known to differ',
    async (one, { skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const outputs: string[] = [];
      for (const group of one.groups ?? ['']) outputs.push(await outputOf(one, group));
      const result = compare(answers(recording(one.recorded)), answers(outputs.join('')));
      const expected = [...one.differs].map(([key, line]) => `${key} => ${line}`.trimEnd());
      expect(result.differing).toEqual(expected);
      expect(result.all).toBe(one.lines);
    },
  );
});
