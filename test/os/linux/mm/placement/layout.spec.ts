import { describe, expect, it } from 'vitest';
import { Random } from '../../../../../src/base/random.js';
import { createLayout, layoutNames } from '../../../../../src/os/linux/mm/placement/layout.js';

const hex = (value: bigint): string => value.toString(16);

describe('layouts without randomisation', () => {
  // taskSize, mmapBase, stackTop, elfBase: as `setarch -R` shows them for the first and third.
  it.each([
    ['linux-x86-64', 'x86-64', '7ffffffff000', '7ffff7fff000', '7ffffffff000', '555555554000'],
    [
      'linux-x86-64-legacy',
      'x86-64',
      '7ffffffff000',
      '2aaaaaaab000',
      '7ffffffff000',
      '555555554000',
    ],
    ['linux-i386-on-x86-64', 'i386', 'ffffe000', 'f7ffe000', 'ffffe000', '56555000'],
    ['linux-i386', 'i386', 'c0000000', 'b8000000', 'c0000000', '400000'],
    ['linux-i386-classic', 'i386', 'c0000000', '40000000', 'c0000000', '80000000'],
  ] as const)('%s', (name, arch, task, base, stack, elf) => {
    const layout = createLayout(name, arch, undefined);
    const { taskSize, mmapBase, stackTop, elfBase, brkGap, stackOffset } = layout;
    expect([taskSize, mmapBase, stackTop, elfBase].map(hex)).toEqual([task, base, stack, elf]);
    expect([brkGap, stackOffset]).toEqual([0n, 0n]);
  });

  it('leaves room for a larger stack limit, up to 5/6 of the space', () => {
    const roomy = createLayout('linux-x86-64', 'x86-64', undefined, 1n << 30n);
    expect(hex(roomy.mmapBase)).toBe('7fffbfeff000');
    const unlimited = createLayout('linux-i386', 'i386', undefined, 1n << 40n);
    expect(hex(unlimited.mmapBase)).toBe('20000000');
  });
});

describe('randomised layouts', () => {
  it('are the same for the same seed and differ for others', () => {
    const make = (seed: number) => createLayout(undefined, 'x86-64', new Random(seed));
    expect(make(1)).toEqual(make(1));
    expect(make(1).mmapBase).not.toBe(make(2).mmapBase);
    expect(make(1).stackTop).not.toBe(make(1).elfBase);
  });

  it('stay within the kernel’s amounts and on page boundaries', () => {
    for (let seed = 1; seed < 60; seed++) {
      const wide = createLayout(undefined, 'x86-64', new Random(seed));
      const fixed = createLayout(undefined, 'x86-64', undefined);
      expect(fixed.stackTop - wide.stackTop).toBeLessThan(1n << 34n);
      expect(wide.elfBase - fixed.elfBase).toBeLessThan(1n << 40n);
      expect(wide.brkGap).toBeLessThan(1n << 30n);
      // The stack's own randomisation (16 GiB) is kept free above the mappings.
      const room = fixed.taskSize - wide.mmapBase;
      expect(room).toBeGreaterThan(1n << 34n);
      expect(room).toBeLessThan((1n << 34n) + (1n << 40n) + (16n << 20n));
      for (const value of [wide.mmapBase, wide.stackTop, wide.elfBase, wide.brkGap]) {
        expect(value & 0xfffn).toBe(0n);
      }
      const narrow = createLayout(undefined, 'i386', new Random(seed));
      expect(narrow.taskSize - narrow.stackTop).toBeLessThan(8n << 20n);
      expect(narrow.brkGap).toBeLessThan(32n << 20n);
      expect(wide.stackOffset % 16n).toBe(0n);
    }
  });

  it('never touch the classic layout', () => {
    const classic = (random?: Random) => createLayout('linux-i386-classic', 'i386', random);
    expect(classic(new Random(5))).toEqual(classic());
  });
});

describe('createLayout', () => {
  it('has a default for each architecture', () => {
    expect(createLayout(undefined, 'i386', undefined).name).toBe('linux-i386-on-x86-64');
    expect(createLayout(undefined, 'x86-64', undefined).name).toBe('linux-x86-64');
  });

  it('names what is known when the name is not', () => {
    expect(() => createLayout('linux-i368', 'i386', undefined)).toThrow(
      `unknown layout 'linux-i368': expected one of ${layoutNames.join(', ')}; did you mean 'linux-i386'?`,
    );
  });

  it('refuses a layout of the other architecture', () => {
    expect(() => createLayout('linux-i386', 'x86-64', undefined)).toThrow(
      "layout 'linux-i386' is for i386, not x86-64: expected one of linux-x86-64, linux-x86-64-legacy",
    );
  });
});
