/** fork, snapshots and close: frames are shared until written, and none is lost. */
import { describe, expect, it } from 'vitest';
import {
  MADV_DONTFORK,
  MADV_WIPEONFORK,
  MAP_ANONYMOUS,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
} from '../../../../src/abi/linux/mman.js';
import { HW_WRITE } from '../../../../src/engine/engine.js';
import { PagedObject } from '../../../../src/memory/objects.js';
import { BASE, makeSpace, mapAt, openFile, PAGE, shape } from './fake-memory.js';

const byte = (value: number): Uint8Array => Uint8Array.of(value);
const SHARED = MAP_SHARED | MAP_ANONYMOUS;
const page = Number(BASE >> 12n);

describe('fork', () => {
  it('counts what a shared mapping of nearly all addresses has in memory without walking it', () => {
    const { mm } = makeSpace();
    const flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
    mapAt(mm, BASE, 2 ** 34, 3, flags);
    mm.store(BASE + PAGE, Uint8Array.of(1));
    mm.munmap(BASE, PAGE);
    expect(mm.peaks).toEqual({ mapped: 2 ** 34, resident: 1 });
    expect(mm.residentPages(mm.find(BASE + PAGE)!)).toEqual({ own: 0, shared: 1 });
  });

  it('leaves the peaks behind', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 8);
    mm.store(BASE, new Uint8Array(4 * 4096));
    mm.munmap(BASE, 7n * PAGE);
    expect(mm.peaks).toEqual({ mapped: 8, resident: 4 });
    expect(mm.fork().peaks).toEqual({ mapped: 1, resident: 0 });
    const before = mm.snapshot();
    mapAt(mm, BASE, 20);
    mm.restore(before);
    expect(mm.peaks).toEqual({ mapped: 8, resident: 4 });
    mm.checkInvariants();
  });

  it('shares pages until one side writes', () => {
    const { mm, memory } = makeSpace();
    mapAt(mm, BASE, 2);
    mm.store(BASE, byte(1));
    mm.store(BASE + PAGE, byte(2));
    const child = mm.fork();
    expect(memory.framesInUse).toBe(2);
    child.store(BASE, byte(9));
    expect([mm.load(BASE, 1), child.load(BASE, 1)]).toEqual([byte(1), byte(9)]);
    expect(memory.framesInUse).toBe(3);
    mm.store(BASE + PAGE, byte(8));
    expect([mm.load(BASE + PAGE, 1), child.load(BASE + PAGE, 1)]).toEqual([byte(8), byte(2)]);
    child.close();
    expect(memory.framesInUse).toBe(2);
    mm.checkInvariants();
    mm.close();
    expect(memory.framesInUse).toBe(0);
  });

  it('write-protects the parent too, until it is alone again', () => {
    const { mm, flushes } = makeSpace();
    mapAt(mm);
    mm.store(BASE, byte(1));
    const child = mm.fork();
    expect(flushes.at(-1)).toBe('all');
    expect(mm.translate(page, 'read') & HW_WRITE).toBe(0);
    child.close();
    expect(mm.translate(page, 'read') & HW_WRITE).toBe(HW_WRITE);
  });

  it('keeps shared memory shared', () => {
    const { mm, memory } = makeSpace();
    mapAt(mm, BASE, 1, 3, SHARED);
    const child = mm.fork();
    child.store(BASE, byte(5));
    expect(mm.load(BASE, 1)).toEqual(byte(5));
    mm.close();
    expect(child.load(BASE, 1)).toEqual(byte(5));
    child.close();
    expect(memory.framesInUse).toBe(0);
  });

  it('leaves out what DONTFORK marks, empties what WIPEONFORK marks, drops locks', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1);
    mapAt(mm, BASE + 2n * PAGE, 1);
    mapAt(mm, BASE + 4n * PAGE, 1, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED);
    mm.madvise(BASE, PAGE, MADV_DONTFORK);
    mm.store(BASE + 2n * PAGE, byte(1));
    mm.madvise(BASE + 2n * PAGE, PAGE, MADV_WIPEONFORK);
    mm.mlockall(2);
    const child = mm.fork();
    expect(shape(child)).toEqual(['2+1 rw-p', '4+1 rw-p']);
    expect(child.load(BASE + 2n * PAGE, 1)).toEqual(byte(0));
    expect(child.find(BASE + 2n * PAGE)!.anonVma).toBe(false);
    expect(child.smapsFlags(child.vmas[1]!)).not.toContain('lo');
    expect(child.defFlags).toBe(0);
    child.checkInvariants();
  });

  it('inherits state, seals and keys; MDWE unless told not to', () => {
    const { mm } = makeSpace();
    mapAt(mm);
    mm.mseal(BASE, PAGE, 0n);
    mm.setBrk(BASE + 8n * PAGE);
    Object.assign(mm, { personality: 0x400000, restrictedWx: true, mdwe: 1 });
    const child = mm.fork();
    expect(child.find(BASE)!.sealed).toBe(true);
    expect([child.personality, child.restrictedWx, child.mdwe]).toEqual([0x400000, true, 1]);
    expect(child.brk(0n)).toBe(BASE + 8n * PAGE);
    mm.mdwe = 3;
    expect(mm.fork().mdwe).toBe(0);
  });

  it('a child’s written mappings do not merge with fresh ones, as their anon_vma is inherited', () => {
    const { mm } = makeSpace();
    mapAt(mm);
    mm.store(BASE, byte(1));
    const child = mm.fork();
    mapAt(mm, BASE + PAGE);
    mapAt(child, BASE + PAGE);
    expect(shape(mm)).toEqual(['0+2 rw-p']);
    expect(shape(child)).toEqual(['0+1 rw-p', '1+1 rw-p']);
  });
});

