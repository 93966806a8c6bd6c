/**
 * mremap (mm/mremap.c of Linux 6.18): resize, move, duplicate. Since 6.17 a MREMAP_FIXED move that
 * keeps the length may span several VMAs. No policy of a released Linux has a say here.
 */

import {
  MAP_FIXED,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
} from '../../../../abi/linux/mman.js';
import type { Addr } from '../../../../base/address.js';
import { fail, ok, type Result } from '../../../../base/result.js';
import { addHistory } from '../../../../memory/history.js';
import { ENTRY_NONE } from '../../../../memory/page-table.js';
import { populate } from '../fault.js';
import { enoughMemory, mayExpand, mayLock } from '../limits.js';
import type { Mm } from '../mm.js';
import { placeMapping } from '../placement/gap.js';
import { changed, type MappedVma } from '../vmas/mapped-vma.js';
import { insertMerged, splittable } from '../vmas/merge.js';
import {
  VM_ACCOUNT,
  VM_DONTEXPAND,
  VM_LOCKED,
  VM_LOCKED_MASK,
  VM_MAYSHARE,
  VM_PFNMAP,
  VM_SHARED,
} from '../vmas/vma.js';
import { alignLength, unmapRange } from './munmap.js';

const KNOWN = BigInt(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP);
const HUGE_PAGES = 512;

/** One remapping of one VMA, in pages (struct vma_remap_struct). */
interface Remap {
  readonly flags: number;
  readonly page: number;
  oldPages: number;
  newPages: number;
  /** With MREMAP_FIXED the target, with MREMAP_DONTUNMAP alone a hint. */
  newPage: number;
}

export function mremap(
  mm: Mm,
  addr: Addr,
  oldLength: bigint,
  newLength: bigint,
  flags64: bigint,
  newAddr: Addr,
): Result<Addr> {
  const oldBytes = alignLength(mm, oldLength);
  const newBytes = alignLength(mm, newLength);
  if (flags64 & ~KNOWN || addr & 0xfffn || newBytes === 0n || newBytes > mm.layout.taskSize) {
    return fail('EINVAL');
  }
  const flags = Number(flags64);
  const remap: Remap = {
    flags,
    page: Number(addr >> 12n),
    oldPages: Number(oldBytes >> 12n),
    newPages: Number(newBytes >> 12n),
    newPage: Number(newAddr >> 12n),
  };
  if (impliesNewAddress(remap)) {
    if (newAddr > mm.layout.taskSize - newBytes || newAddr & 0xfffn) return fail('EINVAL');
    if (!(flags & MREMAP_MAYMOVE)) return fail('EINVAL');
    if (flags & MREMAP_DONTUNMAP && oldBytes !== newBytes) return fail('EINVAL');
    if (overlapsSource(mm, remap)) return fail('EINVAL');
  }
  if (flags & MREMAP_FIXED && oldBytes === newBytes) return moveAll(mm, remap);
  const vma = mm.list.find(remap.page);
  const checked = checkVma(mm, remap, vma);
  if (!checked.ok) return checked;
  return impliesNewAddress(remap) ? remapTo(mm, remap) : remapAt(mm, remap, vma!);
}

