/** load, store, copyIn, copyOut, peek and poke. */
import { describe, expect, it } from 'vitest';
import { MAP_ANONYMOUS, MAP_SHARED } from '../../../../src/abi/linux/mman.js';
import { MayexecError } from '../../../../src/base/errors.js';
import { PagedObject } from '../../../../src/memory/objects.js';
import { BASE, makeSpace, mapAt, openFile, PAGE } from './fake-memory.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const EDGE = BASE + PAGE - 2n;

describe('load and store, as the guest', () => {
  it('cross pages', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 2);
    expect(mm.store(EDGE, bytes(1, 2, 3, 4))).toBe(null);
    expect(mm.load(EDGE, 4)).toEqual(bytes(1, 2, 3, 4));
    expect(mm.load(BASE, 0)).toEqual(bytes());
    expect(mm.store(BASE - 1n, bytes())).toBe(null);
  });

  it('store nothing when any page refuses, and name the first byte that does', () => {
    const { mm } = makeSpace({ programCounter: () => 0x1234n });
    mapAt(mm, BASE, 2);
    mm.mprotect(BASE + PAGE, PAGE, 1n);
    expect(mm.store(EDGE, bytes(1, 2, 3, 4))).toEqual({
      address: BASE + PAGE,
      access: 'write',
      code: 'SEGV_ACCERR',
      pc: 0x1234n,
    });
    expect(mm.load(EDGE, 4)).toEqual(bytes(0, 0, 0, 0));
  });

  it.each([
    ['nothing mapped', BASE - 8n, 'SEGV_MAPERR', BASE - 8n],
    ['no rights', BASE + PAGE + 5n, 'SEGV_ACCERR', BASE + PAGE + 5n],
  ])('%s', (_name, addr, code, address) => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 2);
    mm.mprotect(BASE + PAGE, PAGE, 0n);
    expect(mm.load(addr, 1)).toMatchObject({ code, address, access: 'read' });
  });

  it('SIGBUS past the end of a file, and when no memory is left', () => {
    const { mm, frames } = makeSpace({ maxFrames: 2 });
    const object = new PagedObject(frames, { kind: 'file', path: '/a', inode: 1, size: 1 });
    const file = openFile(object);
    mm.mmap({ addr: BASE, length: 2n * PAGE, prot: 3, flags: 0x11, file, pageOffset: 0n });
    expect(mm.load(BASE + PAGE, 1)).toMatchObject({ code: 'BUS_ADRERR' });
    mapAt(mm, BASE, 2);
    mm.store(BASE, bytes(1));
    expect(mm.store(BASE + PAGE, bytes(1))).toMatchObject({ code: 'BUS_ADRERR' });
  });
});

describe('copyIn and copyOut, as the kernel', () => {
  it('read what is only writable or executable, break copy on write, grow stacks', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1, 2, 0x122);
    expect(mm.copyOut(BASE - 4n, bytes(1, 2, 3, 4, 5))).toEqual({ ok: true, value: 0 });
    expect(mm.copyIn(BASE - 4n, 5)).toEqual({ ok: true, value: bytes(1, 2, 3, 4, 5) });
    mm.mprotect(BASE, PAGE, 4n);
    expect(mm.copyIn(BASE, 1)).toEqual({ ok: true, value: bytes(5) });
  });

  it.each([
    ['PROT_NONE', 0, false],
    ['read-only', 1, true],
  ])('%s', (_name, prot, readable) => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1, prot);
    expect(mm.copyIn(BASE, 1).ok).toBe(readable);
    expect(mm.copyOut(BASE, bytes(1))).toEqual({ ok: false, errno: 'EFAULT' });
  });

  it('go as far as they can', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1);
    expect(mm.copyOutPartial(EDGE, bytes(1, 2, 3))).toBe(2);
    expect(mm.copyOut(EDGE, bytes(3, 4, 5))).toEqual({ ok: false, errno: 'EFAULT' });
    expect(mm.copyInPartial(EDGE, 10)).toEqual(bytes(3, 4));
    expect(mm.copyInPartial(BASE - 1n, 10)).toEqual(bytes());
  });

  it('touch nothing when the range ends in the kernel’s half', () => {
    const { mm } = makeSpace();
    const last = 0x7fff_ffff_e000n;
    mapAt(mm, last, 1);
    expect(mm.copyOutPartial(last + 0xffen, bytes(1, 2, 3))).toBe(0);
    expect(mm.copyIn((1n << 64n) - 8n, 8)).toEqual({ ok: false, errno: 'EFAULT' });
  });
});

