/** translate: rights as the MMU sees them, first touch, copy on write, the end of an object, stack growth. */
import { describe, expect, it } from 'vitest';
import {
  MAP_ANONYMOUS,
  MAP_GROWSDOWN,
  MAP_PRIVATE,
  MAP_SHARED,
} from '../../../../src/abi/linux/mman.js';
import type { Access } from '../../../../src/base/outcome.js';
import {
  FAULT_BUS,
  FAULT_NO_MEMORY,
  FAULT_PROTECTION,
  FAULT_UNMAPPED,
  HW_EXEC,
  HW_READ,
  HW_WRITE,
} from '../../../../src/engine/engine.js';
import { devZero, PagedObject } from '../../../../src/memory/objects.js';
import type { AddressSpace } from '../../../../src/os/linux/mm/address-space.js';
import { BASE, makeSpace, mapAt, openFile, PAGE, shape, type TestSpace } from './fake-memory.js';

const page = (addr: bigint): number => Number(addr >> 12n);
const GROWS = MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN;

/** The HW_* bits of an answer as text, or the fault. */
function rights(mm: AddressSpace, addr: bigint, access: Access): string | number {
  const answer = mm.translate(page(addr), access);
  if (answer < 0) return answer;
  const bits = [
    answer & HW_READ ? 'r' : '',
    answer & HW_WRITE ? 'w' : '',
    answer & HW_EXEC ? 'x' : '',
  ];
  return bits.join('');
}

function mapFile(space: TestSpace, kind: 'private' | 'shared', prot = 3, bytes = 5000) {
  const content = new Uint8Array(bytes).fill(1);
  const object = new PagedObject(space.frames, { kind: 'file', path: '/a', inode: 1, content });
  space.mm.mmap({
    addr: BASE,
    length: 4n * PAGE,
    prot,
    flags: 0x10 | (kind === 'shared' ? MAP_SHARED : MAP_PRIVATE),
    file: openFile(object),
    pageOffset: 0n,
  });
  return object;
}

describe('rights', () => {
  // [prot, what reading, writing and fetching give]; P is a fault.
  const P = FAULT_PROTECTION;
  it.each([
    [0, P, P, P],
    [1, 'r', P, P],
    [2, 'r', 'rw', P],
    [3, 'r', 'rw', P],
    [4, 'rx', P, 'rx'],
    [5, 'rx', P, 'rx'],
    [6, 'rx', 'rwx', 'rwx'],
    [7, 'rx', 'rwx', 'rwx'],
  ])('with NX, prot %i', (prot, read, write, exec) => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1, prot);
    expect([rights(mm, BASE, 'read'), rights(mm, BASE, 'write'), rights(mm, BASE, 'exec')]).toEqual(
      [read, write, exec],
    );
  });

  it.each([
    [0, P, P, P],
    [1, 'rx', P, 'rx'],
    [2, 'rx', 'rwx', 'rwx'],
    [4, 'rx', P, 'rx'],
  ])('without NX, prot %i: what is accessible is executable', (prot, read, write, exec) => {
    const { mm } = makeSpace({ nx: false });
    mapAt(mm, BASE, 1, prot);
    expect([rights(mm, BASE, 'read'), rights(mm, BASE, 'write'), rights(mm, BASE, 'exec')]).toEqual(
      [read, write, exec],
    );
  });

  it('nothing is mapped elsewhere, nor in the kernel’s half', () => {
    const { mm } = makeSpace();
    mapAt(mm);
    for (const addr of [0n, BASE - PAGE, BASE + PAGE, 1n << 63n, (1n << 64n) - 1n]) {
      expect(rights(mm, addr, 'read')).toBe(FAULT_UNMAPPED);
    }
  });
});

