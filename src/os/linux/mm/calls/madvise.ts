/**
 * madvise (mm/madvise.c of Linux 6.18). Advice that only steers the kernel's own work (readahead,
 * reclaim, huge pages) is checked and, where the kernel keeps a flag for it, kept, and has no other
 * effect: MADV_FREE leaves the data, as a kernel without memory pressure does.
 */

import * as mman from '../../../../abi/linux/mman.js';
import type { Addr } from '../../../../base/address.js';
import { fail, ok, type Result } from '../../../../base/result.js';
import { FAULT_BUS, FAULT_NO_MEMORY, FAULT_UNMAPPED } from '../../../../engine/engine.js';
import { ENTRY_GUARD, ENTRY_NONE } from '../../../../memory/page-table.js';
import { translate } from '../fault.js';
import type { Mm } from '../mm.js';
import { writeDenied } from '../pkeys.js';
import { changed, type MappedVma } from '../vmas/mapped-vma.js';
import { modifyRange } from '../vmas/merge.js';
import {
  VM_DONTCOPY,
  VM_DONTDUMP,
  VM_DROPPABLE,
  VM_HUGEPAGE,
  VM_HUGETLB,
  VM_LOCKED,
  VM_MAYBE_GUARD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_MERGEABLE,
  VM_NOHUGEPAGE,
  VM_PFNMAP,
  VM_RAND_READ,
  VM_READ,
  VM_SEQ_READ,
  VM_SHARED,
  VM_SPECIAL,
  VM_WIPEONFORK,
  VM_WRITE,
  type VmFlags,
} from '../vmas/vma.js';
import { alignLength } from './munmap.js';

const MADV_DONTNEED_LOCKED = 24;
const MADV_COLLAPSE = 25;
const MADV_HWPOISON = 100;
const MADV_SOFT_OFFLINE = 101;
export const MADV_GUARD_INSTALL = 102;
export const MADV_GUARD_REMOVE = 103;
const HUGE_PAGES = 512;

/** What one piece of advice does to [start, end) of one VMA. */
type Behaviour = (mm: Mm, vma: MappedVma, start: number, end: number) => Result<0>;

/** The flags after the advice, or undefined: EINVAL. */
type FlagChange = (vma: MappedVma) => VmFlags | undefined;

const FLAG_CHANGES: ReadonlyMap<number, FlagChange> = new Map<number, FlagChange>([
  [mman.MADV_NORMAL, ({ flags }) => flags & ~(VM_RAND_READ | VM_SEQ_READ)],
  [mman.MADV_SEQUENTIAL, ({ flags }) => (flags & ~VM_RAND_READ) | VM_SEQ_READ],
  [mman.MADV_RANDOM, ({ flags }) => (flags & ~VM_SEQ_READ) | VM_RAND_READ],
  [mman.MADV_DONTFORK, ({ flags }) => flags | VM_DONTCOPY],
  [mman.MADV_DOFORK, ({ flags }) => (flags & VM_SPECIAL ? undefined : flags & ~VM_DONTCOPY)],
  [
    mman.MADV_WIPEONFORK,
    (vma) =>
      vma.object !== undefined || vma.flags & VM_SHARED ? undefined : vma.flags | VM_WIPEONFORK,
  ],
  [
    mman.MADV_KEEPONFORK,
    ({ flags }) => (flags & VM_DROPPABLE ? undefined : flags & ~VM_WIPEONFORK),
  ],
  [mman.MADV_DONTDUMP, ({ flags }) => flags | VM_DONTDUMP],
  [
    mman.MADV_DODUMP,
    ({ flags }) =>
      (!(flags & VM_HUGETLB) && flags & VM_SPECIAL) || flags & VM_DROPPABLE
        ? undefined
        : flags & ~VM_DONTDUMP,
  ],
  [mman.MADV_MERGEABLE, ({ flags }) => (samePageMergeable(flags) ? flags | VM_MERGEABLE : flags)],
  [mman.MADV_UNMERGEABLE, ({ flags }) => flags & ~VM_MERGEABLE],
  [mman.MADV_HUGEPAGE, ({ flags }) => (flags & ~VM_NOHUGEPAGE) | VM_HUGEPAGE],
  [mman.MADV_NOHUGEPAGE, ({ flags }) => (flags & ~VM_HUGEPAGE) | VM_NOHUGEPAGE],
]);

