/** Generated inputs: edge values come up, failures are found and simplified, the same seed gives the same. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as machine from '../../src/fast-check/index.js';
import { call, explore, Kit, pointerTo } from '../../src/index.js';

const DIVIDE = 'mov eax, edi; cdq; idiv esi; ret';

describe('explore', () => {
  it('finds both ways in which a division traps', async () => {
    const found = await explore(DIVIDE, { signature: 'i32(i32, i32)' });
    expect(found?.result.outcome).toMatchObject({ kind: 'signal', signal: 'SIGFPE' });
    const guarded = `test esi, esi; jz none; ${DIVIDE}; none: xor eax, eax; ret`;
    const overflow = await explore(guarded, { signature: 'i32(i32, i32)', runs: 2000 });
    expect(overflow?.args).toEqual([-(2n ** 31n), -1n]);
  });

  it('simplifies to the smallest input that fails', async () => {
    const found = await explore('cmp rdi, 1000; jae bad; ret; bad: ud2', { signature: 'i64(u64)' });
    expect(found?.args.map(Number)).toEqual([
      expect.toSatisfy((value: number) => value === 1000 || value === -1),
    ]);
  });

  it('finds an access behind a buffer', async () => {
    const sum =
      'xor eax, eax; next: movzx ecx, byte ptr [rdi+rsi]; add eax, ecx; dec rsi; jns next; ret';
    const found = await explore(sum, {
      signature: 'i32(ptr, i64)',
      arguments: (random) => [new Uint8Array(16), random.below(17)],
    });
    expect(found?.args[1]).toBe(16);
    expect(found?.result.fault).toMatchObject({ access: 'read' });
  });

  it('is silent about code that always returns', async () => {
    expect(await explore('lea rax, [rdi+rsi]; ret', { signature: 'i64(i64, i64)' })).toBe(
      undefined,
    );
  });

  it('gives the same for the same seed', async () => {
    const [one, two] = await Promise.all(
      [1, 2].map(() => explore(DIVIDE, { signature: 'i32(i32, i32)', seed: 7 })),
    );
    expect(one?.args).toEqual(two?.args);
  });
});

describe('arbitraries', () => {
  it('hold for right code, and shrink for wrong code', async () => {
    using kit = await Kit.open();
    const code = kit.load('mov eax, edi; neg eax; cmovs eax, edi; ret');
    const holds = (value: number): boolean => {
      const { value: result } = kit.call(code, [value], { signature: 'i32(i32)' });
      return result === Math.abs(value);
    };
    const checked = fc.check(fc.property(machine.integer(), holds), { numRuns: 2000 });
    expect(checked.counterexample).toEqual([-(2 ** 31)]);
  });

  it('cover NaNs, denormals and signs of zero', () => {
    const seen = fc.sample(machine.double(), { numRuns: 2000, seed: 1 });
    expect(seen.some(Number.isNaN)).toBe(true);
    expect(seen).toContain(-0);
    expect(seen).toContain(Number.MIN_VALUE);
    expect(fc.sample(machine.registerValue({ bits: 8 }), { numRuns: 500, seed: 1 })).toContain(
      -128n,
    );
  });

  it('put accesses across pages and at guard pages', async () => {
    using kit = await Kit.open();
    const code = kit.load('mov [rdi], rsi; mov rax, [rdi]; ret');
    fc.assert(
      fc.property(machine.pageCrossing(), machine.registerValue(), ({ buffer, offset }, value) => {
        const result = kit.call(code, [pointerTo('b', offset), value], { buffers: { b: buffer } });
        return result.value === value;
      }),
      { numRuns: 30 },
    );
  });

  it('set flags at entry', async () => {
    using kit = await Kit.open();
    const code = kit.load('setc al; movzx eax, al; ret');
    fc.assert(
      fc.property(
        machine.flags(),
        (flags) => kit.call(code, [], { flags }).value === BigInt(flags.CF ?? false),
      ),
      { numRuns: 30 },
    );
  });
});

it('calls of a text are assembled once', async () => {
  const [one, two] = [await call('ret'), await call('ret')];
  expect(one.facts.code).toBe(two.facts.code);
});
