/** Functions with memory, calls and loops: they keep to the convention, touch what they should, and cost what they cost. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buffer, registerValue } from '../../../src/fast-check/index.js'; // for you: 'mayexec/fast-check'
import { compareWithHost, whyNotOnHost } from '../../../src/native/index.js'; // for you: 'mayexec/native'
import { callback, explore, pointerTo } from '../../../src/vitest/index.js'; // for you: 'mayexec/vitest'
import { ELEMENT, type Element } from './encoder.js';
import { interpret } from './interpreter.js';
import { codeOf, compiledOnce, run } from './run.js';

const SUM = 'i64(p*, n): let s = 0; let i = 0; while (i < n) { s = s + p.i32[i]; i = i + 1; } s';
const FILL = 'i64(p*, n, v): let i = 0; while (i < n) { p.i32[i] = v; i = i + 1; } n';
const FIBONACCI = 'i64(n): n < 2 ? n : self(n - 1) + self(n - 2)';
const APPLY = 'i64(f*, a, b): let x = f(a, 1); let y = f(b, x); x * 1000 + y + a - b';
const HYPOTENUSE = 'i64(a, b): sqrt(a * a + b * b)';
const HOST = [
  'i64(a, b): a * b - (a << 3)',
  'i32(a, b): a / (b | 1) + (a >>> 5) + (a < b)',
  HYPOTENUSE,
];

const subtract = () =>
  callback('i64(i64, i64)', function subtract(a: bigint, b: bigint) {
    return a - b;
  });

describe('the convention', () => {
  it.each([
    [SUM, () => [Uint8Array.of(1, 0, 0, 0, 255, 255, 255, 255), 2]],
    [FILL, () => [new Uint8Array(16), 4, -1]],
    [FIBONACCI, () => [9]],
    [APPLY, () => [subtract(), 100, 7]],
    [HYPOTENUSE, () => [3, 4]],
    ['i64(f*): f() + f() * 2', () => [callback('i64()', () => 5n)]],
    [
      'i64(f*, a, b, c, d, e): f(e, d, c, b, a)',
      () => [callback('i64(i64, i64, i64, i64, i64)', () => 5n), 1, 2, 3, 4, 5],
    ],
    ['i64(a, b, c, d, e, f): a < 1 ? b : self(f, e, d, c, b, a)', () => [4, 3, 2, 1, 5, 0]],
    ['i64(f*, a): a == 0 ? f() : self(f, a - 1) + f()', () => [callback('i64()', () => 1n), 3]],
  ] as const)('%s', async (source, args) => {
    const result = await run(source, args());
    await expect(result).toFollow('sysv');
    await expect(result).toPreserve('callee-saved');
  });

  it('hands arguments over in each order', async () => {
    const seen = callback('i64(i64, i64, i64, i64, i64)', (...args: unknown[]) =>
      (args.slice(0, 5) as bigint[]).reduce((sum, each) => sum * 10n + each),
    );
    const args = [seen, 1, 2, 3, 4, 5];
    await expect(run('i64(f*, a, b, c, d, e): f(e, d, c, b, a)', args)).toReturn(54321);
    await expect(run('i64(f*, a, b, c, d, e): f(b, a, d, e, c)', args)).toReturn(21453);
    await expect(run('i64(f*, a, b, c, d, e): f(c, c, a, 9, b)', args)).toReturn(33192);
  });
});

describe('arrays', () => {
  const bytes = Uint8Array.from({ length: 16 }, (_, index) => 0x7c + index * 9);

  it.each(
    (Object.keys(ELEMENT) as Element[]).flatMap((element) =>
      (['i64', 'i32'] as const).flatMap((type) =>
        [0, 1].map((index) => ({ type, element, index })),
      ),
    ),
  )('$type from $element[$index]', async ({ type, element, index }) => {
    const source = `${type}(p*, i): p.${element}[i]`;
    const expected = interpret(compiledOnce(source).tree, [0n, BigInt(index)], {
      memory: { p: bytes },
    });
    await expect(run(source, [bytes, index])).toReturn(expected);
    const constant = `${type}(p*): p.${element}[${index}]`;
    await expect(run(constant, [bytes])).toReturn(expected);
  });

  it.each(
    (Object.keys(ELEMENT) as Element[]).flatMap((element) =>
      (['i64', 'i32'] as const).map((type) => ({ type, element })),
    ),
  )('$type to $element[1] and nothing else', async ({ type, element }) => {
    const source = `${type}(p*, i, v): p.${element}[i] = v; v`;
    const memory = new Uint8Array(16);
    interpret(compiledOnce(source).tree, [0n, 1n, -2n], { memory: { p: memory } });
    const buffers = { p: 2 * ELEMENT[element].bytes };
    const result = await run(source, [pointerTo('p'), 1, -2], { buffers });
    await expect(result).toLeave({ memory: { p: memory.slice(0, buffers.p) } });
    await expect(result).toTouchOnly({ write: ['p'] });
  });

  it('is summed whatever is in it', async () => {
    const { tree } = compiledOnce(SUM);
    const property = fc.asyncProperty(buffer({ maxLength: 40 }), async (input) => {
      const memory = input.bytes as Uint8Array;
      const count = Math.floor(memory.length / 4);
      const result = await run(SUM, [pointerTo('p'), count], { buffers: { p: input } });
      await expect(result).toReturn(
        interpret(tree, [0n, BigInt(count)], { memory: { p: memory } }),
      );
    });
    await fc.assert(property, { numRuns: 50, seed: 3 });
  });

  it.each([
    ['read', SUM, [5]],
    ['write', FILL, [5, 1]],
  ] as const)('one element too many faults: %s', async (access, source, args) => {
    const result = await run(source, [pointerTo('p'), ...args], { buffers: { p: 16 } });
    await expect(result).toFault({ access, code: 'SEGV_MAPERR' });
    await expect(result).not.toFault({ access: 'exec' });
  });

  it('a search finds the length at which it faults', async () => {
    const found = await explore(await codeOf(compiledOnce(SUM)), {
      signature: 'i64(ptr, i64)',
      arguments: (random) => [new Uint8Array(16), random.below(6)],
    });
    expect(found?.args[1]).toBe(5);
  });
});

describe('divisions', () => {
  it('trap on exactly the inputs that the CPU refuses', async () => {
    const found = await explore(await codeOf(compiledOnce('i64(a, b): a / b')), {
      signature: 'i64(i64, i64)',
    });
    expect(found?.result.outcome).toMatchObject({ signal: 'SIGFPE' });
    const guarded = 'i64(a, b): b == 0 ? 0 : b == -1 ? -a : a / b';
    expect(
      await explore(await codeOf(compiledOnce(guarded)), { signature: 'i64(i64, i64)', runs: 500 }),
    ).toBe(undefined);
  });
});

describe('cost and coverage', () => {
  it.each([
    ['i64(a, b): a + b', [1, 2], 5],
    [FIBONACCI, [10], 3300],
    [SUM, [new Uint8Array(40), 10], 90],
  ] as const)('%s', async (source, args, instructions) => {
    await expect(run(source, args)).toRunWithin({ instructions });
  });

  it('sees both ways of each branch of a table of inputs', async () => {
    const source = 'i64(a): a < 0 ? -1 : a > 0 ? 1 : 0';
    const ways = new Map<bigint, { taken: number; fell: number }>();
    for (const input of [-5, 0, 5]) {
      for (const [at, { taken, fell }] of (await run(source, [input])).watched().branches) {
        const all = ways.get(at) ?? { taken: 0, fell: 0 };
        ways.set(at, { taken: all.taken + taken, fell: all.fell + fell });
      }
    }
    expect([...ways.values()]).toEqual([
      { taken: 2, fell: 1 },
      { taken: 1, fell: 1 },
    ]);
  });

  it('counts the turns of loops in a word of the program', async () => {
    const turns = 0x2000_0ff8n; // Where a buffer of 8 bytes ends at its guard page.
    const result = await run(FILL.replace('p*, ', '').replace('p.i32[i] = v; ', ''), [7, 0], {
      turns,
      buffers: { turns: 8 },
    });
    await expect(result).toLeave({ memory: { turns: [8, 0, 0, 0, 0, 0, 0, 0] } });
    await expect(result).toFollow('sysv');
  });
});

describe('listings', () => {
  it.each([SUM, FIBONACCI, APPLY, HYPOTENUSE])('%s', async (source) => {
    await expect(
      run(source, [0, 0, 0].slice(0, compiledOnce(source).tree.parameters.length)),
    ).toMatchListing();
  });
});

describe('this CPU', () => {
  it.for(HOST)('agrees on %s', async (source, ctx) => {
    const reason = whyNotOnHost();
    if (reason !== undefined) return ctx.skip(reason);
    const values = fc.sample(registerValue(), { numRuns: 60, seed: 2 });
    const cases = values.map((rdi, index) => ({ registers: { rdi, rsi: values.at(-index)! } }));
    const { failures, cases: ran } = await compareWithHost(
      await codeOf(compiledOnce(source)),
      cases,
    );
    expect(ran).toBe(60);
    expect(failures).toEqual([]);
  });
});
