/** msync, mincore, mseal, remap_file_pages. */
import { describe, expect, it } from 'vitest';
import {
  MAP_ANONYMOUS,
  MAP_LOCKED,
  MAP_PRIVATE,
  MAP_SHARED,
} from '../../../../../src/abi/linux/mman.js';
import { PagedObject } from '../../../../../src/memory/objects.js';
import { BASE, makeSpace, mapAt, openFile, PAGE, shape } from '../fake-memory.js';

const failed = (errno: string) => ({ ok: false, errno });
const OK = { ok: true, value: 0 };
const SHARED = MAP_SHARED | MAP_ANONYMOUS;

describe('msync', () => {
  it.each<[string, bigint, bigint, number, unknown]>([
    ['unknown flag', BASE, PAGE, 8, failed('EINVAL')],
    ['misaligned', BASE + 1n, PAGE, 4, failed('EINVAL')],
    ['both ways at once', BASE, PAGE, 5, failed('EINVAL')],
    ['length 0', BASE - PAGE, 0n, 4, OK],
    ['wraps', BASE, (1n << 64n) - PAGE, 4, failed('ENOMEM')],
    ['a hole, after the rest', BASE, 3n * PAGE, 4, failed('ENOMEM')],
    ['mapped', BASE, PAGE, 4, OK],
    ['no flag at all', BASE, PAGE, 0, OK],
  ])('%s', (_name, addr, length, flags, expected) => {
    const { mm } = makeSpace();
    mapAt(mm);
    mapAt(mm, BASE + 2n * PAGE);
    expect(mm.msync(addr, length, flags)).toEqual(expected);
  });

  it('MS_INVALIDATE refuses locked memory, behind a hole too', () => {
    const { mm } = makeSpace();
    mapAt(mm);
    mapAt(mm, BASE + 2n * PAGE, 1, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED);
    expect(mm.msync(BASE, 3n * PAGE, 2)).toEqual(failed('EBUSY'));
  });
});

describe('mincore', () => {
  it('tells touched pages, read or written', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 4);
    mm.load(BASE + PAGE, 1);
    mm.store(BASE + 3n * PAGE, Uint8Array.of(1));
    expect(mm.mincore(BASE, 4n * PAGE)).toEqual({ ok: true, value: Uint8Array.of(0, 1, 0, 1) });
    mm.madvise(BASE, 4n * PAGE, 4);
    expect(mm.mincore(BASE, PAGE * 3n + 1n)).toEqual({
      ok: true,
      value: Uint8Array.of(0, 0, 0, 0),
    });
  });

  it('tells an object’s pages, whoever touched them', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 2, 3, SHARED);
    mm.store(BASE, Uint8Array.of(1));
    expect(mm.mincore(BASE, 2n * PAGE)).toEqual({ ok: true, value: Uint8Array.of(1, 0) });
  });

  it('refuses misaligned ranges, holes and the kernel’s half', () => {
    const { mm } = makeSpace();
    mapAt(mm);
    expect(mm.mincore(BASE + 1n, PAGE)).toEqual(failed('EINVAL'));
    expect(mm.mincore(BASE, 2n * PAGE)).toEqual(failed('ENOMEM'));
    expect(mm.mincore(1n << 63n, PAGE)).toEqual(failed('ENOMEM'));
    expect(mm.mincore(BASE, (1n << 64n) - 1n)).toEqual(failed('ENOMEM'));
  });
});

describe('mseal', () => {
  it.each<[string, bigint, bigint, bigint, unknown]>([
    ['flags', BASE, PAGE, 1n, failed('EINVAL')],
    ['misaligned', BASE + 1n, PAGE, 0n, failed('EINVAL')],
    ['rounds to nothing', BASE, (1n << 64n) - 1n, 0n, failed('EINVAL')],
    ['wraps', BASE, (1n << 64n) - PAGE, 0n, failed('EINVAL')],
    ['length 0', BASE - PAGE, 0n, 0n, OK],
    ['a hole', BASE, 5n * PAGE, 0n, failed('ENOMEM')],
    ['mapped', BASE, 4n * PAGE, 0n, OK],
  ])('%s', (_name, addr, length, flags, expected) => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 4);
    expect(mm.mseal(addr, length, flags)).toEqual(expected);
    expect(mm.vmas.some(({ sealed }) => sealed)).toBe(expected === OK && length > 0n);
  });

  it('splits, merges with what is sealed already, and may be repeated', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 4);
    mm.mseal(BASE, PAGE, 0n);
    mm.mseal(BASE + PAGE, PAGE, 0n);
    expect(mm.mseal(BASE, 2n * PAGE, 0n)).toEqual(OK);
    expect(mm.vmas.map(({ start, sealed }) => [start, sealed])).toEqual([
      [BASE, true],
      [BASE + 2n * PAGE, false],
    ]);
  });

  it('leaves the contents writable', () => {
    const { mm } = makeSpace();
    mapAt(mm);
    mm.mseal(BASE, PAGE, 0n);
    expect(mm.store(BASE, Uint8Array.of(1))).toBe(null);
  });
});

describe('remap_file_pages', () => {
  it('shows another part of the same object', () => {
    const { mm, frames } = makeSpace();
    const content = new Uint8Array(4 * 4096);
    for (let i = 0; i < 4; i++) content[i * 4096] = i;
    const object = new PagedObject(frames, { kind: 'file', path: '/a', inode: 1, content });
    const file = openFile(object);
    mm.mmap({ addr: BASE, length: 4n * PAGE, prot: 3, flags: 0x11, file, pageOffset: 0n });
    expect(mm.remapFilePages(BASE, PAGE, 0n, 3n, 0n)).toEqual(OK);
    expect(mm.load(BASE, 1)).toEqual(Uint8Array.of(3));
    expect(shape(mm)).toEqual(['0+1 rw-s', '1+3 rw-s']);
  });

  it('is for shared memory, and takes no rights', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 2);
    expect(mm.remapFilePages(BASE, PAGE, 0n, 0n, 0n)).toEqual(failed('EINVAL'));
    mapAt(mm, BASE, 2, 3, SHARED);
    expect(mm.remapFilePages(BASE, PAGE, 1n, 0n, 0n)).toEqual(failed('EINVAL'));
    expect(mm.remapFilePages(BASE, 0n, 0n, 0n, 0n)).toEqual(failed('EINVAL'));
    expect(mm.remapFilePages(BASE, 3n * PAGE, 0n, 0n, 0n)).toEqual(failed('EINVAL'));
    expect(mm.remapFilePages(BASE, PAGE, 0n, (1n << 64n) - 1n, 0n)).toEqual(failed('EINVAL'));
    expect(mm.remapFilePages(BASE, PAGE, 0n, 1n, 0n)).toEqual(OK);
  });
});
