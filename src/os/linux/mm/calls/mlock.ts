/** mlock, mlock2, munlock, mlockall, munlockall (mm/mlock.c). Nothing is ever paged out: what shows is flags, limits and errnos. */
import type { Addr } from '../../../../base/address.js';
import { fail, ok, type Result } from '../../../../base/result.js';
import { FAULT_NO_MEMORY } from '../../../../engine/engine.js';
import { populate } from '../fault.js';
import { canLock } from '../limits.js';
import type { Mm } from '../mm.js';
import type { MappedVma } from '../vmas/mapped-vma.js';
import { modifyRange } from '../vmas/merge.js';
import {
  VM_DROPPABLE,
  VM_HUGETLB,
  VM_LOCKED,
  VM_LOCKED_MASK,
  VM_LOCKONFAULT,
  VM_SPECIAL,
  type VmFlags,
} from '../vmas/vma.js';

const MLOCK_ONFAULT = 1;
const MCL_CURRENT = 1;
const MCL_FUTURE = 2;
const MCL_ONFAULT = 4;

/** mlock, and mlock2 with its flags. */
export function mlock(mm: Mm, addr: Addr, length: bigint, flags = 0): Result<0> {
  if (flags & ~MLOCK_ONFAULT) return fail('EINVAL');
  if (!canLock(mm)) return fail('EPERM');
  const { start, end } = pageRange(mm, addr, length);
  const limit = Number(mm.limits.memlock >> 12n);
  let wanted = end - start + mm.list.counters.locked;
  // What is locked already is not counted twice.
  if (wanted > limit && !mm.tuning.capIpcLock) wanted -= lockedPages(mm, start, end);
  if (wanted > limit && !mm.tuning.capIpcLock) return fail('ENOMEM');
  const lock = VM_LOCKED | (flags & MLOCK_ONFAULT ? VM_LOCKONFAULT : 0);
  const applied = applyLock(mm, start, end, lock);
  if (!applied.ok) return applied;
  const fault = populate(mm, start, end, false);
  // __mlock_posix_error_return: EFAULT becomes ENOMEM, and a lack of memory EAGAIN.
  if (fault === undefined) return ok(0);
  return fail(fault === FAULT_NO_MEMORY ? 'EAGAIN' : 'ENOMEM');
}

export function munlock(mm: Mm, addr: Addr, length: bigint): Result<0> {
  const { start, end } = pageRange(mm, addr, length);
  return applyLock(mm, start, end, 0);
}

export function mlockall(mm: Mm, flags: number): Result<0> {
  const known = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
  if (flags === 0 || flags & ~known || flags === MCL_ONFAULT) return fail('EINVAL');
  if (!canLock(mm)) return fail('EPERM');
  const fits = BigInt(mm.list.counters.total) <= mm.limits.memlock >> 12n;
  if (flags & MCL_CURRENT && !fits && !mm.tuning.capIpcLock) return fail('ENOMEM');
  const lock = VM_LOCKED | (flags & MCL_ONFAULT ? VM_LOCKONFAULT : 0);
  mm.defFlags = (mm.defFlags & ~VM_LOCKED_MASK) | (flags & MCL_FUTURE ? lock : 0);
  if (!(flags & MCL_CURRENT)) return ok(0);
  lockEverything(mm, lock);
  populate(mm, 0, mm.taskPages);
  return ok(0);
}

export function munlockall(mm: Mm): Result<0> {
  mm.defFlags &= ~VM_LOCKED_MASK;
  lockEverything(mm, 0);
  return ok(0);
}

/** The pages that hold [addr, addr + length), in the kernel's word. */
function pageRange(mm: Mm, addr: Addr, length: bigint): { start: number; end: number } {
  const bytes = BigInt.asUintN(mm.layout.kernelBits, (length + (addr & 0xfffn) + 0xfffn) & ~0xfffn);
  const start = Number(addr >> 12n);
  return { start, end: start + Number(bytes >> 12n) };
}

function lockedPages(mm: Mm, start: number, end: number): number {
  mm.frames.meter.charge('vma', mm.list.length);
  return mm.list.items
    .filter((vma) => vma.flags & VM_LOCKED)
    .map((vma) => Math.min(end, vma.endPage) - Math.max(start, vma.startPage))
    .reduce((sum, pages) => sum + Math.max(0, pages), 0);
}

/** apply_vma_lock_flags: VMA by VMA; a hole ends it, with what came before done. */
function applyLock(mm: Mm, start: number, end: number, lock: VmFlags): Result<0> {
  if (end >= mm.wordPages) return fail('EINVAL');
  let page = start;
  while (page < end) {
    const vma = mm.list.find(page);
    if (vma === undefined) return fail('ENOMEM');
    mm.frames.meter.charge('vma');
    const stop = Math.min(vma.endPage, end);
    const done = lockOne(mm, vma, page, stop, lock);
    if (!done.ok) return done;
    page = stop;
  }
  return ok(0);
}

/** mlock_fixup: memory that is never paged out keeps its flags. */
function lockOne(mm: Mm, vma: MappedVma, start: number, end: number, lock: VmFlags): Result<0> {
  const flags = (vma.flags & ~VM_LOCKED_MASK) | lock;
  if (flags === vma.flags || vma.flags & (VM_SPECIAL | VM_HUGETLB | VM_DROPPABLE)) return ok(0);
  const modified = modifyRange(mm.list, vma, start, end, { flags }, mm.maxMapCount);
  return modified.ok ? ok(0) : modified;
}

function lockEverything(mm: Mm, lock: VmFlags): void {
  for (let page = 0; ; ) {
    const vma = mm.list.at(mm.list.indexFrom(page));
    if (vma === undefined) return;
    mm.frames.meter.charge('vma');
    page = vma.endPage;
    lockOne(mm, vma, vma.startPage, vma.endPage, lock);
  }
}
