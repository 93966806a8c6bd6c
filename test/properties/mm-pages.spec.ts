/**
 * The memory manager against a model that knows only pages: random mmap, munmap, mprotect, mremap,
 * brk and stores, with every invariant checked after each step. The model has no VMAs, so what
 * splitting and merging do must not show in rights or contents.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, MAP_SHARED } from '../../src/abi/linux/mman.js';
import type { AddressSpace } from '../../src/os/linux/mm/address-space.js';
import { BASE, makeSpace, PAGE } from '../os/linux/mm/fake-memory.js';

const PAGES = 16;
const HEAP = BASE + 64n * PAGE;

interface ModelPage {
  prot: number;
  byte: number;
}

type Model = Map<number, ModelPage>;

interface Command {
  readonly kind: 'mmap' | 'munmap' | 'mprotect' | 'mremap' | 'brk' | 'store';
  readonly page: number;
  readonly pages: number;
  readonly prot: number;
  readonly to: number;
  readonly byte: number;
}

const command: fc.Arbitrary<Command> = fc.record({
  kind: fc.constantFrom('mmap', 'mmap', 'munmap', 'mprotect', 'mremap', 'brk', 'store', 'store'),
  page: fc.integer({ min: 0, max: PAGES - 1 }),
  pages: fc.integer({ min: 1, max: 6 }),
  prot: fc.integer({ min: 0, max: 7 }),
  to: fc.integer({ min: 0, max: PAGES - 1 }),
  byte: fc.integer({ min: 1, max: 255 }),
});

const address = (page: number): bigint => BASE + BigInt(page) * PAGE;

function range(start: number, pages: number): number[] {
  return Array.from({ length: pages }, (_, i) => start + i);
}

/** What the model says of a call's success; it changes only when the call succeeds, or partly for mprotect. */
function apply(model: Model, { kind, page, pages, prot, to, byte }: Command): boolean {
  const touched = range(page, pages);
  switch (kind) {
    case 'mmap':
      for (const p of touched) model.set(p, { prot, byte: 0 });
      return true;
    case 'munmap':
      for (const p of touched) model.delete(p);
      return true;
    case 'mprotect': {
      const hole = touched.findIndex((p) => !model.has(p));
      for (const p of hole < 0 ? touched : touched.slice(0, hole)) model.get(p)!.prot = prot;
      return hole < 0;
    }
    case 'mremap':
      return move(model, page, pages, to);
    case 'store': {
      const target = model.get(page);
      if (target === undefined || !(target.prot & 2)) return false;
      target.byte = byte;
      return true;
    }
    case 'brk':
      return true;
  }
}

/** MREMAP_FIXED of the same length: from 6.17 on over several mappings, holes kept; the first page must be mapped. */
function move(model: Model, page: number, pages: number, to: number): boolean {
  if (page + pages > to && to + pages > page) return false;
  if (!model.has(page)) return false;
  for (const i of range(0, pages)) {
    const source = model.get(page + i);
    if (source === undefined) continue;
    model.set(to + i, source);
    model.delete(page + i);
  }
  return true;
}

function run(mm: AddressSpace, { kind, page, pages, prot, to, byte }: Command): boolean {
  const addr = address(page);
  const length = BigInt(pages) * PAGE;
  switch (kind) {
    case 'mmap': {
      const type = byte % 3 === 0 ? MAP_SHARED : MAP_PRIVATE;
      const flags = type | MAP_ANONYMOUS | MAP_FIXED;
      return mm.mmap({ addr, length, prot, flags, file: undefined, pageOffset: 0n }).ok;
    }
    case 'munmap':
      return mm.munmap(addr, length).ok;
    case 'mprotect':
      return mm.mprotect(addr, length, BigInt(prot)).ok;
    case 'mremap':
      return mm.mremap(addr, length, length, 3n, address(to)).ok;
    case 'brk':
      return mm.brk(HEAP + length) === HEAP + length;
    case 'store':
      return mm.store(addr, Uint8Array.of(byte)) === null;
  }
}

/** Rights and first bytes of every page, by the model's words. */
function observed(mm: AddressSpace): Model {
  const pages: Model = new Map();
  for (const p of range(0, 2 * PAGES)) {
    const vma = mm.find(address(p));
    if (vma === undefined) continue;
    pages.set(p, { prot: vma.flags & 7, byte: mm.peek(address(p), 1)[0]! });
  }
  return pages;
}

describe('random calls', () => {
  it('leave the rights and contents that a page-by-page model has', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
        const { mm, memory } = makeSpace();
        mm.setBrk(HEAP);
        const model: Model = new Map();
        for (const each of commands) {
          expect(run(mm, each)).toBe(apply(model, each));
          mm.checkInvariants();
          expect(observed(mm)).toEqual(model);
        }
        mm.close();
        expect(memory.framesInUse).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('are undone by a snapshot, and do not reach the other side of a fork', () => {
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 12 }),
        fc.array(command, { maxLength: 12 }),
        (before, after) => {
          const { mm, memory } = makeSpace();
          mm.setBrk(HEAP);
          for (const each of before) run(mm, each);
          const then = { maps: mm.mapsText(), pages: observed(mm) };
          const snapshot = mm.snapshot();
          for (const each of after) run(mm, each);
          mm.checkInvariants();
          mm.restore(snapshot);
          mm.checkInvariants();
          expect({ maps: mm.mapsText(), pages: observed(mm) }).toEqual(then);
          mm.dropSnapshot(snapshot);

          const child = mm.fork();
          const privates = mm.vmas.filter(({ object }) => object === undefined);
          const kept = privates.map(({ start }) => child.peek(start, 1));
          for (const each of after) run(mm, each);
          child.checkInvariants();
          expect(privates.map(({ start }) => child.peek(start, 1))).toEqual(kept);
          child.close();
          mm.close();
          expect(memory.framesInUse).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });
});