const ACTIONS: ReadonlyMap<number, Behaviour> = new Map<number, Behaviour>([
  [mman.MADV_REMOVE, remove],
  [mman.MADV_WILLNEED, () => ok(0)],
  [mman.MADV_COLD, reclaim],
  [mman.MADV_PAGEOUT, reclaim],
  [mman.MADV_DONTNEED, (mm, vma, start, end) => discard(mm, vma, start, end, VM_LOCKED)],
  [MADV_DONTNEED_LOCKED, (mm, vma, start, end) => discard(mm, vma, start, end, 0)],
  [mman.MADV_FREE, free],
  [MADV_COLLAPSE, collapse],
  [MADV_GUARD_INSTALL, installGuard],
  [MADV_GUARD_REMOVE, removeGuard],
]);

/** Advice that loses data: forbidden on sealed memory that the program could not write anyway. */
const DISCARDS: ReadonlySet<number> = new Set([
  mman.MADV_FREE,
  mman.MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  mman.MADV_REMOVE,
  mman.MADV_DONTFORK,
  mman.MADV_WIPEONFORK,
  MADV_GUARD_INSTALL,
]);

export function madvise(mm: Mm, addr: Addr, length: bigint, advice: number): Result<0> {
  const populates = advice === mman.MADV_POPULATE_READ || advice === mman.MADV_POPULATE_WRITE;
  const poisons = advice === MADV_HWPOISON || advice === MADV_SOFT_OFFLINE;
  if (!populates && !poisons && !ACTIONS.has(advice) && !FLAG_CHANGES.has(advice)) {
    return fail('EINVAL');
  }
  if (addr & 0xfffn) return fail('EINVAL');
  const bytes = alignLength(mm, length);
  if (length !== 0n && bytes === 0n) return fail('EINVAL');
  const start = Number(addr >> 12n);
  const end = start + Number(bytes >> 12n);
  if (end >= mm.wordPages) return fail('EINVAL');
  if (length === 0n) return ok(0);
  // Error injection is for CAP_SYS_ADMIN.
  if (poisons) return fail('EPERM');
  if (populates) return populateRange(mm, start, end, advice === mman.MADV_POPULATE_WRITE);
  return walk(mm, start, end, advice);
}

/** madvise_walk_vmas: holes are skipped and remembered, the first error of a VMA ends it. */
function walk(mm: Mm, start: number, end: number, advice: number): Result<0> {
  let holes = false;
  let page = start;
  while (page < end) {
    const vma = mm.list.at(mm.list.indexFrom(page));
    if (vma === undefined) return fail('ENOMEM');
    if (page < vma.startPage) {
      holes = true;
      page = vma.startPage;
      if (page >= end) break;
    }
    mm.frames.meter.charge('vma');
    const stop = Math.min(vma.endPage, end);
    const done = advise(mm, vma, page, stop, advice);
    if (!done.ok) return done;
    page = stop;
  }
  return holes ? fail('ENOMEM') : ok(0);
}

function advise(mm: Mm, vma: MappedVma, start: number, end: number, advice: number): Result<0> {
  if (vma.sealed && DISCARDS.has(advice) && !mayDiscardSealed(mm, vma)) return fail('EPERM');
  const action = ACTIONS.get(advice);
  if (action !== undefined) return action(mm, vma, start, end);
  const flags = FLAG_CHANGES.get(advice)!(vma);
  if (flags === undefined) return fail('EINVAL');
  if (flags === vma.flags) return ok(0);
  const modified = modifyRange(mm.list, vma, start, end, { flags }, mm.maxMapCount);
  if (modified.ok) return ok(0);
  return fail(modified.errno === 'ENOMEM' ? 'EAGAIN' : modified.errno);
}

function isAnonymous(vma: MappedVma): boolean {
  return vma.object === undefined || vma.object.readsAsZero;
}

/** can_madvise_modify. */
function mayDiscardSealed(mm: Mm, vma: MappedVma): boolean {
  if (!isAnonymous(vma)) return true;
  return (vma.flags & VM_WRITE) !== 0 && !writeDenied(mm, vma.pkey);
}

/** vma_ksm_compatible. */
function samePageMergeable(flags: VmFlags): boolean {
  return !(flags & (VM_SHARED | VM_MAYSHARE | VM_SPECIAL | VM_HUGETLB | VM_DROPPABLE));
}

