import { describe, expect, it } from 'vitest';
import type { AddressSpace } from '../../../../../src/os/linux/mm/address-space.js';
import { BASE, makeSpace, mapAt, PAGE, shape, type TestOptions } from '../fake-memory.js';

const failed = (errno: string) => ({ ok: false, errno });
const OK = { ok: true, value: 0 };

function space(options: TestOptions = {}): AddressSpace {
  const { mm } = makeSpace({ limits: { memlock: 4n * PAGE }, ...options });
  mapAt(mm, BASE, 4);
  return mm;
}

const locked = (mm: AddressSpace): boolean[] =>
  mm.vmas.map((vma) => mm.smapsFlags(vma).includes('lo'));

describe('mlock', () => {
  it('touches the pages that hold the range and marks them', () => {
    const mm = space();
    expect(mm.mlock(BASE + PAGE + 5n, 1n)).toEqual(OK);
    expect(locked(mm)).toEqual([false, true, false]);
    expect(mm.mincore(BASE, 4n * PAGE)).toEqual({ ok: true, value: Uint8Array.of(0, 1, 0, 0) });
    expect(mm.munlock(BASE, 4n * PAGE)).toEqual(OK);
    expect(locked(mm).includes(true)).toBe(false);
    mm.checkInvariants();
  });

  it.each<[string, (mm: AddressSpace) => unknown, string]>([
    ['unknown flag', (mm) => mm.mlock(BASE, PAGE, 2), 'EINVAL'],
    ['a hole', (mm) => mm.mlock(BASE + 3n * PAGE, 2n * PAGE), 'ENOMEM'],
    ['a hole at the start', (mm) => mm.mlock(BASE - PAGE, 2n * PAGE), 'ENOMEM'],
    ['more than RLIMIT_MEMLOCK', (mm) => mm.mlock(BASE, 5n * PAGE), 'ENOMEM'],
    ['past the end of everything', (mm) => mm.munlock((1n << 64n) - PAGE, PAGE), 'EINVAL'],
  ])('refuses %s', (_name, attempt, errno) => {
    expect(attempt(space())).toEqual(failed(errno));
  });

  it('does not count twice what is locked already', () => {
    const mm = space();
    mm.mlock(BASE, 3n * PAGE);
    expect(mm.mlock(BASE, 4n * PAGE)).toEqual(OK);
    mapAt(mm, BASE + 8n * PAGE, 1);
    expect(mm.mlock(BASE + 8n * PAGE, PAGE)).toEqual(failed('ENOMEM'));
  });

  it('locks inaccessible memory and says that it could not touch it', () => {
    const mm = space();
    mm.mprotect(BASE, PAGE, 0n);
    expect(mm.mlock(BASE, PAGE)).toEqual(failed('ENOMEM'));
    expect(locked(mm)[0]).toBe(true);
  });

  it('MLOCK_ONFAULT touches nothing', () => {
    const mm = space();
    expect(mm.mlock(BASE, 4n * PAGE, 1)).toEqual(OK);
    expect(mm.smapsFlags(mm.vmas[0]!)).toContain('lf');
    expect(mm.mincore(BASE, PAGE)).toEqual({ ok: true, value: Uint8Array.of(0) });
  });

  it('needs a limit above 0', () => {
    expect(space({ limits: { memlock: 0n } }).mlock(BASE, PAGE)).toEqual(failed('EPERM'));
  });
});

describe('mlockall', () => {
  it.each<[number, unknown]>([
    [0, failed('EINVAL')],
    [8, failed('EINVAL')],
    [4, failed('EINVAL')],
    [1, OK],
    [5, OK],
  ])('flags %i', (flags, expected) => {
    expect(space().mlockall(flags)).toEqual(expected);
  });

  it('MCL_CURRENT counts everything that is mapped', () => {
    const mm = space();
    mapAt(mm, BASE + 8n * PAGE, 1);
    expect(mm.mlockall(1)).toEqual(failed('ENOMEM'));
    expect(mm.mlockall(2)).toEqual(OK);
  });

  it('MCL_FUTURE locks what comes, munlockall undoes both', () => {
    const mm = space({ limits: { memlock: 64n * PAGE } });
    mm.mlockall(3);
    mapAt(mm, BASE + 8n * PAGE, 1, 1);
    expect(locked(mm)).toEqual([true, true]);
    mm.munlockall();
    mapAt(mm, BASE + 16n * PAGE, 1);
    expect(locked(mm)).toEqual([false, false, false]);
    expect(shape(mm)).toHaveLength(3);
  });
});
