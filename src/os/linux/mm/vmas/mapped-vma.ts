/** MappedVma: a VMA as the memory manager keeps it, and what it computes from one. */
import { PAGE_SHIFT } from '../../../../base/address.js';
import type { VmaHistory } from '../../../../memory/history.js';
import { VM_GROWSDOWN, VM_MAYSHARE, VM_SHARED, VM_WRITE, type Vma, type VmFlags } from './vma.js';

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