/** MADV_DONTNEED: private pages go; guard markers and the object's own pages stay. */
function discard(mm: Mm, vma: MappedVma, start: number, end: number, locked: VmFlags): Result<0> {
  if (vma.object?.kind === 'hugetlb') {
    if (start % HUGE_PAGES !== 0) return fail('EINVAL');
    mm.zapPages(start, Math.floor(end / HUGE_PAGES) * HUGE_PAGES, true);
    return ok(0);
  }
  if (vma.flags & (VM_PFNMAP | locked)) return fail('EINVAL');
  mm.zapPages(start, end, true);
  return ok(0);
}

function free(_mm: Mm, vma: MappedVma): Result<0> {
  const refused = vma.flags & (VM_PFNMAP | VM_LOCKED | VM_HUGETLB) || !isAnonymous(vma);
  return refused ? fail('EINVAL') : ok(0);
}

/** MADV_COLD and MADV_PAGEOUT (can_madv_lru_vma). */
function reclaim(_mm: Mm, vma: MappedVma): Result<0> {
  return vma.flags & (VM_LOCKED | VM_PFNMAP | VM_HUGETLB) ? fail('EINVAL') : ok(0);
}

/** MADV_REMOVE: a hole in the object, for everyone who maps it. */
function remove(_mm: Mm, vma: MappedVma, start: number, end: number): Result<0> {
  if (vma.flags & VM_LOCKED || vma.object === undefined) return fail('EINVAL');
  const writable = VM_SHARED | VM_MAYWRITE;
  if ((vma.flags & writable) !== writable) return fail('EACCES');
  const offset = (vma.pageOffset + (start - vma.startPage)) * 4096;
  return vma.object.punchHole?.(offset, (end - start) * 4096) ?? fail('EOPNOTSUPP');
}

/** Deviation: there are no transparent huge pages, so a range that holds a whole one cannot be collapsed. */
function collapse(_mm: Mm, _vma: MappedVma, start: number, end: number): Result<0> {
  const first = Math.ceil(start / HUGE_PAGES);
  return first < Math.floor(end / HUGE_PAGES) ? fail('EINVAL') : ok(0);
}

function installGuard(mm: Mm, vma: MappedVma, start: number, end: number): Result<0> {
  if (vma.flags & (VM_SPECIAL | VM_HUGETLB | VM_LOCKED)) return fail('EINVAL');
  const prepared = isAnonymous(vma) ? mm.prepareAnon(vma) : vma;
  mm.list.replace(prepared, changed(prepared, { flags: prepared.flags | VM_MAYBE_GUARD }));
  mm.zapPages(start, end);
  for (let page = start; page < end; page++) {
    if (!mm.pages.hasRoomFor(page)) return fail('ENOMEM');
    if (mm.frames.meter.exhausted) return fail('EINTR');
    mm.frames.meter.charge('page');
    mm.pages.set(page, ENTRY_GUARD);
  }
  return ok(0);
}

function removeGuard(mm: Mm, vma: MappedVma, start: number, end: number): Result<0> {
  if (vma.flags & (VM_SPECIAL | VM_HUGETLB)) return fail('EINVAL');
  mm.pages.forEach(start, end, (page, entry) => {
    if (entry === ENTRY_GUARD) mm.pages.set(page, ENTRY_NONE);
  });
  return ok(0);
}

/** madvise_populate: faults every page in, and says why where it cannot. */
function populateRange(mm: Mm, start: number, end: number, write: boolean): Result<0> {
  for (let page = start; page < end; page++) {
    if (mm.frames.meter.exhausted) return fail('EINTR');
    mm.frames.meter.charge('page');
    const vma = mm.list.find(page);
    if (vma === undefined) return fail('ENOMEM');
    // check_vma_flags: the VMA's own rights count, not those of the CPU.
    const allowed = vma.flags & (write ? VM_WRITE : VM_READ);
    if (!allowed || vma.flags & VM_PFNMAP) return fail('EINVAL');
    const result = translate(mm, page, write ? 'write' : 'read');
    if (result === FAULT_BUS || result === FAULT_UNMAPPED) return fail('EFAULT');
    if (result === FAULT_NO_MEMORY) return fail('ENOMEM');
  }
  return ok(0);
}