describe('snapshot', () => {
  it('brings back pages, mappings, objects and state, more than once', () => {
    const { mm, memory, frames } = makeSpace();
    const content = Uint8Array.of(7);
    const object = new PagedObject(frames, { kind: 'file', path: '/a', inode: 1, content });
    const file = openFile(object);
    mapAt(mm, BASE, 2);
    mm.store(BASE, byte(1));
    mm.mmap({
      addr: BASE + 8n * PAGE,
      length: PAGE,
      prot: 3,
      flags: 0x11,
      file,
      pageOffset: 0n,
    });
    mm.setBrk(BASE + 16n * PAGE);
    const snapshot = mm.snapshot();
    for (let round = 0; round < 2; round++) {
      mm.store(BASE, byte(2));
      mm.store(BASE + PAGE, byte(3));
      mm.store(BASE + 8n * PAGE, byte(4));
      object.truncate(5000);
      mm.brk(BASE + 18n * PAGE);
      mm.munmap(BASE + 8n * PAGE, PAGE);
      mm.mprotect(BASE, PAGE, 1n);
      mm.personality = 1;
      mm.limits.as = 5n;
      mm.restore(snapshot);
      expect(shape(mm)).toEqual(['0+2 rw-p', '8+1 rw-s']);
      expect(mm.load(BASE, 1)).toEqual(byte(1));
      expect(mm.load(BASE + PAGE, 1)).toEqual(byte(0));
      expect([mm.load(BASE + 8n * PAGE, 1), object.size]).toEqual([byte(7), 1]);
      expect([mm.brkEnd, mm.personality]).toEqual([BASE + 16n * PAGE, 0]);
      expect(mm.limits.as).not.toBe(5n);
      mm.checkInvariants();
    }
    mm.dropSnapshot(snapshot);
    mm.close();
    object.release();
    expect(memory.framesInUse).toBe(0);
  });

  it('copies no page until one is written, and forgets writable translations', () => {
    const { mm, memory, flushes } = makeSpace();
    mapAt(mm, BASE, 8);
    mm.store(BASE, new Uint8Array(8 * 4096));
    const snapshot = mm.snapshot();
    expect([memory.framesInUse, flushes.at(-1)]).toEqual([8, 'all']);
    expect(mm.translate(page, 'read') & HW_WRITE).toBe(0);
    mm.store(BASE, byte(1));
    expect(memory.framesInUse).toBe(9);
    mm.dropSnapshot(snapshot);
    expect(memory.framesInUse).toBe(8);
  });

  it('keeps shared memory that is unmapped afterwards', () => {
    const { mm, memory } = makeSpace();
    mapAt(mm, BASE, 1, 3, SHARED);
    mm.store(BASE, byte(6));
    const snapshot = mm.snapshot();
    mm.munmap(BASE, PAGE);
    mm.restore(snapshot);
    expect(mm.load(BASE, 1)).toEqual(byte(6));
    mm.dropSnapshot(snapshot);
    expect(mm.load(BASE, 1)).toEqual(byte(6));
    mm.close();
    expect(memory.framesInUse).toBe(0);
  });

  it('a write through one view after a snapshot reaches the other view', () => {
    const { mm, flushes } = makeSpace();
    mapAt(mm, BASE, 1, 3, SHARED);
    const far = BASE + 0x100000n;
    mm.mremap(BASE, 0n, PAGE, 3n, far);
    mm.store(BASE, byte(1));
    mm.load(far, 1);
    const snapshot = mm.snapshot();
    flushes.length = 0;
    mm.store(BASE, byte(2));
    // The object's page moved to a frame of its own: the other view must be asked for again.
    expect(flushes).toContainEqual([Number(far >> 12n), 1]);
    expect(mm.load(far, 1)).toEqual(byte(2));
    mm.dropSnapshot(snapshot);
  });

  it('covers objects that are handed in though nothing maps them', () => {
    const { mm, frames } = makeSpace();
    const object = new PagedObject(frames, { kind: 'file', path: '/a', inode: 1, size: 0 });
    const snapshot = mm.snapshot([object]);
    object.write(0, byte(1));
    mm.restore(snapshot);
    expect(object.size).toBe(0);
  });

  it('belongs to its own address space', () => {
    const snapshot = makeSpace().mm.snapshot();
    expect(() => makeSpace().mm.restore(snapshot)).toThrow('of another address space');
  });
});

describe('close', () => {
  it('gives every frame back', () => {
    const { mm, memory } = makeSpace();
    mapAt(mm, BASE, 4);
    mapAt(mm, BASE + 8n * PAGE, 4, 3, SHARED);
    mm.store(BASE, byte(1));
    mm.load(BASE + PAGE, 1);
    mm.store(BASE + 8n * PAGE, byte(1));
    expect(memory.framesInUse).toBe(3);
    mm.close();
    expect([memory.framesInUse, mm.vmas.length]).toEqual([0, 0]);
  });
});
