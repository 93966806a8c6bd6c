/** Coverage of instructions and of both directions of each branch; counts that stay the same. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Coverage, Kit } from '../../../src/index.js';

let kit: Kit;

beforeAll(async () => {
  kit = await Kit.open();
});
afterAll(() => kit.close());

const CLAMP = 'cmp edi, 100; jg high; mov eax, edi; ret; high: mov eax, 100; ret';

describe('coverage', () => {
  it('shows on the listing what never ran, and which way a branch never went', () => {
    const code = kit.load(CLAMP);
    const coverage = new Coverage();
    coverage.add(kit.call(code, [5]));
    coverage.add(kit.call(code, [100]));
    expect(coverage.listing()).toEqual([
      '2  10000000:  83 ff 64        cmp edi, 0x64',
      '2  10000003:  7f 03           jg 0x10000008 <high>  <- never taken',
      '2  10000005:  89 f8           mov eax, edi',
      '2  10000007:  c3              ret',
      'high:',
      '-  10000008:  b8 64 00 00 00  mov eax, 0x64',
      '-  1000000d:  c3              ret',
    ]);
    expect(coverage.totals).toEqual({
      instructions: 6,
      instructionsRun: 4,
      directions: 2,
      directionsTaken: 1,
    });
    expect(coverage.complete).toBe(false);
    coverage.add(kit.call(code, [101]));
    expect(coverage.complete).toBe(true);
    expect(coverage.listing().join('\n')).not.toContain('<-');
  });

  it('is of one code', () => {
    const coverage = new Coverage();
    coverage.add(kit.call(Uint8Array.of(0x90, 0xc3)));
    coverage.add(kit.call(Uint8Array.of(0x90, 0xc3)));
    expect(coverage.listing()[0]).toMatch(/^2 /);
    expect(() => coverage.add(kit.call(Uint8Array.of(0xc3)))).toThrow('coverage is of one code');
  });

  it('counts the same instructions each time', () => {
    const code = kit.load('mov ecx, 10; again: dec ecx; jnz again; ret');
    const counts = [1, 2, 3].map(() => kit.call(code).instructions);
    expect(counts).toEqual([22, 22, 22]);
  });
});
