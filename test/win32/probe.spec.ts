/** The oracle's program of about 1,180 questions to the Win32 memory API, answered by this Windows. */
import { describe, expect, it } from 'vitest';
import { Sandbox } from '../../src/index.js';
import { buildProgram, lacksMingw } from './mingw.js';
import { answers, compare, differences, probeSource, recording } from './recordings.js';

const lacking = lacksMingw();

interface Case {
  readonly arch: 'x86-64' | 'i386';
  readonly recorded: string;
  readonly differs: string;
  readonly args: readonly string[];
  readonly options: readonly string[];
}

const CASES: readonly Case[] = [
  {
    arch: 'x86-64',
    recorded: 'wine-8.0-x86_64',
    differs: 'windows-x86_64',
    args: [],
    options: ['-O1'],
  },
  { arch: 'i386', recorded: 'wine-8.0-i686', differs: 'windows-i686', args: [], options: ['-O1'] },
];

async function outputOf({ arch, args, options }: Case): Promise<string> {
  const bytes = buildProgram(arch, probeSource(), { options });
  using sandbox = await Sandbox.create({
    os: 'windows',
    limits: { blocks: 100_000_000, memory: 512 << 20 },
    program: { bytes, path: '/probe.exe', argv: ['probe.exe', ...args] },
  });
  expect(sandbox.run()).toEqual({ kind: 'exit', code: 0 });
  return new TextDecoder('latin1').decode(sandbox.stdout);
}

describe('probe.c under Windows', () => {
  it.for(CASES)(
    'answers as recorded but for the documented differences ($arch)',
    async (one, { skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const result = compare(answers(recording(one.recorded)), answers(await outputOf(one)));
      const expected = [...differences(one.differs)].map(([key, line]) =>
        `${key} => ${line}`.trimEnd(),
      );
      expect(result.differing).toEqual(expected);
      expect(result.all).toBeGreaterThan(1100);
    },
  );
});
