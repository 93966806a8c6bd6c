import { describe, expect, it } from 'vitest';
import { READ_IMPLIES_EXEC } from '../../../../../src/abi/linux/mman.js';
import type { AddressSpace } from '../../../../../src/os/linux/mm/address-space.js';
import { VM_MAYEXEC } from '../../../../../src/os/linux/mm/vmas/vma.js';
import { narrow } from '../../../../../src/policy/policy.js';
import {
  BASE,
  makeSpace,
  mapAt,
  PAGE,
  policiesOf,
  shape,
  type TestOptions,
} from '../fake-memory.js';

function heapAt(start: bigint, options: TestOptions = {}): AddressSpace {
  const { mm } = makeSpace(options);
  mm.setBrk(start);
  return mm;
}

describe('brk', () => {
  it('grows and shrinks by pages and remembers bytes', () => {
    const mm = heapAt(BASE);
    expect(mm.brk(0n)).toBe(BASE);
    expect(mm.brk(BASE + 1n)).toBe(BASE + 1n);
    expect(shape(mm)).toEqual(['0+1 rw-p']);
    expect(mm.brk(BASE + 0x3000n)).toBe(BASE + 0x3000n);
    expect(shape(mm)).toEqual(['0+3 rw-p']);
    expect(mm.brk(BASE + 0x1001n)).toBe(BASE + 0x1001n);
    expect(shape(mm)).toEqual(['0+2 rw-p']);
    expect(mm.brk(BASE)).toBe(BASE);
    expect(mm.vmas).toEqual([]);
  });

  it('shows as [heap]', () => {
    const mm = heapAt(BASE);
    mm.brk(BASE + PAGE);
    expect(mm.nameOf(mm.vmas[0]!)).toBe('[heap]');
  });

  it.each<[string, TestOptions, (mm: AddressSpace) => bigint]>([
    ['below its start', {}, (mm) => mm.brk(BASE - 1n)],
    ['past the end', {}, (mm) => mm.brk(0x7fff_ffff_f001n)],
    ['RLIMIT_DATA', { limits: { data: 2n * PAGE } }, (mm) => mm.brk(BASE + 2n * PAGE + 1n)],
    ['RLIMIT_AS', { limits: { as: 2n * PAGE } }, (mm) => mm.brk(BASE + 3n * PAGE)],
    ['all of memory', { tuning: { totalPages: 2 } }, (mm) => mm.brk(BASE + 3n * PAGE)],
  ])('stays where it is: %s', (_name, options, grow) => {
    const mm = heapAt(BASE, options);
    expect(grow(mm)).toBe(BASE);
    expect(mm.vmas).toEqual([]);
  });

  it('keeps a page free below the next mapping', () => {
    const mm = heapAt(BASE);
    mapAt(mm, BASE + 4n * PAGE);
    expect(mm.brk(BASE + 4n * PAGE)).toBe(BASE);
    expect(mm.brk(BASE + 3n * PAGE)).toBe(BASE + 3n * PAGE);
  });

  it('does not shrink over a sealed page', () => {
    const mm = heapAt(BASE);
    mm.brk(BASE + 4n * PAGE);
    mm.mseal(BASE + 2n * PAGE, PAGE, 0n);
    expect(mm.brk(BASE)).toBe(BASE + 4n * PAGE);
    expect(mm.brk(BASE + 3n * PAGE)).toBe(BASE + 3n * PAGE);
  });

  it('never joins what lies below its start, but joins its own pages', () => {
    const mm = heapAt(BASE);
    mapAt(mm, BASE - PAGE);
    mm.brk(BASE + PAGE);
    mm.brk(BASE + 2n * PAGE);
    expect(shape(mm)).toEqual(['-1+1 rw-p', '0+2 rw-p']);
  });

  it('a start inside a page is an empty heap', () => {
    const mm = heapAt(BASE + 0x800n);
    expect(mm.brk(BASE + 0x801n)).toBe(BASE + 0x801n);
    expect(shape(mm)).toEqual(['0+1 rw-p']);
    expect(mm.brk(BASE + 0x800n)).toBe(BASE + 0x800n);
    expect(mm.vmas).toEqual([]);
  });

  it('READ_IMPLIES_EXEC makes new pages executable, in a mapping of their own', () => {
    const mm = heapAt(BASE);
    mm.brk(BASE + PAGE);
    mm.personality = READ_IMPLIES_EXEC;
    mm.brk(BASE + 2n * PAGE);
    expect(shape(mm)).toEqual(['0+1 rw-p', '1+1 rwxp']);
  });

  it('asks the hook for pages that appear without mmap', () => {
    const policies = policiesOf({
      implicit: ({ flags, origin }) =>
        origin === 'brk' ? narrow(flags & ~VM_MAYEXEC, 'a/b', '') : { kind: 'allow' },
    });
    const mm = heapAt(BASE, { policies });
    mm.brk(BASE + PAGE);
    expect(mm.mprotect(BASE, PAGE, 5n)).toEqual({ ok: false, errno: 'EACCES' });
  });
});

describe('brkRegion (bss)', () => {
  it('replaces what lies there and may be executable', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 2, 1);
    expect(mm.brkRegion(BASE + PAGE, 0x1001n, true)).toEqual({ ok: true, value: 0 });
    expect(shape(mm)).toEqual(['0+1 r--p', '1+2 rwxp']);
  });
});
