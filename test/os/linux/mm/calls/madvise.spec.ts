/** madvise as Linux 6.18 has it; random sequences of it are in native.spec.ts. */
import { describe, expect, it } from 'vitest';
import * as mman from '../../../../../src/abi/linux/mman.js';
import { PagedObject } from '../../../../../src/memory/objects.js';
import type { AddressSpace } from '../../../../../src/os/linux/mm/address-space.js';
import {
  MADV_GUARD_INSTALL,
  MADV_GUARD_REMOVE,
} from '../../../../../src/os/linux/mm/calls/madvise.js';
import { BASE, makeSpace, mapAt, openFile, PAGE, shape } from '../fake-memory.js';

const SHARED = mman.MAP_SHARED | mman.MAP_ANONYMOUS;
const LOCKED = mman.MAP_PRIVATE | mman.MAP_ANONYMOUS | mman.MAP_LOCKED;
const one = Uint8Array.of(1);
const zero = Uint8Array.of(0);

function advise(mm: AddressSpace, advice: number, addr = BASE, length = PAGE): string {
  const result = mm.madvise(addr, length, advice);
  return result.ok ? 'ok' : result.errno;
}

describe('arguments', () => {
  it.each<[string, number, bigint, bigint, string]>([
    ['unknown advice', 5, BASE, PAGE, 'EINVAL'],
    ['unknown advice comes before the range', 99, BASE + 1n, 0n, 'EINVAL'],
    ['misaligned', mman.MADV_NORMAL, BASE + 1n, PAGE, 'EINVAL'],
    ['misaligned comes before length 0', mman.MADV_NORMAL, BASE + 1n, 0n, 'EINVAL'],
    ['length 0', mman.MADV_NORMAL, BASE - PAGE, 0n, 'ok'],
    ['rounds to nothing', mman.MADV_NORMAL, BASE, (1n << 64n) - 1n, 'EINVAL'],
    ['wraps', mman.MADV_NORMAL, BASE, (1n << 64n) - PAGE, 'EINVAL'],
    ['nothing mapped', mman.MADV_NORMAL, BASE + 2n * PAGE, PAGE, 'ENOMEM'],
    ['starts in a hole', mman.MADV_NORMAL, BASE - PAGE, 2n * PAGE, 'ENOMEM'],
    ['error injection is not for users', 100, BASE, PAGE, 'EPERM'],
  ])('%s', (_name, advice, addr, length, expected) => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 2);
    expect(advise(mm, advice, addr, length)).toBe(expected);
  });

  it('a hole does not stop the rest', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1);
    mapAt(mm, BASE + 2n * PAGE, 1);
    mm.store(BASE + 2n * PAGE, one);
    expect(advise(mm, mman.MADV_DONTNEED, BASE, 3n * PAGE)).toBe('ENOMEM');
    expect(mm.load(BASE + 2n * PAGE, 1)).toEqual(zero);
  });
});

describe('which memory takes which advice', () => {
  const kinds: Record<string, (mm: AddressSpace) => void> = {
    private: (mm) => mapAt(mm),
    shared: (mm) => mapAt(mm, BASE, 1, 3, SHARED),
    locked: (mm) => mapAt(mm, BASE, 1, 3, LOCKED),
    droppable: (mm) => mapAt(mm, BASE, 1, 3, 0x28),
    noaccess: (mm) => mapAt(mm, BASE, 1, 0),
    readonly: (mm) => mapAt(mm, BASE, 1, 1),
    writeonly: (mm) => mapAt(mm, BASE, 1, 2),
  };
  it.each<[string, string, number, string]>([
    ['private', 'DONTNEED', mman.MADV_DONTNEED, 'ok'],
    ['locked', 'DONTNEED', mman.MADV_DONTNEED, 'EINVAL'],
    ['locked', 'DONTNEED_LOCKED', 24, 'ok'],
    ['shared', 'FREE', mman.MADV_FREE, 'EINVAL'],
    ['locked', 'FREE', mman.MADV_FREE, 'EINVAL'],
    ['private', 'REMOVE', mman.MADV_REMOVE, 'EINVAL'],
    ['shared', 'REMOVE', mman.MADV_REMOVE, 'ok'],
    ['locked', 'COLD', mman.MADV_COLD, 'EINVAL'],
    ['private', 'PAGEOUT', mman.MADV_PAGEOUT, 'ok'],
    ['shared', 'WIPEONFORK', mman.MADV_WIPEONFORK, 'EINVAL'],
    ['droppable', 'KEEPONFORK', mman.MADV_KEEPONFORK, 'EINVAL'],
    ['droppable', 'DODUMP', mman.MADV_DODUMP, 'EINVAL'],
    ['locked', 'GUARD_INSTALL', MADV_GUARD_INSTALL, 'EINVAL'],
    ['private', 'WILLNEED', mman.MADV_WILLNEED, 'ok'],
    ['private', 'POPULATE_WRITE', mman.MADV_POPULATE_WRITE, 'ok'],
    ['readonly', 'POPULATE_WRITE', mman.MADV_POPULATE_WRITE, 'EINVAL'],
    ['readonly', 'POPULATE_READ', mman.MADV_POPULATE_READ, 'ok'],
    ['writeonly', 'POPULATE_READ', mman.MADV_POPULATE_READ, 'EINVAL'],
    ['noaccess', 'POPULATE_READ', mman.MADV_POPULATE_READ, 'EINVAL'],
  ])('%s memory, MADV_%s', (kind, _name, advice, expected) => {
    const { mm } = makeSpace();
    kinds[kind]!(mm);
    expect(advise(mm, advice)).toBe(expected);
    mm.checkInvariants();
  });
});

