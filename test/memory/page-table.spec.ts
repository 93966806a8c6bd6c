import { describe, expect, it } from 'vitest';
import {
  ENTRY_NONE,
  ENTRY_ZERO,
  entryFrame,
  frameEntry,
  PageTable,
} from '../../src/memory/page-table.js';

/** A page near the top of 64 bits: numbers there still are exact. */
const TOP = 2 ** 52 - 1;

function entries(pages: PageTable, start: number, end: number): [number, number][] {
  const found: [number, number][] = [];
  pages.forEach(start, end, (page, entry) => found.push([page, entry]));
  return found.sort(([a], [b]) => a - b);
}

describe('PageTable', () => {
  it('finds what was set, at both ends of the space', () => {
    const pages = new PageTable();
    for (const page of [0, 511, 512, 0x7fff_ffff, TOP]) pages.set(page, frameEntry(page % 100));
    expect(pages.get(512)).toBe(frameEntry(12));
    expect(pages.get(TOP)).toBe(frameEntry(TOP % 100));
    expect(pages.get(513)).toBe(ENTRY_NONE);
  });

  it('tells frames from markers', () => {
    expect(entryFrame(frameEntry(0))).toBe(0);
    expect(entryFrame(ENTRY_NONE)).toBe(-1);
    expect(entryFrame(ENTRY_ZERO)).toBe(-1);
  });

  it('visits the entries of a range and no others', () => {
    const pages = new PageTable();
    for (const page of [10, 11, 600, 5000]) pages.set(page, frameEntry(page));
    expect(entries(pages, 11, 5000)).toEqual([
      [11, frameEntry(11)],
      [600, frameEntry(600)],
    ]);
    expect(entries(pages, 0, TOP)).toHaveLength(4);
    expect(entries(pages, 12, 600)).toEqual([]);
  });

  it('lets the visitor take entries away', () => {
    const pages = new PageTable();
    for (let page = 500; page < 530; page++) pages.set(page, frameEntry(page));
    pages.forEach(505, 525, (page) => pages.set(page, ENTRY_NONE));
    expect(entries(pages, 0, TOP).map(([page]) => page)).toEqual([
      500, 501, 502, 503, 504, 525, 526, 527, 528, 529,
    ]);
    pages.forEach(0, TOP, (page) => pages.set(page, ENTRY_NONE));
    pages.set(505, ENTRY_ZERO);
    expect(entries(pages, 0, TOP)).toEqual([[505, ENTRY_ZERO]]);
  });

  it('clones without sharing', () => {
    const pages = new PageTable();
    pages.set(1, frameEntry(1));
    const copy = pages.clone();
    copy.set(1, frameEntry(2));
    copy.set(2, frameEntry(3));
    expect([pages.get(1), pages.get(2)]).toEqual([frameEntry(1), ENTRY_NONE]);
  });
});
