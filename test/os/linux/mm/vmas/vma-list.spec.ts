import { describe, expect, it } from 'vitest';
import type { MemoryObject } from '../../../../../src/memory/object.js';
import {
  changed,
  type MappedVma,
  makeVma,
  part,
} from '../../../../../src/os/linux/mm/vmas/mapped-vma.js';
import { VM_LOCKED, VM_READ, VM_WRITE } from '../../../../../src/os/linux/mm/vmas/vma.js';
import { VmaList } from '../../../../../src/os/linux/mm/vmas/vma-list.js';

function vma(startPage: number, endPage: number, init: Partial<MappedVma> = {}): MappedVma {
  return makeVma({
    startPage,
    endPage,
    flags: VM_READ | VM_WRITE,
    object: undefined,
    pageOffset: startPage,
    anon: undefined,
    description: undefined,
    name: '',
    pkey: 0,
    sealed: false,
    history: [],
    ...init,
  });
}

function listOf(...vmas: MappedVma[]): VmaList {
  const list = new VmaList();
  for (const each of vmas) list.insert(each);
  return list;
}

describe('lookup', () => {
  const list = listOf(vma(10, 12), vma(20, 21), vma(12, 14));

  it.each([
    [9, undefined],
    [10, 10],
    [11, 10],
    [12, 12],
    [14, undefined],
    [20, 20],
    [21, undefined],
    [2 ** 52 - 1, undefined],
  ])('page %i', (page, start) => {
    // Twice: the second time through the last hit.
    expect([list.find(page)?.startPage, list.find(page)?.startPage]).toEqual([start, start]);
  });

  it('keeps VMAs in order', () => {
    expect(list.items.map(({ startPage }) => startPage)).toEqual([10, 12, 20]);
  });

  it.each([
    [0, 10, false],
    [0, 11, true],
    [14, 20, false],
    [14, 21, true],
    [21, 99, false],
  ])('[%i, %i) overlaps: %s', (start, end, expected) => {
    expect(list.overlaps(start, end)).toBe(expected);
  });

  it('forgets its last hit when that VMA goes', () => {
    const changing = listOf(vma(1, 2), vma(5, 6));
    expect(changing.find(5)).toBeDefined();
    changing.splice(1, 1);
    expect(changing.find(5)).toBeUndefined();
    changing.insert(vma(3, 6));
    expect(changing.find(5)?.startPage).toBe(3);
  });
});

describe('counters and objects', () => {
  it('follow every change', () => {
    const list = listOf(vma(1, 4), vma(5, 6, { flags: VM_READ | VM_LOCKED }));
    expect(list.counters).toEqual({ total: 4, data: 3, locked: 1, accounted: 0, shared: 0 });
    list.replace(list.at(0)!, changed(list.at(0)!, { flags: VM_READ }));
    list.splice(1, 1);
    expect(list.counters).toEqual({ total: 3, data: 0, locked: 0, accounted: 0, shared: 0 });
  });

  it('hold one reference of an object however many VMAs map it', () => {
    let references = 0;
    const object = {
      retain: () => references++,
      release: () => references--,
    } as unknown as MemoryObject;
    const list = listOf(vma(1, 5, { object }));
    list.replace(list.at(0)!, part(list.at(0)!, 1, 3), part(list.at(0)!, 3, 5));
    expect([references, [...list.objects]]).toEqual([1, [object]]);
    list.splice(0, 2);
    expect([references, [...list.objects]]).toEqual([0, []]);
  });

  it('replacing a VMA that is not there is a bug of ours', () => {
    expect(() => listOf(vma(1, 2)).replace(vma(1, 2), vma(1, 2))).toThrow('not in the list');
  });
});

describe('part', () => {
  it('moves the offset along', () => {
    const whole = vma(10, 20, { pageOffset: 3 });
    const cut = part(whole, 14, 15);
    expect([cut.start, cut.end, cut.pageOffset]).toEqual([14n << 12n, 15n << 12n, 7]);
    expect(part(whole, 10, 20)).toBe(whole);
  });
});