describe('peek and poke, as a debugger', () => {
  it('ignore rights and touch nothing by reading', () => {
    const { mm, memory } = makeSpace();
    mapAt(mm, BASE, 2, 0);
    expect(mm.peek(EDGE, 4)).toEqual(bytes(0, 0, 0, 0));
    expect(memory.framesInUse).toBe(0);
    mm.poke(EDGE, bytes(1, 2, 3, 4));
    expect(mm.peek(EDGE, 4)).toEqual(bytes(1, 2, 3, 4));
    expect(mm.find(BASE)!.anonVma).toBe(true);
    mm.checkInvariants();
  });

  it('poke copies a private page and changes a shared one for everybody', () => {
    const { mm, frames, flushes } = makeSpace();
    const content = bytes(1, 1);
    const object = new PagedObject(frames, { kind: 'file', path: '/a', inode: 1, content });
    const file = openFile(object);
    mm.mmap({ addr: BASE, length: PAGE, prot: 5, flags: 0x12, file, pageOffset: 0n });
    mm.load(BASE, 1);
    flushes.length = 0;
    mm.poke(BASE, bytes(9));
    expect(flushes).toEqual([[Number(BASE >> 12n), 1]]);
    expect([mm.peek(BASE, 2), object.read(0, 2)]).toEqual([bytes(9, 1), bytes(1, 1)]);
    mapAt(mm, BASE, 1, 1, MAP_SHARED | MAP_ANONYMOUS);
    mm.poke(BASE, bytes(4));
    expect(mm.load(BASE, 1)).toEqual(bytes(4));
  });

  it.each([
    [
      'nothing at all',
      BASE,
      [],
      'peek: nothing is mapped at 0x10000000; there is no mapping at all',
    ],
    [
      'just past a mapping',
      BASE + PAGE,
      [BASE],
      'peek: nothing is mapped at 0x10001000; the nearest mapping is 0x10000000-0x10001000',
    ],
    [
      'nearer to the one above',
      BASE + 5n * PAGE,
      [BASE, BASE + 6n * PAGE],
      'peek: nothing is mapped at 0x10005000; the nearest mapping is 0x10006000-0x10007000',
    ],
  ])('throw where nothing is mapped: %s', (_name, addr, mappings, message) => {
    const { mm } = makeSpace();
    for (const start of mappings) mapAt(mm, start);
    expect(() => mm.peek(addr, 1)).toThrow(new MayexecError(message));
    expect(() => mm.poke(addr, bytes(1))).toThrow(MayexecError);
  });

  it('throw past the end of a file and when memory is used up', () => {
    const { mm, frames } = makeSpace({ maxFrames: 2 });
    const object = new PagedObject(frames, { kind: 'file', path: '/a', inode: 1, size: 1 });
    const file = openFile(object);
    mm.mmap({ addr: BASE, length: 2n * PAGE, prot: 3, flags: 0x12, file, pageOffset: 0n });
    expect(() => mm.peek(BASE + PAGE, 1)).toThrow('0x10001000 lies past the end of /a');
    mapAt(mm, BASE, 2);
    mm.poke(BASE, bytes(1));
    expect(() => mm.poke(BASE + PAGE, bytes(1))).toThrow('no guest memory is left');
  });
});
