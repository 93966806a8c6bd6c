import { describe, expect, it } from 'vitest';
import { Frames } from '../../src/memory/frames.js';
import {
  devZero,
  F_SEAL_GROW,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  PagedObject,
  type PagedObjectInit,
} from '../../src/memory/objects.js';
import { BASE, FakeMemory, makeSpace, openFile, PAGE } from '../os/linux/mm/fake-memory.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

function make(init: Partial<PagedObjectInit> = {}, maxFrames = 100) {
  const memory = new FakeMemory(maxFrames);
  const frames = new Frames(memory);
  const object = new PagedObject(frames, { kind: 'file', path: '/a', inode: 1, ...init });
  return { memory, frames, object };
}

describe('PagedObject', () => {
  it('reads its content without giving it frames', () => {
    const { object, memory } = make({ content: bytes(1, 2, 3) });
    expect([object.size, object.read(1, 10), memory.framesInUse]).toEqual([3, bytes(2, 3), 0]);
    expect(object.read(3, 1)).toEqual(bytes());
    expect(object.read(100, 1)).toEqual(bytes());
  });

  it('pages content in at first use', () => {
    const content = new Uint8Array(5000).fill(3);
    const { object, frames } = make({ content });
    expect(frames.bytes(object.frame(1, false)!).subarray(900, 906)).toEqual(
      bytes(3, 3, 3, 3, 0, 0),
    );
    expect(object.frame(1, true)).toBe(object.frame(1, false));
  });

  it('grows by writing, with zeros between', () => {
    const { object } = make({ content: bytes(1) });
    expect(object.write(4094, bytes(5, 6, 7))).toEqual({ ok: true, value: 3 });
    expect(object.size).toBe(4097);
    expect(object.read(0, 2)).toEqual(bytes(1, 0));
    expect(object.read(4094, 9)).toEqual(bytes(5, 6, 7));
  });

  it('forgets what truncation cuts off', () => {
    const { object, memory } = make({ content: new Uint8Array(9000).fill(1) });
    object.write(8192, bytes(2));
    object.truncate(10);
    object.truncate(9000);
    expect(object.read(8, 4)).toEqual(bytes(1, 1, 0, 0));
    expect(object.read(8192, 1)).toEqual(bytes(0));
    expect(memory.framesInUse).toBe(1);
  });

  it('writes what fits when memory runs out', () => {
    const { object } = make({}, 1);
    expect(object.write(4095, bytes(1, 2))).toEqual({ ok: true, value: 1 });
    expect(object.write(8192, bytes(1))).toEqual({ ok: false, errno: 'ENOSPC' });
    expect(object.size).toBe(4096);
  });

  it('punches holes', () => {
    const { object } = make({ content: new Uint8Array(3 * 4096).fill(1) });
    object.punchHole(100, 4096 + 100);
    expect(object.read(99, 2)).toEqual(bytes(1, 0));
    expect(object.read(4096 + 199, 2)).toEqual(bytes(0, 1));
    expect(object.size).toBe(3 * 4096);
  });

  it.each<[string, number, (object: PagedObject) => unknown, boolean]>([
    ['F_SEAL_WRITE: write', F_SEAL_WRITE, (object) => object.write(0, bytes(1)), false],
    ['F_SEAL_WRITE: hole', F_SEAL_WRITE, (object) => object.punchHole(0, 1), false],
    ['F_SEAL_GROW: write within', F_SEAL_GROW, (object) => object.write(0, bytes(1)), true],
    ['F_SEAL_GROW: write beyond', F_SEAL_GROW, (object) => object.write(99, bytes(1, 2)), false],
    ['F_SEAL_GROW: truncate up', F_SEAL_GROW, (object) => object.truncate(101), false],
    ['F_SEAL_GROW: truncate down', F_SEAL_GROW, (object) => object.truncate(1), true],
    ['F_SEAL_SHRINK: truncate down', F_SEAL_SHRINK, (object) => object.truncate(1), false],
    ['F_SEAL_SHRINK: truncate up', F_SEAL_SHRINK, (object) => object.truncate(101), true],
  ])('%s', (_name, seals, attempt, allowed) => {
    const result = attempt(make({ size: 100, seals }).object);
    expect(result).toMatchObject(allowed ? { ok: true } : { ok: false, errno: 'EPERM' });
  });

  it('frees its pages with the last reference and says so', () => {
    let freed = 0;
    const { object, memory } = make({ onFree: () => freed++ });
    object.write(0, bytes(1));
    object.retain();
    object.release();
    expect([memory.framesInUse, freed]).toEqual([1, 0]);
    object.release();
    expect([memory.framesInUse, freed]).toEqual([0, 1]);
  });

  it('restores a state, also after the pages were freed', () => {
    const { object, memory } = make({ content: bytes(1, 2) });
    object.write(0, bytes(9));
    const state = object.saveState();
    object.write(0, bytes(5));
    object.truncate(1);
    object.release();
    object.retain();
    object.restoreState(state);
    expect(object.read(0, 5)).toEqual(bytes(9, 2));
    object.dropState(state);
    object.release();
    expect(memory.framesInUse).toBe(0);
  });

  it('counts mappings that are or may become shared and writable', () => {
    const { mm, frames } = makeSpace();
    const object = new PagedObject(frames, { kind: 'memfd', path: '/m', inode: 1, size: 8192 });
    const map = (prot: number, flags: number, writable: boolean): void => {
      const file = openFile(object, { writable });
      mm.mmap({ addr: BASE, length: 2n * PAGE, prot, flags, file, pageOffset: 0n });
    };
    map(1, 0x11, true);
    expect(object.writableMappings).toBe(1);
    mm.mprotect(BASE, PAGE, 3n);
    expect(object.writableMappings).toBe(2);
    const child = mm.fork();
    expect(object.writableMappings).toBe(4);
    child.close();
    map(1, 0x11, false);
    expect(object.writableMappings).toBe(0);
    map(3, 0x12, true);
    expect(object.writableMappings).toBe(0);
  });
});

describe('/dev/zero', () => {
  it('reads zeros, swallows writes, has no pages', () => {
    const zero = devZero();
    expect(zero.read(5, 2)).toEqual(bytes(0, 0));
    expect(zero.write(0, bytes(1, 2))).toEqual({ ok: true, value: 2 });
    expect(zero.truncate(0)).toEqual({ ok: false, errno: 'EINVAL' });
    expect(zero.frame(0, false)).toBeUndefined();
  });
});