describe('anonymous memory', () => {
  it('is read from the page of zeros and gets its own page when it is written', () => {
    const { mm, memory, flushes } = makeSpace();
    mapAt(mm, BASE, 3);
    const zero = mm.translate(page(BASE), 'read');
    expect(mm.translate(page(BASE) + 1, 'read')).toBe(zero);
    expect([memory.framesInUse, mm.find(BASE)!.anonVma]).toEqual([1, false]);
    flushes.length = 0;
    const own = mm.translate(page(BASE), 'write');
    expect(own >> 3).not.toBe(zero >> 3);
    expect(flushes).toEqual([[page(BASE), 1]]);
    expect([memory.framesInUse, mm.find(BASE)!.anonVma]).toEqual([2, true]);
  });

  it('says when no memory is left', () => {
    const { mm } = makeSpace({ maxFrames: 2 });
    mapAt(mm, BASE, 2);
    expect(rights(mm, BASE, 'write')).toBe('rw');
    expect(rights(mm, BASE + PAGE, 'write')).toBe(FAULT_NO_MEMORY);
    expect(rights(mm, BASE + PAGE, 'read')).toBe(FAULT_NO_MEMORY);
  });

  it('private /dev/zero behaves like it', () => {
    const { mm } = makeSpace();
    const file = openFile(devZero());
    mm.mmap({ addr: BASE, length: PAGE, prot: 3, flags: 0x12, file, pageOffset: 5n });
    expect(rights(mm, BASE, 'read')).toBe('r');
    expect(rights(mm, BASE, 'write')).toBe('rw');
    expect(mm.find(BASE)!.anonVma).toBe(true);
  });
});

describe('files', () => {
  it('a private mapping shows the file until it is written', () => {
    const space = makeSpace();
    const object = mapFile(space, 'private');
    expect(rights(space.mm, BASE, 'read')).toBe('r');
    object.write(0, Uint8Array.of(7));
    expect(space.mm.load(BASE, 1)).toEqual(Uint8Array.of(7));
    space.mm.store(BASE + 1n, Uint8Array.of(8));
    object.write(0, Uint8Array.of(9));
    expect(space.mm.load(BASE, 2)).toEqual(Uint8Array.of(7, 8));
    expect(object.read(0, 2)).toEqual(Uint8Array.of(9, 1));
  });

  it('a shared mapping writes the file', () => {
    const space = makeSpace();
    const object = mapFile(space, 'shared');
    expect(rights(space.mm, BASE, 'write')).toBe('rw');
    space.mm.store(BASE, Uint8Array.of(4));
    expect(object.read(0, 1)).toEqual(Uint8Array.of(4));
    expect(space.mm.find(BASE)!.anonVma).toBe(false);
  });

  it.each(['private', 'shared'] as const)('%s: past the last page there is SIGBUS', (kind) => {
    const space = makeSpace();
    mapFile(space, kind);
    expect(rights(space.mm, BASE + PAGE, 'read')).toBe(kind === 'shared' ? 'rw' : 'r');
    expect(rights(space.mm, BASE + 2n * PAGE, 'read')).toBe(FAULT_BUS);
    expect(rights(space.mm, BASE + 2n * PAGE, 'write')).toBe(FAULT_BUS);
  });

  it('rights come before the end of the file', () => {
    const space = makeSpace();
    mapFile(space, 'shared', 1);
    expect(rights(space.mm, BASE + 3n * PAGE, 'write')).toBe(FAULT_PROTECTION);
  });

  it('a write past the end leaves an anon_vma', () => {
    const space = makeSpace();
    mapFile(space, 'private');
    rights(space.mm, BASE + 3n * PAGE, 'write');
    expect(space.mm.find(BASE)!.anonVma).toBe(true);
  });

  it('truncation takes private copies away too and tells the TLB', () => {
    const space = makeSpace();
    const object = mapFile(space, 'private');
    space.mm.store(BASE + PAGE, Uint8Array.of(3));
    space.flushes.length = 0;
    object.truncate(100);
    expect(space.flushes).toContainEqual([page(BASE) + 1, 3]);
    expect(rights(space.mm, BASE + PAGE, 'read')).toBe(FAULT_BUS);
    expect(space.mm.load(BASE + 99n, 2)).toEqual(Uint8Array.of(1, 0));
    object.truncate(5000);
    expect(space.mm.load(BASE + PAGE, 1)).toEqual(Uint8Array.of(0));
    space.mm.checkInvariants();
  });

  it('two views of one object are one memory', () => {
    const space = makeSpace();
    const object = mapFile(space, 'shared');
    const far = BASE + 0x100000n;
    const file = openFile(object);
    space.mm.mmap({ addr: far, length: PAGE, prot: 5, flags: 0x11, file, pageOffset: 0n });
    const written = space.mm.translate(page(BASE), 'write');
    expect(space.mm.translate(page(far), 'exec') >> 3).toBe(written >> 3);
    expect(rights(space.mm, far, 'exec')).toBe('rx');
  });
});

