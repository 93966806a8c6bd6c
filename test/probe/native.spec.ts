/** The real kernel's word: the probe runs on this machine, and what identify makes of it is what is in force. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../src/base/address.js';
import { identify, surroundingsOf } from '../../src/probe/identify.js';
import { parseProbe } from '../../src/probe/results.js';
import { runProbe } from '../../src/probe/run.js';
import { NativeProbe, type NativeUse, unjudged } from './native-probe.js';

const ARCHES: readonly Arch[] = ['x86-64', 'i386'];

/** Left by a probe that did not clear away: its files carry its name. */
function leftovers(): string[] {
  return ['/tmp', '/dev/shm'].flatMap((folder) =>
    readdirSync(folder).filter((name) => /^\.mayexec-[0-9a-f]{8}$/.test(name)),
  );
}

const USES: readonly (readonly [string, string, NativeUse])[] = [
  ['as it is', 'nx', {}],
  ['as an ordinary user', 'nx', { nobody: true }],
  ['under PR_SET_MDWE', 'mdwe', { mdwe: true }],
  ['under PR_SET_MDWE as an ordinary user', 'mdwe', { mdwe: true, nobody: true }],
];

describe.each(ARCHES)('the native probe, %s', (arch) => {
  it.for(USES)(
    '%s gives what the sandbox gives, and is identified as %s',
    async ([, policy, use], ctx) => {
      const reason = unjudged(arch, use);
      if (reason !== undefined) return ctx.skip(reason);
      using native = await NativeProbe.create(arch);
      const results = parseProbe(native.run(use));
      expect(results.problems).toEqual([]);
      const sandbox = await runProbe({ arch, policy, surroundings: surroundingsOf(results) });
      expect(Object.fromEntries(results.outcomes)).toEqual(Object.fromEntries(sandbox.outcomes));
      const { kind, complete, fits } = await identify(results);
      expect({ kind, complete, first: fits[0] }).toEqual({
        kind: 'exact',
        complete: true,
        first: policy,
      });
    },
  );

  it('makes only the experiments that its arguments name', async (ctx) => {
    const reason = unjudged(arch);
    if (reason !== undefined) return ctx.skip(reason);
    using native = await NativeProbe.create(arch);
    const lines = native
      .run({ only: ['heap-rx', 'anon-rwx'] })
      .trimEnd()
      .split('\n');
    expect(lines.slice(1)).toEqual(['anon-rwx ok', 'heap-rx ok', 'end 2']);
  });

  it('leaves nothing behind', async (ctx) => {
    const reason = unjudged(arch);
    if (reason !== undefined) return ctx.skip(reason);
    using native = await NativeProbe.create(arch);
    const before = leftovers();
    native.run();
    expect(leftovers()).toEqual(before);
  });
});
