/** Resource limits and kernel settings that decide about memory, with the defaults of a plain machine. */

import { isData } from './vmas/mapped-vma.js';
import type { VmFlags } from './vmas/vma.js';
import { VM_HUGETLB, VM_LOCKED, VM_NORESERVE, VM_SHARED, VM_WRITE } from './vmas/vma.js';

export const RLIM_INFINITY = (1n << 64n) - 1n;

/** RLIMIT_*, soft limits in bytes. */
export interface MmLimits {
  as: bigint;
  data: bigint;
  stack: bigint;
  memlock: bigint;
}

export const DEFAULT_LIMITS: MmLimits = {
  as: RLIM_INFINITY,
  data: RLIM_INFINITY,
  stack: 8n << 20n,
  memlock: 8n << 20n,
};

export interface MmTuning {
  /** vm.max_map_count. */
  readonly maxMapCount: number;
  /** vm.overcommit_memory: 0 refuses only what exceeds all memory, 1 nothing, 2 beyond the commit limit. */
  readonly overcommit: 0 | 1 | 2;
  /** Pages of RAM that the overcommit rules count with (not the sandbox's own limit of frames). */
  readonly totalPages: number;
  /** The default 2 MiB huge page pool (vm.nr_hugepages), shared by the machine. */
  readonly hugePool: { free: number };
  /** Does the CPU have protection keys? */
  readonly pku: boolean;
  /** CAP_IPC_LOCK: RLIMIT_MEMLOCK does not count. */
  readonly capIpcLock: boolean;
  /** CAP_SYS_RAWIO: may map below vm.mmap_min_addr. */
  readonly capRawIo: boolean;
  /** Pages that stay free below a stack (stack_guard_gap). */
  readonly stackGuardPages: number;
  /** Inode numbers of hidden shared-memory objects. */
  readonly nextInode: () => number;
}

export function defaultTuning(): MmTuning {
  let inode = 1024;
  return {
    maxMapCount: 65530,
    overcommit: 0,
    totalPages: 1 << 22,
    hugePool: { free: 0 },
    pku: false,
    capIpcLock: false,
    capRawIo: false,
    stackGuardPages: 256,
    nextInode: () => inode++,
  };
}

/** The part of Mm that the rules below read. */
interface Accounted {
  readonly limits: MmLimits;
  readonly tuning: MmTuning;
  readonly list: {
    readonly counters: { total: number; data: number; locked: number; accounted: number };
  };
}

/** may_expand_vm: RLIMIT_AS for everything, RLIMIT_DATA for private writable memory. */
export function mayExpand(mm: Accounted, flags: VmFlags, pages: number): boolean {
  const { total, data } = mm.list.counters;
  if (BigInt(total + pages) > mm.limits.as >> 12n) return false;
  return !isData(flags) || BigInt(data + pages) <= mm.limits.data >> 12n;
}

/** security_vm_enough_memory_mm (__vm_enough_memory): may `pages` more be promised? */
export function enoughMemory(mm: Accounted, pages: number): boolean {
  if (mm.tuning.overcommit === 1) return true;
  if (mm.tuning.overcommit === 0) return pages <= mm.tuning.totalPages;
  return mm.list.counters.accounted + pages <= mm.tuning.totalPages / 2;
}

/** accountable_mapping: private, writable and not told otherwise. */
export function accountable(flags: VmFlags): boolean {
  return (flags & (VM_NORESERVE | VM_SHARED | VM_WRITE | VM_HUGETLB)) === VM_WRITE;
}

/** can_do_mlock. */
export function canLock(mm: Accounted): boolean {
  return mm.limits.memlock !== 0n || mm.tuning.capIpcLock;
}

/** mlock_future_ok. */
export function mayLock(mm: Accounted, flags: VmFlags, pages: number): boolean {
  if (!(flags & VM_LOCKED) || mm.tuning.capIpcLock) return true;
  return BigInt(mm.list.counters.locked + pages) <= mm.limits.memlock >> 12n;
}