describe('stack growth', () => {
  it('follows any access below the mapping', () => {
    const { mm, events } = makeSpace();
    mapAt(mm, BASE, 1, 3, GROWS);
    expect(rights(mm, BASE - 0x10_0000n, 'read')).toBe('r');
    expect(shape(mm)).toEqual(['-256+257 rw-p']);
    expect(events.at(-1)).toMatchObject({ op: 'change', cause: 'stack growth' });
    // expand_downwards prepares the anon_vma.
    expect(mm.find(BASE)!.anonVma).toBe(true);
    expect(mm.history(BASE - PAGE).at(-1)!.cause).toBe('stack growth');
    mm.checkInvariants();
  });

  it.each<[string, (mm: AddressSpace) => void, bigint]>([
    ['RLIMIT_STACK', (mm) => Object.assign(mm.limits, { stack: 4n * PAGE }), 4n],
    ['RLIMIT_AS', (mm) => Object.assign(mm.limits, { as: 2n * PAGE }), 2n],
    ['the guard gap above an accessible mapping', (mm) => mapAt(mm, BASE - 0x101000n, 1, 1), 1n],
  ])('stops at %s', (_name, prepare, distance) => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1, 3, GROWS);
    prepare(mm);
    const before = shape(mm);
    expect(rights(mm, BASE - distance * PAGE, 'write')).toBe(FAULT_UNMAPPED);
    expect(mm.explainFault(BASE - distance * PAGE, 'write')).toBe(FAULT_UNMAPPED);
    expect(shape(mm)).toEqual(before);
  });

  it('needs no gap above an inaccessible mapping', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1, 3, GROWS);
    mapAt(mm, BASE - 2n * PAGE, 1, 0);
    expect(rights(mm, BASE - PAGE, 'write')).toBe('rw');
  });

  it('grows before the rights are looked at, and keeps flags and seal', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1, 1, GROWS);
    mm.mseal(BASE, PAGE, 0n);
    expect(rights(mm, BASE - PAGE, 'write')).toBe(FAULT_PROTECTION);
    expect(shape(mm)).toEqual(['-1+2 r--p']);
    expect(mm.find(BASE - PAGE)!.sealed).toBe(true);
  });
});

describe('explanations', () => {
  it('explainFault touches nothing', () => {
    const { mm, memory, events } = makeSpace();
    mapAt(mm, BASE, 1, 3, GROWS);
    events.length = 0;
    expect(mm.explainFault(BASE, 'read')).toBeUndefined();
    expect(mm.explainFault(BASE, 'exec')).toBe(FAULT_PROTECTION);
    expect(mm.explainFault(BASE + PAGE, 'read')).toBe(FAULT_UNMAPPED);
    expect(mm.explainFault(BASE - PAGE, 'read')).toBeUndefined();
    expect([events, memory.framesInUse, shape(mm)]).toEqual([[], 0, ['0+1 rw-p']]);
  });

  it('explainFault knows the end of an object', () => {
    const space = makeSpace();
    mapFile(space, 'shared');
    expect(space.mm.explainFault(BASE + 3n * PAGE, 'read')).toBe(FAULT_BUS);
  });
});
