/** munmap: errnos, splitting, all or nothing. */
import { describe, expect, it } from 'vitest';
import { BASE, makeSpace, mapAt, PAGE, shape } from '../fake-memory.js';

describe('errnos', () => {
  it.each<[string, bigint, bigint, string]>([
    ['misaligned', BASE + 1n, PAGE, 'EINVAL'],
    ['length 0', BASE, 0n, 'EINVAL'],
    ['length that wraps to 0', BASE, (1n << 64n) - 1n, 'EINVAL'],
    ['past the end', 0x7fff_ffff_e000n, 2n * PAGE, 'EINVAL'],
    ['beyond the end', 0x8000_0000_0000n, PAGE, 'EINVAL'],
  ])('%s', (_name, addr, length, errno) => {
    expect(makeSpace().mm.munmap(addr, length)).toEqual({ ok: false, errno });
  });

  it('holes do not matter', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1);
    mapAt(mm, BASE + 4n * PAGE, 1);
    expect(mm.munmap(BASE - PAGE, 10n * PAGE)).toEqual({ ok: true, value: 0 });
    expect(mm.munmap(BASE, PAGE)).toEqual({ ok: true, value: 0 });
    expect(mm.vmas).toEqual([]);
  });
});

describe('effect', () => {
  it.each<[string, number, number, string[]]>([
    ['the middle', 1, 2, ['0+1 rw-p', '3+1 rw-p']],
    ['the start', 0, 1, ['1+3 rw-p']],
    ['the end', 3, 4, ['0+3 rw-p']],
    ['all', 0, 4, []],
  ])('%s goes', (_name, from, pages, left) => {
    const { mm, memory } = makeSpace();
    mapAt(mm, BASE, 4);
    mm.store(BASE, new Uint8Array(4 * 4096).fill(1));
    mm.munmap(BASE + BigInt(from) * PAGE, BigInt(pages) * PAGE - 1n);
    expect(shape(mm)).toEqual(left);
    mm.checkInvariants();
    const pagesLeft = left.reduce((sum, line) => sum + Number(line.match(/\+(\d+)/)![1]), 0);
    expect(memory.framesInUse).toBe(pagesLeft);
  });

  it('fresh memory is zero where there was data before', () => {
    const { mm } = makeSpace();
    mapAt(mm);
    mm.store(BASE, Uint8Array.of(9));
    mm.munmap(BASE, PAGE);
    mapAt(mm);
    expect(mm.load(BASE, 1)).toEqual(Uint8Array.of(0));
  });

  it('forgets the translations of what goes', () => {
    const { mm, flushes } = makeSpace();
    mapAt(mm, BASE, 4);
    flushes.length = 0;
    mm.munmap(BASE + PAGE, 2n * PAGE);
    expect(flushes).toEqual([[Number(BASE >> 12n) + 1, 2]]);
  });

  it('a sealed part refuses everything, but for the split that came before', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 4);
    mm.mseal(BASE + 2n * PAGE, PAGE, 0n);
    expect(mm.munmap(BASE + PAGE, 3n * PAGE)).toEqual({ ok: false, errno: 'EPERM' });
    expect(shape(mm)).toEqual(['0+1 rw-p', '1+1 rw-p', '2+1 rw-p', '3+1 rw-p']);
  });

  it('vm.max_map_count keeps one mapping from becoming two', () => {
    const { mm } = makeSpace({ tuning: { maxMapCount: 1 } });
    mapAt(mm, BASE, 3);
    expect(mm.munmap(BASE + PAGE, PAGE)).toEqual({ ok: false, errno: 'ENOMEM' });
    expect(mm.munmap(BASE, PAGE).ok).toBe(true);
  });
});
