/** Compiled code computes what the interpreter computes: expressions of each kind, at inputs where kinds go wrong. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { integer } from '../../../src/fast-check/index.js'; // for you: 'mayexec/fast-check'
import { kitFor } from '../../../src/vitest/index.js'; // for you: 'mayexec/vitest'
import { compile } from './compiler.js';
import { DivisionTrap, interpret } from './interpreter.js';
import { expressionText } from './random-expression.js';
import { codeOf, compiledOnce, run, signatureOf } from './run.js';

/** Of two numbers a and b, in both widths. */
const EXPRESSIONS = [
  'a + b',
  'a - b',
  '-a',
  '~a ^ b',
  'a * b',
  'a * 7 - b * -3',
  'a / b',
  'a % b',
  'a / 10 + a % 10',
  '7 / a',
  'a << b',
  'a >> b',
  'a >>> b',
  'a << 3 | b >>> 5',
  'a & 255 | b & 65280',
  '(a < b) + (a <= b) * 2 + (a == b) * 4',
  '(a > b) + (a >= b) * 2 + (a != b) * 4',
  'a < b ? a : b',
  'a ? b ? 1 : 2 : 3',
  'a == 0 ? -1 : b / a',
  '(a < 0 ? -a : a) - (b < 0 ? -b : b)',
  '1234567890 - a',
  'let t = a; let u = b; let v = t; t = u; u = v; t * 3 - u',
  'let i = 0; let s = 0; while (i < (b & 15)) { s = s + a; i = i + 1; } s',
  'let n = a & 1023; let c = 0; while (n > 1) { n = n & 1 ? n * 3 + 1 : n >> 1; c = c + 1; } c',
  'sqrt(a & 2147483647) + sqrt(b)',
  '(b & 15) < 2 ? 1 : self(a, (b & 15) - 1) + self(a, (b & 15) - 2)',
] as const;

const INPUTS = [
  [0n, 0n],
  [1n, -1n],
  [7n, 3n],
  [-7n, 2n],
  [(1n << 31n) - 1n, 1n],
  [-(1n << 31n), -1n],
  [-(1n << 63n), -1n],
  [0x0123_4567_89ab_cdefn, 35n],
] as const;

const CASES = (['i64', 'i32'] as const).flatMap((type) =>
  EXPRESSIONS.flatMap((body) =>
    INPUTS.map(([a, b]) => ({ source: `${type}(a, b): ${body}`, a, b })),
  ),
);

describe('an expression', () => {
  it.each(CASES)('$source of $a, $b', ({ source, a, b }) => {
    const { type, tree } = compiledOnce(source);
    const bits = type === 'i64' ? 64 : 32;
    const args = [a, b].map((each) => BigInt.asIntN(bits, each));
    const result = run(source, args);
    try {
      expect(result).toReturn(interpret(tree, args));
    } catch (error) {
      if (!(error instanceof DivisionTrap)) throw error;
      expect(result.outcome).toMatchObject({ kind: 'signal', signal: 'SIGFPE' });
    }
  });
});

describe('twenty values at once', () => {
  const names = Array.from({ length: 20 }, (_, index) => `v${index}`);
  const lets = names.map((name, index) => `let ${name} = a * ${index + 2} - b;`).join(' ');
  const sum = names.map((name, index) => `${name} * ${20 - index}`).join(' + ');

  it.each([
    ['in registers and the red zone', `i64(a, b): ${lets} ${sum}`],
    [
      'across a loop',
      `i64(a, b): ${lets} let i = 0; while (i < 5) { v3 = v3 + v19; i = i + 1; } ${sum}`,
    ],
    ['across a call', `i64(a, b): ${lets} let c = b < 1 ? 0 : self(a + v7, b - 1); c + ${sum}`],
  ])('%s', (_, source) => {
    const result = run(source, [11n, 3n]);
    expect(result).toReturn(interpret(compiledOnce(source).tree, [11n, 3n]));
    expect(result).toFollow('sysv');
  });
});

describe.each(['i64', 'i32'] as const)('random expressions of %s', (type) => {
  it('are what the interpreter says', () => {
    const kit = kitFor('x86-64');
    const property = fc.property(expressionText, integer(), integer(), (body, ...pair) => {
      const code = compile(`${type}(a, b): ${body}`);
      const result = kit.call(codeOf(code), pair, {
        signature: signatureOf(code),
      });
      try {
        expect(result).toReturn(interpret(code.tree, pair.map(BigInt)));
      } catch (error) {
        if (!(error instanceof DivisionTrap)) throw error;
        expect(result.outcome).toMatchObject({ signal: 'SIGFPE' });
      }
      expect(result.breaches).toEqual([]);
    });
    fc.assert(property, { numRuns: 150, seed: 5 });
  });
});