function impliesNewAddress({ flags }: Remap): boolean {
  return (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0;
}

/** vrm_overlaps, whose ends wrap as its unsigned longs do. */
function overlapsSource(mm: Mm, { page, oldPages, newPage, newPages }: Remap): boolean {
  return (page + oldPages) % mm.wordPages > newPage && newPage + newPages > page;
}

/**
 * remap_move: every VMA of the range in turn, the gaps between them kept. What was moved stays moved.
 */
function moveAll(mm: Mm, whole: Remap): Result<Addr> {
  const end = whole.page + whole.oldPages;
  let first: Result<Addr> = fail('EFAULT');
  for (let page = whole.page; page < end; ) {
    const vma = mm.list.at(mm.list.indexFrom(page));
    if (vma === undefined || vma.startPage >= end) break;
    if (!first.ok && vma.startPage > whole.page) return fail('EFAULT');
    page = Math.max(page, vma.startPage);
    if (!multiAllowed(vma) && (first.ok || vma.endPage < end)) return fail('EFAULT');
    const pages = Math.min(end, vma.endPage) - page;
    const remap: Remap = {
      flags: whole.flags,
      page,
      oldPages: pages,
      newPages: pages,
      newPage: whole.newPage + (page - whole.page),
    };
    const checked = checkVma(mm, remap, vma);
    if (!checked.ok) return checked;
    const moved = remapTo(mm, remap);
    if (!moved.ok) return moved;
    if (!first.ok) first = moved;
    page += pages;
  }
  return first;
}

/** vma_multi_allowed: what searches for addresses in a way of its own may only be moved alone. */
function multiAllowed({ object }: MappedVma): boolean {
  return object === undefined || !(object.readsAsZero || object.kind === 'sysv-shm');
}

/** check_prep_vma. Huge pages round the lengths up. */
function checkVma(mm: Mm, remap: Remap, vma: MappedVma | undefined): Result<0> {
  if (vma === undefined) return fail('EFAULT');
  if (vma.sealed) return fail('EPERM');
  if (vma.object?.kind === 'hugetlb' && !alignHuge(remap)) return fail('EINVAL');
  const grows = remap.newPages > remap.oldPages;
  if (grows || impliesNewAddress(remap)) {
    const mapped = checkNewMapping(mm, remap, vma);
    if (!mapped.ok) return mapped;
  }
  const { page, oldPages, newPages, newPage, flags } = remap;
  const ruling = mm.policies.ask(
    'mremap',
    vma,
    {
      oldRange: { start: BigInt(page) << 12n, end: BigInt(page + oldPages) << 12n },
      newLength: BigInt(newPages) << 12n,
      flags,
      newAddress: flags & MREMAP_FIXED ? BigInt(newPage) << 12n : undefined,
    },
    mm.facts,
  );
  return mm.refusal(ruling) ?? ok(0);
}

/** What must hold when addresses are mapped anew. */
function checkNewMapping(mm: Mm, remap: Remap, vma: MappedVma): Result<0> {
  const { newPages, oldPages, page, flags } = remap;
  const fixedSize = vma.flags & (VM_DONTEXPAND | VM_PFNMAP);
  // Length 0 makes a second mapping of the same object: there is none for private memory.
  if (oldPages === 0 && !(vma.flags & VM_MAYSHARE)) return fail('EINVAL');
  if (flags & MREMAP_DONTUNMAP && fixedSize) return fail('EINVAL');
  // What a shrinking move cuts off may cross into other VMAs; what moves may not.
  if (Math.min(oldPages, newPages) > vma.endPage - page) return fail('EFAULT');
  if (newPages <= oldPages) return ok(0);
  if (vma.pageOffset + (page - vma.startPage) + newPages >= 2 ** 52) return fail('EINVAL');
  if (fixedSize) return fail('EFAULT');
  const delta = newPages - oldPages;
  if (!mayLock(mm, vma.flags & VM_LOCKED, delta)) return fail('EAGAIN');
  return mayExpand(mm, vma.flags, delta) ? ok(0) : fail('ENOMEM');
}

function alignHuge(remap: Remap): boolean {
  remap.oldPages = Math.ceil(remap.oldPages / HUGE_PAGES) * HUGE_PAGES;
  remap.newPages = Math.ceil(remap.newPages / HUGE_PAGES) * HUGE_PAGES;
  const aligned = remap.page % HUGE_PAGES === 0 && remap.newPage % HUGE_PAGES === 0;
  return aligned && remap.newPages <= remap.oldPages;
}

/** mremap_at: in place where that is possible. */
function remapAt(mm: Mm, remap: Remap, vma: MappedVma): Result<Addr> {
  const { page, oldPages, newPages } = remap;
  const address = BigInt(page) << 12n;
  if (newPages === oldPages) return ok(address);
  if (newPages < oldPages) {
    const cut = shrink(mm, remap);
    return cut.ok ? ok(address) : cut;
  }
  if (vma.endPage - page === oldPages && expandable(mm, vma, newPages - oldPages)) {
    return expandInPlace(mm, vma, newPages - oldPages, address);
  }
  if (!(remap.flags & MREMAP_MAYMOVE)) return fail('ENOMEM');
  return place(mm, remap, vma) ?? move(mm, remap, vma);
}

/** The tail goes; it may cover other VMAs and holes. */
function shrink(mm: Mm, { page, oldPages, newPages }: Remap): Result<0> {
  if (page + oldPages > mm.taskPages) return fail('EINVAL');
  return unmapRange(mm, page + newPages, page + oldPages);
}

/** mremap_to: to a given address, or (DONTUNMAP without FIXED) to one near the hint. */
function remapTo(mm: Mm, remap: Remap): Result<Addr> {
  if (remap.flags & MREMAP_FIXED) {
    const unmapped = unmapRange(mm, remap.newPage, remap.newPage + remap.newPages);
    if (!unmapped.ok) return unmapped;
    // The target may have been the source, where the overlap test wraps.
    if (mm.list.find(remap.page) === undefined) return fail('EFAULT');
  }
  if (remap.newPages < remap.oldPages) {
    const cut = shrink(mm, remap);
    if (!cut.ok) return cut;
    remap.oldPages = remap.newPages;
  }
  // Unmapping the target or the tail may have split the VMA.
  const vma = mm.list.find(remap.page);
  if (vma === undefined) return fail('EFAULT');
  if (remap.flags & MREMAP_DONTUNMAP && !mayExpand(mm, vma.flags, remap.oldPages)) {
    return fail('ENOMEM');
  }
  return place(mm, remap, vma) ?? move(mm, remap, vma);
}

/** vrm_set_new_addr: decides newPage; a failure or undefined. */
function place(mm: Mm, remap: Remap, vma: MappedVma): Result<Addr> | undefined {
  const found = placeMapping(mm, {
    addr: impliesNewAddress(remap) ? BigInt(remap.newPage) << 12n : 0n,
    pages: remap.newPages,
    flags: remap.flags & MREMAP_FIXED ? MAP_FIXED : 0,
    anonymous: vma.object === undefined,
    align: vma.object?.kind === 'hugetlb' ? HUGE_PAGES : 1,
  });
  if (!found.ok) return found;
  remap.newPage = found.value;
  return undefined;
}

function expandable(mm: Mm, vma: MappedVma, delta: number): boolean {
  const end = vma.endPage + delta;
  return end <= mm.taskPages && !mm.list.overlaps(vma.endPage, end);
}

/** vma_merge_extend: the new part joins the VMA, and perhaps the one behind it. */
function expandInPlace(mm: Mm, vma: MappedVma, delta: number, address: Addr): Result<Addr> {
  if (vma.flags & VM_ACCOUNT && !enoughMemory(mm, delta)) return fail('ENOMEM');
  const range = { startPage: vma.endPage, endPage: vma.endPage + delta };
  const entry = mm.historyEntry(range, undefined, vma.flags);
  const grown = changed(vma, {
    ...range,
    pageOffset: vma.pageOffset + (vma.endPage - vma.startPage),
    history: addHistory(vma.history, entry),
  });
  insertMerged(mm.list, grown, 'growth');
  mm.emit('insert', undefined, grown);
  if (vma.flags & VM_LOCKED) populate(mm, range.startPage, range.endPage);
  return ok(address);
}

/** move_vma: a copy of the VMA at the new place, the pages after it, then the old range goes. */
function move(mm: Mm, remap: Remap, vma: MappedVma): Result<Addr> {
  const { page, oldPages, newPages, newPage, flags } = remap;
  if (mm.list.length >= mm.maxMapCount - 3) return fail('ENOMEM');
  if (page !== vma.startPage && !splittable(vma, page)) return fail('EINVAL');
  if (page + oldPages !== vma.endPage && !splittable(vma, page + oldPages)) return fail('EINVAL');
  const charge = flags & MREMAP_DONTUNMAP ? newPages : newPages - oldPages;
  if (vma.flags & VM_ACCOUNT && !enoughMemory(mm, charge)) return fail('ENOMEM');

  // Mapped in two places for a moment: no peak.
  const { highWater } = mm;
  linkCopy(mm, remap, vma);
  movePages(mm, page, oldPages, newPage);
  if (flags & MREMAP_DONTUNMAP) leaveEmpty(mm, remap);
  else if (oldPages > 0) unmapRange(mm, page, page + oldPages);
  mm.highWater = highWater;
  if (vma.flags & VM_LOCKED && newPages > oldPages) {
    populate(mm, newPage + oldPages, newPage + newPages);
  }
  return ok(BigInt(newPage) << 12n);
}

/** copy_vma: anonymous memory without pages takes the offset of its new place, which lets it merge there. */
function linkCopy(mm: Mm, remap: Remap, vma: MappedVma): void {
  const { page, newPages, newPage } = remap;
  const range = { startPage: newPage, endPage: newPage + newPages };
  const anonymous = vma.object === undefined || vma.object.readsAsZero;
  const unfaulted = anonymous && !(vma.flags & VM_SHARED) && vma.anon === undefined;
  const entry = mm.historyEntry(range, undefined, vma.flags);
  const copy = changed(vma, {
    ...range,
    pageOffset: unfaulted ? newPage : vma.pageOffset + (page - vma.startPage),
    history: addHistory(movedHistory(vma, newPage - page), entry),
  });
  insertMerged(mm.list, copy);
  mm.emit('insert', undefined, copy);
}

/** What was said of the old addresses holds for the new ones. */
function movedHistory(vma: MappedVma, distance: number): MappedVma['history'] {
  return vma.history.map((entry) => ({
    ...entry,
    startPage: entry.startPage + distance,
    endPage: entry.endPage + distance,
  }));
}

function movePages(mm: Mm, page: number, count: number, newPage: number): void {
  const moved: (readonly [page: number, entry: number])[] = [];
  mm.pages.forEach(page, page + count, (at, entry) => moved.push([at, entry]));
  mm.frames.meter.charge('page', moved.length);
  for (const [at] of moved) mm.pages.set(at, ENTRY_NONE);
  for (const [at, entry] of moved) mm.pages.set(newPage + (at - page), entry);
  mm.flushPages(page, page + count);
}

/** dontunmap_complete: the old VMA stays, without pages, locks and (when all of it moved) its anon_vma. */
function leaveEmpty(mm: Mm, { page, oldPages }: Remap): void {
  const vma = mm.list.find(page)!;
  const whole = vma.startPage === page && vma.endPage === page + oldPages;
  const flags = vma.flags & ~VM_LOCKED_MASK;
  mm.list.replace(vma, changed(vma, { flags, anon: whole ? undefined : vma.anon }));
}
