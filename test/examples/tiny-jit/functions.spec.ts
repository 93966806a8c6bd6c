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
  ] as const)('%s', (source, args) => {
    const result = run(source, args());
    expect(result).toFollow('sysv');
    expect(result).toPreserve('callee-saved');
  });

  it('hands arguments over in each order', () => {
    const seen = callback('i64(i64, i64, i64, i64, i64)', (...args: unknown[]) =>
      (args.slice(0, 5) as bigint[]).reduce((sum, each) => sum * 10n + each),
    );
    const args = [seen, 1, 2, 3, 4, 5];
    expect(run('i64(f*, a, b, c, d, e): f(e, d, c, b, a)', args)).toReturn(54321);
    expect(run('i64(f*, a, b, c, d, e): f(b, a, d, e, c)', args)).toReturn(21453);
    expect(run('i64(f*, a, b, c, d, e): f(c, c, a, 9, b)', args)).toReturn(33192);
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
  )('$type from $element[$index]', ({ type, element, index }) => {
    const source = `${type}(p*, i): p.${element}[i]`;
    const expected = interpret(compiledOnce(source).tree, [0n, BigInt(index)], {
      memory: { p: bytes },
    });
    expect(run(source, [bytes, index])).toReturn(expected);
    const constant = `${type}(p*): p.${element}[${index}]`;
    expect(run(constant, [bytes])).toReturn(expected);
  });

  it.each(
    (Object.keys(ELEMENT) as Element[]).flatMap((element) =>
      (['i64', 'i32'] as const).map((type) => ({ type, element })),
    ),
  )('$type to $element[1] and nothing else', ({ type, element }) => {
    const source = `${type}(p*, i, v): p.${element}[i] = v; v`;
    const memory = new Uint8Array(16);
    interpret(compiledOnce(source).tree, [0n, 1n, -2n], { memory: { p: memory } });
    const buffers = { p: 2 * ELEMENT[element].bytes };
    const result = run(source, [pointerTo('p'), 1, -2], { buffers });
    expect(result).toLeave({ memory: { p: memory.slice(0, buffers.p) } });
    expect(result).toTouchOnly({ write: ['p'] });
  });

  it('is summed whatever is in it', () => {
    const { tree } = compiledOnce(SUM);
    const property = fc.property(buffer({ maxLength: 40 }), (input) => {
      const memory = input.bytes as Uint8Array;
      const count = Math.floor(memory.length / 4);
      const result = run(SUM, [pointerTo('p'), count], { buffers: { p: input } });
      expect(result).toReturn(interpret(tree, [0n, BigInt(count)], { memory: { p: memory } }));
    });
    fc.assert(property, { numRuns: 50, seed: 3 });
  });

  it.each([
    ['read', SUM, [5]],
    ['write', FILL, [5, 1]],
  ] as const)('one element too many faults: %s', (access, source, args) => {
    const result = run(source, [pointerTo('p'), ...args], { buffers: { p: 16 } });
    expect(result).toFault({ access, code: 'SEGV_MAPERR' });
    expect(result).not.toFault({ access: 'exec' });
  });

  it('a search finds the length at which it faults', () => {
    const found = explore(codeOf(compiledOnce(SUM)), {
      signature: 'i64(ptr, i64)',
      arguments: (random) => [new Uint8Array(16), random.below(6)],
    });
    expect(found?.args[1]).toBe(5);
  });
});

describe('divisions', () => {
  it('trap on exactly the inputs that the CPU refuses', () => {
    const found = explore(codeOf(compiledOnce('i64(a, b): a / b')), {
      signature: 'i64(i64, i64)',
    });
    expect(found?.result.outcome).toMatchObject({ signal: 'SIGFPE' });
    const guarded = 'i64(a, b): b == 0 ? 0 : b == -1 ? -a : a / b';
    expect(explore(codeOf(compiledOnce(guarded)), { signature: 'i64(i64, i64)', runs: 500 })).toBe(
      undefined,
    );
  });
});

describe('cost and coverage', () => {
  it.each([
    ['i64(a, b): a + b', [1, 2], 5],
    [FIBONACCI, [10], 3300],
    [SUM, [new Uint8Array(40), 10], 90],
  ] as const)('%s', (source, args, instructions) => {
    expect(run(source, args)).toRunWithin({ instructions });
  });

  it('sees both ways of each branch of a table of inputs', () => {
    const source = 'i64(a): a < 0 ? -1 : a > 0 ? 1 : 0';
    const ways = new Map<bigint, { taken: number; fell: number }>();
    for (const input of [-5, 0, 5]) {
      for (const [at, { taken, fell }] of run(source, [input]).watched().branches) {
        const all = ways.get(at) ?? { taken: 0, fell: 0 };
        ways.set(at, { taken: all.taken + taken, fell: all.fell + fell });
      }
    }
    expect([...ways.values()]).toEqual([
      { taken: 2, fell: 1 },
      { taken: 1, fell: 1 },
    ]);
  });

  it('counts the turns of loops in a word of the program', () => {
    const turns = 0x2000_0ff8n; // Where a buffer of 8 bytes ends at its guard page.
    const result = run(FILL.replace('p*, ', '').replace('p.i32[i] = v; ', ''), [7, 0], {
      turns,
      buffers: { turns: 8 },
    });
    expect(result).toLeave({ memory: { turns: [8, 0, 0, 0, 0, 0, 0, 0] } });
    expect(result).toFollow('sysv');
  });
});

describe('listings', () => {
  it.each([SUM, FIBONACCI, APPLY, HYPOTENUSE])('%s', (source) => {
    expect(
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
    const { failures, cases: ran } = await compareWithHost(codeOf(compiledOnce(source)), cases);
    expect(ran).toBe(60);
    expect(failures).toEqual([]);
  });
});
