/**
 * The sandbox against the kernel of this machine: the same ELF, the same operations, the same results.
 * MAYEXEC_NATIVE=20000 judges so many random sequences per architecture and mode (default 50);
 * MAYEXEC_NATIVE_SEED and MAYEXEC_NATIVE_FIRST choose which ones. See README.md.
 */
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { PR_GET_MDWE, PR_SET_MDWE } from '../../src/abi/linux/mman.js';
import type { Arch } from '../../src/base/address.js';
import { lacking } from '../host/host.js';
import type { Trait } from '../host/traits.js';
import type { Precision } from './compare.js';
import { directed } from './directed/all.js';
import { generate, MODES } from './generate.js';
import { type Difference, Judge } from './judge.js';
import type { Sequence } from './operation.js';
import { type NativeHost, openNative } from './run-native.js';
import { runSandbox } from './run-sandbox.js';

const ARCHES: readonly Arch[] = ['x86-64', 'i386'];
const MODELLED = /^6\.18\./;
const MDWE: readonly unknown[] = [BigInt(PR_SET_MDWE), BigInt(PR_GET_MDWE)];
const CHUNK = 500;
/** Enough to see what kinds there are. */
const MOST_DIFFERENCES = 200;

const asked = Number.parseInt(process.env.MAYEXEC_NATIVE ?? '', 10);
const count = Number.isNaN(asked) ? 50 : asked;
const seed = Number(process.env.MAYEXEC_NATIVE_SEED ?? 1);
const first = Number(process.env.MAYEXEC_NATIVE_FIRST ?? 0);

function precisionOf(modelled: boolean): Precision {
  if (lacking('zero-page') !== undefined) return 'no-zero-page';
  return modelled ? 'vmas' : 'pages';
}

/** What a kernel must have for a sequence to do the same on it; the sandbox has both. */
function needsOf(ops: Sequence): Trait[] {
  const calls = ops.flatMap((op) => (op.kind === 'call' ? [op] : []));
  const mdwe = calls.some(({ name, args }) => name === 'prctl' && MDWE.includes(args[0]?.offset));
  const mseal = calls.some(({ name }) => name === 'mseal');
  return [...(mdwe ? (['mdwe'] as const) : []), ...(mseal ? (['mseal'] as const) : [])];
}

describe.each(ARCHES)('the kernel of this machine, %s', (arch) => {
  let host: NativeHost | string = 'not opened';
  beforeAll(async () => {
    host = await openNative(arch);
  });
  afterAll(() => {
    if (typeof host !== 'string') host.close();
  });

  /** Another version has other rules: it is judged only when asked, and then page by page. */
  const judgeOf = (context: TestContext): Judge => {
    if (typeof host === 'string') return context.skip(host);
    const { kernel, run } = host;
    const modelled = MODELLED.test(kernel);
    if (!modelled && Number.isNaN(asked)) {
      return context.skip(
        `this kernel is ${kernel}; the modelled one is 6.18 (set MAYEXEC_NATIVE to compare)`,
      );
    }
    return new Judge(arch, run, (wanted) => runSandbox(arch, wanted), precisionOf(modelled));
  };

  it('does the directed sequences alike', async (context) => {
    const judge = judgeOf(context);
    const cases = directed(arch).filter(({ ops }) => lacking(...needsOf(ops)) === undefined);
    const { differences } = await judge.compare(cases.map(({ ops }, id) => ({ id, ops })));
    const names = differences.map(({ sequence }) => cases[sequence.id]?.name);
    expect(names, await judge.describe(differences)).toEqual([]);
  });

  it.for(MODES)('does random sequences alike, mode %s', async (mode, context) => {
    const judge = judgeOf(context);
    const reason = mode === 'plain' ? undefined : lacking(mode);
    if (reason !== undefined) return context.skip(reason);
    const differences: Difference[] = [];
    for (let at = first; at < first + count && differences.length < MOST_DIFFERENCES; at += CHUNK) {
      const some = generate(arch, mode, seed, at, Math.min(CHUNK, first + count - at));
      differences.push(...(await judge.compare(some)).differences);
    }
    if (!Number.isNaN(asked)) {
      console.info(
        `${arch} ${mode}, seed ${seed}, ${first} to ${first + count - 1}: ${differences.length} differ`,
      );
    }
    expect(differences.length, await judge.describe(differences)).toBe(0);
  });
});