describe('effects', () => {
  it('DONTNEED gives zeros again, and the file’s bytes for a private file', () => {
    const { mm, frames, memory } = makeSpace();
    mapAt(mm);
    mm.store(BASE, one);
    advise(mm, mman.MADV_DONTNEED);
    expect([memory.framesInUse, mm.find(BASE)!.anonVma]).toEqual([0, true]);
    expect(mm.load(BASE, 1)).toEqual(zero);
    const content = Uint8Array.of(7);
    const object = new PagedObject(frames, { kind: 'file', path: '/a', inode: 1, content });
    const file = openFile(object);
    mm.mmap({ addr: BASE, length: PAGE, prot: 3, flags: 0x12, file, pageOffset: 0n });
    mm.store(BASE, one);
    advise(mm, mman.MADV_DONTNEED);
    expect(mm.load(BASE, 1)).toEqual(content);
  });

  it('REMOVE punches a hole that every view sees; read-only views may not', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 2, 3, SHARED);
    mm.store(BASE + PAGE, one);
    expect(advise(mm, mman.MADV_REMOVE, BASE + PAGE)).toBe('ok');
    expect(mm.load(BASE + PAGE, 1)).toEqual(zero);
    const zeroFile = openFile(mm.vmas[0]!.object!, { writable: false });
    mm.mmap({ addr: BASE, length: PAGE, prot: 1, flags: 0x11, file: zeroFile, pageOffset: 0n });
    expect(advise(mm, mman.MADV_REMOVE)).toBe('EACCES');
  });

  it('FREE leaves the data while memory lasts', () => {
    const { mm } = makeSpace();
    mapAt(mm);
    mm.store(BASE, one);
    expect(advise(mm, mman.MADV_FREE)).toBe('ok');
    expect(mm.load(BASE, 1)).toEqual(one);
  });

  it('flags split and merge mappings', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 3);
    advise(mm, mman.MADV_DONTFORK, BASE + PAGE);
    expect(mm.vmas.map((vma) => mm.smapsFlags(vma).includes('dc'))).toEqual([false, true, false]);
    advise(mm, mman.MADV_DOFORK, BASE + PAGE);
    expect(shape(mm)).toEqual(['0+3 rw-p']);
  });

  it('a split too many is EAGAIN', () => {
    const { mm } = makeSpace({ tuning: { maxMapCount: 1 } });
    mapAt(mm, BASE, 3);
    expect(advise(mm, mman.MADV_DONTDUMP, BASE + PAGE)).toBe('EAGAIN');
  });

  it('guard pages fault until they are removed, and outlive DONTNEED', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 2);
    mm.store(BASE, one);
    expect(advise(mm, MADV_GUARD_INSTALL)).toBe('ok');
    advise(mm, mman.MADV_DONTNEED);
    expect(mm.load(BASE, 1)).toMatchObject({ code: 'SEGV_MAPERR' });
    expect(advise(mm, mman.MADV_POPULATE_READ)).toBe('EFAULT');
    expect(advise(mm, MADV_GUARD_REMOVE)).toBe('ok');
    expect(mm.load(BASE, 1)).toEqual(zero);
    mm.checkInvariants();
  });

  it('refuses to guard more pages than it can note', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1 << 21, 0);
    expect(advise(mm, MADV_GUARD_INSTALL, BASE, BigInt(1 << 21) * PAGE)).toBe('ENOMEM');
  });

  it.each([
    ['writable', 3, 'ok'],
    ['read-only', 1, 'EPERM'],
  ])('discarding sealed %s anonymous memory', (_name, prot, expected) => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1, prot);
    mm.mseal(BASE, PAGE, 0n);
    expect(advise(mm, mman.MADV_DONTNEED)).toBe(expected);
    expect(advise(mm, mman.MADV_NORMAL)).toBe('ok');
  });

  it('a sealed read-only file page may be discarded', () => {
    const { mm, frames } = makeSpace();
    const object = new PagedObject(frames, { kind: 'file', path: '/a', inode: 1, size: 1 });
    const file = openFile(object);
    mm.mmap({ addr: BASE, length: PAGE, prot: 1, flags: 0x12, file, pageOffset: 0n });
    mm.mseal(BASE, PAGE, 0n);
    expect(advise(mm, mman.MADV_DONTNEED)).toBe('ok');
  });
});
