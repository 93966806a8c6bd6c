/**
 * The WebAssembly form against the JavaScript form that it was made from: random instructions of
 * every class, alone and as programs, in every mode. After each run the CPU's whole state and the
 * traces of all hooks must be equal, after each session every byte of the heap.
 *
 * MAYEXEC_CAMPAIGN=n makes it n times as long (1 takes some seconds); MAYEXEC_SEED=n starts elsewhere.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Optimisation } from '../../../src/build/unicorn-wasm/encode/optimise.js';
import { readSource } from '../../../src/build/unicorn-wasm/read/source.js';
import { translateToImage } from '../../../src/build/unicorn-wasm/translate.js';
import type { UnicornModule } from '../../../src/engine/unicorn1/module.js';
import { Comparison, type Difference, sessionDifference } from './compare.js';
import { buildForms, type Forms, INPUT, wasmForm } from './forms.js';
import { CLASSES } from './instructions.js';
import { MARK, MutantFactory } from './mutants.js';
import { Random } from './random.js';
import { runSession, type SessionPlan, type SessionRecord } from './session.js';

const CAMPAIGN = Number(process.env.MAYEXEC_CAMPAIGN ?? 1);
const SEED = Number(process.env.MAYEXEC_SEED ?? 1);
/** Functions that mutants are made of: most of what the others hold is executed rarely. */
const LARGEST = 6;
const SHAPES = [
  { what: 'single instructions', runs: 40, length: 1 },
  { what: 'programs', runs: 8, length: 12 },
] as const;

let forms: Forms;
beforeAll(async () => {
  forms = await buildForms();
});

/** `rounds` sessions for each mode, class and shape. */
function* plans(seed: number, rounds: number): Generator<SessionPlan> {
  let next = seed;
  for (let round = 0; round < rounds; round++)
    for (const bits of [16, 32, 64] as const)
      for (const kind of CLASSES)
        for (const { runs, length } of SHAPES) yield { seed: next++, bits, kind, runs, length };
}

async function firstDifference(
  comparison: Comparison,
  all: Iterable<SessionPlan>,
): Promise<Difference | undefined> {
  for (const plan of all) {
    const difference = await comparison.compare(plan);
    if (difference) return difference;
  }
  return undefined;
}

describe('the translated engine behaves as the JavaScript it was made from', () => {
  // What is shipped at every test run; the others in a campaign.
  const tested: Optimisation[] = CAMPAIGN === 1 ? ['fast'] : ['fast', 'none', 'O2'];
  test.each(tested)('optimised: %s', async (optimise) => {
    const { js, wasm } = await buildForms(optimise);
    const comparison = new Comparison(js, wasm);
    const seed = SEED * 1_000_000 + 300_000 * tested.indexOf(optimise);
    expect(await firstDifference(comparison, plans(seed, 3 * CAMPAIGN))).toBeUndefined();

    const { counts, results } = comparison;
    if (CAMPAIGN > 1) console.log(`campaign, ${optimise}:`, counts, Object.fromEntries(results));
    expect(counts.runs).toBeGreaterThan(2500 * CAMPAIGN);
    // Each class must really execute, not only be refused.
    for (const kind of CLASSES) expect(results.get(`${kind} 0`)).toBeGreaterThan(30 * CAMPAIGN);
  });
});

describe('a wrong opcode', () => {
  test('is noticed where it is executed', async () => {
    const wanted = 3 * CAMPAIGN;
    const all = [...plans(SEED, 1)].filter((plan) => plan.length === 1 && plan.bits !== 16);
    const reference = await forms.js.load();
    const expected = all.map((plan) => runSession(reference, plan));
    const afterMark = ({ heap }: UnicornModule): Uint8Array => heap.subarray(MARK + 4);
    const source = await readSource(INPUT);
    const factory = new MutantFactory(translateToImage(source), LARGEST);
    const random = new Random(SEED);

    const outcome = { executed: 0, noticed: 0, made: 0 };
    const survivors: string[] = [];
    while (outcome.executed < wanted && outcome.made < 8 * wanted) {
      const mutant = factory.make(random);
      outcome.made++;
      const module = await wasmForm(mutant.bytes).load();
      const noticed =
        all.some((plan, i) => differs(module, plan, expected[i])) ||
        Buffer.compare(afterMark(module), afterMark(reference)) !== 0;
      if (!noticed && module.heap[MARK] === 0) continue;
      outcome.executed++;
      if (noticed) outcome.noticed++;
      else survivors.push(mutant.what);
    }
    if (CAMPAIGN > 1) console.log('mutants:', outcome, 'not noticed:', survivors);
    expect(outcome.executed).toBe(wanted);
    // Some make no difference: the sign of a comparison of small numbers, or a value not used.
    expect(outcome.noticed / outcome.executed).toBeGreaterThan(0.5);
  });
});

function differs(
  module: UnicornModule,
  plan: SessionPlan,
  expected: SessionRecord | undefined,
): boolean {
  try {
    return (
      expected === undefined || sessionDifference(expected, runSession(module, plan)) !== undefined
    );
  } catch {
    // It could not even set the session up.
    return true;
  }
}
