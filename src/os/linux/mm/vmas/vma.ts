/**
 * VMA: one run of pages with the same rights and backing, as struct vm_area_struct has it
 * (include/linux/mm_types.h). VMAs are immutable values: whoever changes one replaces it, so that
 * policies, the trace and snapshots may keep them.
 */
import type { AddrRange } from '../../../../base/address.js';
import type { MemoryObject } from '../../../../memory/object.js';

/** Flag bits, with the kernel's values (include/linux/mm.h, 6.18). PROT_x equals VM_x, and VM_MAYx is VM_x << 4. */
export const VM_READ = 0x1;
export const VM_WRITE = 0x2;
export const VM_EXEC = 0x4;
export const VM_SHARED = 0x8;
export const VM_MAYREAD = 0x10;
export const VM_MAYWRITE = 0x20;
export const VM_MAYEXEC = 0x40;
export const VM_MAYSHARE = 0x80;
export const VM_GROWSDOWN = 0x100;
/** Mapped with MAP_JIT. Deviation: VM_UFFD_MISSING in the kernel, which no mapping of ours has. */
export const VM_JIT = 0x200;
export const VM_PFNMAP = 0x400;
/** A guard marker was installed somewhere in the VMA (6.18.y); it does not keep VMAs from merging. */
export const VM_MAYBE_GUARD = 0x800;
export const VM_LOCKED = 0x2000;
export const VM_IO = 0x4000;
export const VM_SEQ_READ = 0x8000;
export const VM_RAND_READ = 0x10000;
export const VM_DONTCOPY = 0x20000;
export const VM_DONTEXPAND = 0x40000;
export const VM_LOCKONFAULT = 0x80000;
export const VM_ACCOUNT = 0x100000;
export const VM_NORESERVE = 0x200000;
export const VM_HUGETLB = 0x400000;
export const VM_SYNC = 0x800000;
/** Deviation: bit 40 in the kernel; here VM_ARCH_1, which no mapping of ours has, to stay within 32 bits. */
export const VM_DROPPABLE = 0x1000000;
export const VM_WIPEONFORK = 0x2000000;
export const VM_DONTDUMP = 0x4000000;
export const VM_MIXEDMAP = 0x10000000;
export const VM_HUGEPAGE = 0x20000000;
export const VM_NOHUGEPAGE = 0x40000000;
/** Bit 31, in the signed form that JavaScript's bit operators give. */
export const VM_MERGEABLE = 1 << 31;
/** VMAs that neither merge nor expand (include/linux/mm.h). */
export const VM_SPECIAL = VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP;
export const VM_LOCKED_MASK = VM_LOCKED | VM_LOCKONFAULT;
export const VM_ACCESS = VM_READ | VM_WRITE | VM_EXEC;
export const VM_MAYACCESS = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;

export type VmFlags = number;

export interface Vma extends AddrRange {
  readonly flags: VmFlags;
  /** What is mapped; undefined for private anonymous memory. Shared anonymous memory has a hidden shmem object. */
  readonly object: MemoryObject | undefined;
  /** First page of `object` (vm_pgoff); for private anonymous memory start >> 12 at creation, as Linux has it. */
  readonly pageOffset: number;
  /** True from the first private page on (vma->anon_vma); execmod and merging depend on it. */
  readonly anonVma: boolean;
  /** For people ('[heap]', '[stack]', '[vdso]'); never parsed. Files name themselves. */
  readonly name: string;
  readonly pkey: number;
  readonly sealed: boolean;
}
