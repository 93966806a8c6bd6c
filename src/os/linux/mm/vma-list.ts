/**
 * VmaList: the VMAs of an address space, sorted and disjoint (the maple tree mm_mt), with the
 * counters that the kernel keeps beside it (total_vm, data_vm, locked_vm, vm_committed_as).
 * VMAs are immutable values; every change goes through `splice`, which keeps counters and object
 * references right.
 */
import { PAGE_SHIFT } from '../../../base/address.js';
import { InvariantError } from '../../../base/errors.js';
import type { VmaHistory } from '../../../memory/history.js';
import type { MemoryObject } from '../../../memory/object.js';
import {
  VM_ACCOUNT,
  VM_GROWSDOWN,
  VM_LOCKED,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_SHARED,
  VM_WRITE,
  type Vma,
  type VmFlags,
} from './vma.js';

/**
 * The anon_vma of a VMA, by identity: two VMAs with different ones never merge. `forked`: inherited
 * through fork (its chain is not singular), which forbids taking it over in a merge.
 */
export interface AnonVma {
  readonly forked: boolean;
}

/** A VMA as the memory manager keeps it: the public one, page numbers and what merging compares. */
export interface MappedVma extends Vma {
  readonly startPage: number;
  readonly endPage: number;
  readonly anon: AnonVma | undefined;
  /** Identity of the open file description (vm_file): VMAs of different ones do not merge. */
  readonly description: object | undefined;
  readonly history: readonly VmaHistory[];
}

export type VmaInit = Omit<MappedVma, 'start' | 'end' | 'anonVma'>;

export function makeVma(init: VmaInit): MappedVma {
  return {
    start: BigInt(init.startPage) << BigInt(PAGE_SHIFT),
    end: BigInt(init.endPage) << BigInt(PAGE_SHIFT),
    flags: init.flags,
    object: init.object,
    pageOffset: init.pageOffset,
    anonVma: init.anon !== undefined,
    name: init.name,
    pkey: init.pkey,
    sealed: init.sealed,
    startPage: init.startPage,
    endPage: init.endPage,
    anon: init.anon,
    description: init.description,
    history: init.history,
  };
}

export function changed(vma: MappedVma, change: Partial<VmaInit>): MappedVma {
  return makeVma({ ...vma, ...change });
}

/** The part [startPage, endPage) of a VMA, with its page offset moved along. */
export function part(vma: MappedVma, startPage: number, endPage: number): MappedVma {
  if (startPage === vma.startPage && endPage === vma.endPage) return vma;
  return changed(vma, {
    startPage,
    endPage,
    pageOffset: vma.pageOffset + (startPage - vma.startPage),
  });
}

export function pageCount(vma: MappedVma): number {
  return vma.endPage - vma.startPage;
}

/**
 * Do its pages belong to its object? /dev/zero opened read-only and mapped MAP_SHARED is VM_MAYSHARE
 * without VM_SHARED: mmap_zero makes anonymous memory of it.
 */
export function hasSharedPages({ flags, object }: MappedVma): boolean {
  return (flags & VM_MAYSHARE) !== 0 && !object?.readsAsZero;
}

/** is_data_mapping (mm/vma.c): private writable memory other than a stack counts against RLIMIT_DATA. */
export function isData(flags: VmFlags): boolean {
  return (flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) === VM_WRITE;
}

function isSharedMayWrite(flags: VmFlags): boolean {
  return (flags & (VM_SHARED | VM_MAYWRITE)) === (VM_SHARED | VM_MAYWRITE);
}

export interface VmaCounters {
  total: number;
  data: number;
  locked: number;
  accounted: number;
  shared: number;
}

/** Told when the first VMA of an object comes in and when the last one has gone. */
export interface ObjectObserver {
  objectMapped(object: MemoryObject): void;
  objectUnmapped(object: MemoryObject): void;
}

export class VmaList {
  #items: MappedVma[] = [];
  #hit = 0;
  /** VMAs per object; the list holds one reference of each. */
  readonly #objects = new Map<MemoryObject, number>();
  readonly #observer: ObjectObserver | undefined;
  /** Pages, each always equal to the sum over the list. */
  readonly counters: VmaCounters = { total: 0, data: 0, locked: 0, accounted: 0, shared: 0 };

  constructor(observer?: ObjectObserver) {
    this.#observer = observer;
  }

  get items(): readonly MappedVma[] {
    return this.#items;
  }

  get length(): number {
    return this.#items.length;
  }

  get objects(): Iterable<MemoryObject> {
    return this.#objects.keys();
  }

  /** The VMA that holds the page. */
  find(page: number): MappedVma | undefined {
    const hit = this.#items[this.#hit];
    if (hit !== undefined && page >= hit.startPage && page < hit.endPage) return hit;
    const vma = this.#items[this.indexFrom(page)];
    return vma !== undefined && vma.startPage <= page ? vma : undefined;
  }

  /** Index of the first VMA that ends above the page (find_vma), or the length. */
  indexFrom(page: number): number {
    const items = this.#items;
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (items[middle]!.endPage > page) high = middle;
      else low = middle + 1;
    }
    this.#hit = low;
    return low;
  }

  at(index: number): MappedVma | undefined {
    return this.#items[index];
  }

  /** True when a VMA overlaps [start, end). */
  overlaps(start: number, end: number): boolean {
    const vma = this.#items[this.indexFrom(start)];
    return vma !== undefined && vma.startPage < end;
  }

  splice(index: number, count: number, ...vmas: MappedVma[]): void {
    for (const vma of vmas) this.#count(vma, 1);
    const removed = this.#items.splice(index, count, ...vmas);
    for (const vma of removed) this.#count(vma, -1);
  }

  /** Replaces one VMA by others that cover the same pages. */
  replace(vma: MappedVma, ...vmas: MappedVma[]): void {
    const index = this.indexFrom(vma.startPage);
    if (this.#items[index] !== vma)
      throw new InvariantError('the VMA to replace is not in the list');
    this.splice(index, 1, ...vmas);
  }

  insert(vma: MappedVma): void {
    this.splice(this.indexFrom(vma.startPage), 0, vma);
  }

  #count(vma: MappedVma, sign: 1 | -1): void {
    const pages = sign * pageCount(vma);
    this.counters.total += pages;
    if (isData(vma.flags)) this.counters.data += pages;
    if (vma.flags & VM_LOCKED) this.counters.locked += pages;
    if (vma.flags & VM_ACCOUNT) this.counters.accounted += pages;
    if (vma.flags & VM_SHARED) this.counters.shared += pages;
    if (vma.object !== undefined) this.#countObject(vma.object, vma.flags, sign);
  }

  #countObject(object: MemoryObject, flags: VmFlags, sign: 1 | -1): void {
    const count = (this.#objects.get(object) ?? 0) + sign;
    if (isSharedMayWrite(flags)) object.countWritableMapping?.(sign);
    if (count === 0) {
      this.#objects.delete(object);
      this.#observer?.objectUnmapped(object);
      object.release?.();
      return;
    }
    this.#objects.set(object, count);
    if (count === 1 && sign === 1) {
      object.retain?.();
      this.#observer?.objectMapped(object);
    }
  }
}
