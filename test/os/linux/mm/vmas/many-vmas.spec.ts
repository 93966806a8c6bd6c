/** Address spaces of very many mappings: the same answers as a plain list gives, and no limit of the host's. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../../../src/base/random.js';
import { type MappedVma, makeVma } from '../../../../../src/os/linux/mm/vmas/mapped-vma.js';
import { VM_READ, VM_WRITE } from '../../../../../src/os/linux/mm/vmas/vma.js';
import { VmaList } from '../../../../../src/os/linux/mm/vmas/vma-list.js';
import { BASE, makeSpace, mapAt, PAGE } from '../fake-memory.js';

function vma(startPage: number, pages = 1): MappedVma {
  return makeVma({
    startPage,
    endPage: startPage + pages,
    flags: VM_READ | VM_WRITE,
    object: undefined,
    pageOffset: startPage,
    anon: undefined,
    description: undefined,
    name: '',
    pkey: 0,
    sealed: false,
    history: [],
  });
}

describe('a list of many VMAs', () => {
  it('finds the nearest gap that is large enough, however it has changed', () => {
    const random = new Random(7);
    const PAGES = 8;
    // Gaps of one to three pages; a hole is open where some of them were taken out.
    let page = 0;
    const model: MappedVma[] = [];
    for (let i = 0; i < 12_000; i++) {
      page += 2 + random.below(3);
      model.push(vma(page));
    }
    const list = new VmaList();
    list.splice(0, 0, model);
    const gapBelow = (index: number): number =>
      model[index]!.startPage - (model[index - 1]?.endPage ?? 0);
    const check = (): void => {
      const from = 1 + random.below(model.length - 1);
      let down = from;
      while (down > 0 && gapBelow(down) < PAGES) down--;
      let up = from;
      while (up < model.length && gapBelow(up) < PAGES) up++;
      expect([list.gapDown(from, PAGES), list.gapUp(from, PAGES)]).toEqual([down, up]);
    };
    for (let round = 0; round < 150; round++) {
      // Anywhere, and where a group of 32 runs of 96 ends.
      const at = round % 2 === 0 ? 1 + random.below(model.length - 6) : 3072 - 4;
      const hole = model.slice(at, at + 4);
      for (const vmas of [[], hole]) {
        list.splice(at, hole.length - vmas.length, vmas);
        model.splice(at, hole.length - vmas.length, ...vmas);
        for (let i = 0; i < 4; i++) check();
      }
    }
  });

  it('answers as a plain array does, whatever is put in and taken out', () => {
    const step = fc.record({
      at: fc.nat(1200),
      count: fc.nat({ max: 300 }),
      added: fc.nat({ max: 300 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 8, maxLength: 20 }), (steps) => {
        const list = new VmaList();
        let model: MappedVma[] = [];
        let next = 0;
        const fresh = (count: number): MappedVma[] =>
          Array.from({ length: count }, () => vma(3 * next++));
        for (const { at, count, added } of steps) {
          const index = Math.min(at, model.length);
          // In order: what comes behind the place goes, and comes again with higher pages.
          const tail = model.length - index - Math.min(count, model.length - index);
          const vmas = [...fresh(added), ...fresh(tail)];
          list.splice(index, model.length - index, vmas);
          model = [...model.slice(0, index), ...vmas];
        }
        const page = model[model.length >> 1]?.startPage ?? 0;
        expect(list.items).toEqual(model);
        expect(list.length).toBe(model.length);
        expect(list.counters.total).toBe(model.length);
        for (const index of [0, 127, 128, 200, model.length - 1, model.length, -1]) {
          expect(list.at(index)).toBe(model[index]);
        }
        expect(list.find(page)).toBe(model.find((one) => one.startPage === page));
        expect(list.indexFrom(page + 1)).toBe(
          model.findIndex((one) => one.endPage > page + 1) >= 0
            ? model.findIndex((one) => one.endPage > page + 1)
            : model.length,
        );
      }),
      { numRuns: 40 },
    );
  });

  it('keeps what stays in it when the same VMAs are put back', () => {
    const list = new VmaList();
    const vmas = Array.from({ length: 300 }, (_, index) => vma(2 * index));
    list.splice(0, 0, vmas);
    list.splice(0, 300, vmas.slice(100));
    expect([list.length, list.counters.total]).toEqual([200, 200]);
  });
});

describe('a search for space among many mappings', () => {
  it('finds the highest place that is large enough, as one that looks at every gap', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 200, maxLength: 500 }),
        fc.integer({ min: 1, max: 7 }),
        (gaps, pages) => {
          const { mm } = makeSpace();
          // Down from where mmap begins, with these gaps between single pages.
          let page = mm.layout.mmapBase >> 12n;
          let expected: bigint | undefined;
          for (const gap of gaps) {
            if (gap >= pages) expected ??= page - BigInt(pages);
            page -= BigInt(gap) + 1n;
            mapAt(mm, page * PAGE, 1);
          }
          expected ??= page - BigInt(pages);
          const length = BigInt(pages) * PAGE;
          const placed = mm.mmap({
            addr: 0n,
            length,
            prot: 0,
            flags: 0x22,
            file: undefined,
            pageOffset: 0n,
          });
          expect(placed.ok && placed.value >> 12n).toBe(expected);
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe('120,000 mappings', () => {
  it('are restored from a snapshot', () => {
    const { mm } = makeSpace({ tuning: { maxMapCount: 200_000 }, maxFrames: 1 << 16 });
    const first = Number(BASE >> 12n);
    const vmas = Array.from({ length: 120_000 }, (_, index) => vma(first + 2 * index));
    mm.list.splice(0, 0, vmas);
    const snapshot = mm.snapshot();
    mm.munmap(BASE, BigInt(vmas.length) * 2n * PAGE);
    expect(mm.vmas).toHaveLength(0);
    mm.restore(snapshot);
    expect(mm.vmas).toHaveLength(120_000);
    expect(mm.find(BASE + 2n * 119_999n * PAGE)?.start).toBe(BASE + 2n * 119_999n * PAGE);
  });
});
