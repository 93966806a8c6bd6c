/**
 * Where a mapping goes when the caller leaves it open: hints, the searches for a gap, and the checks
 * on a fixed address (mm/mmap.c:__get_unmapped_area; arch/x86/kernel/sys_x86_64.c for 64-bit kernels,
 * generic_get_unmapped_area* for 32-bit ones). All in page numbers.
 */

import { errnoName } from '../../../../abi/linux/errno.js';
import { MAP_32BIT, MAP_FIXED } from '../../../../abi/linux/mman.js';
import { HUGE_PAGE_SIZE, PAGE_SIZE, PAGE_SIZE_N } from '../../../../base/address.js';
import type { Errno } from '../../../../base/errno.js';
import { fail, ok, type Result } from '../../../../base/result.js';
import type { Mm } from '../mm.js';
import type { MappedVma } from '../vmas/mapped-vma.js';
import { VM_GROWSDOWN } from '../vmas/vma.js';

const HUGE_PAGES = HUGE_PAGE_SIZE / PAGE_SIZE;
const PAGES_2GIB = 0x8000_0000 / PAGE_SIZE;

export interface PlaceRequest {
  /** Requested address as given (any 64-bit value, FIXED may be misaligned); 0n for none. */
  readonly addr: bigint;
  readonly pages: number;
  /** MAP_*. */
  readonly flags: number;
  /** Anonymous and private: may be aligned for transparent huge pages. */
  readonly anonymous: boolean;
  /** Alignment in pages that the object needs (hugetlb). */
  readonly align: number;
}

/** __get_unmapped_area: the first page of the mapping. */
export function placeMapping(mm: Mm, place: PlaceRequest): Result<number> {
  const { pages, flags, addr } = place;
  const task = mm.taskPages;
  if (pages > task) return fail('ENOMEM');
  const found = chooseArea(mm, place);
  if (!found.ok) return found;
  // Compared as addresses: a fixed one may lie anywhere in 64 bits and need not be aligned.
  const start = flags & MAP_FIXED ? addr : BigInt(found.value) << 12n;
  const taken = errnoOfAddress(start);
  if (taken !== undefined) return fail(taken);
  if (start > mm.layout.taskSize - (BigInt(pages) << 12n)) return fail('ENOMEM');
  if (start & 0xfffn) return fail('EINVAL');
  if (start < mm.layout.mmapMinAddr && !mm.tuning.capRawIo) return fail('EPERM');
  return ok(Number(start >> 12n));
}

/** IS_ERR_VALUE: a fixed address among the last 4095 of all is taken for the errno that it looks like. */
function errnoOfAddress(start: bigint): Errno | undefined {
  const number = (1n << 64n) - start;
  return number < PAGE_SIZE_N ? errnoName(Number(number)) : undefined;
}

function chooseArea(mm: Mm, place: PlaceRequest): Result<number> {
  if (place.align > 1) {
    const misfit = place.pages % place.align !== 0 || !fixedFits(place);
    if (misfit) return fail('EINVAL');
  }
  // thp_get_unmapped_area: large anonymous areas are aligned to 2 MiB, found with that much to spare.
  const aligned =
    place.anonymous &&
    place.addr === 0n &&
    mm.arch === 'x86-64' &&
    place.pages % HUGE_PAGES === 0 &&
    !(place.flags & MAP_FIXED);
  if (aligned) {
    const padded = searchArea(mm, { ...place, pages: place.pages + HUGE_PAGES });
    if (padded.ok) return ok(alignPadded(mm, padded.value));
  }
  return searchArea(mm, place);
}

function fixedFits(place: PlaceRequest): boolean {
  return !(place.flags & MAP_FIXED) || place.addr % BigInt(place.align * PAGE_SIZE) === 0n;
}

function alignPadded(mm: Mm, start: number): number {
  const rest = (HUGE_PAGES - (start % HUGE_PAGES)) % HUGE_PAGES;
  return mm.layout.direction === 'top-down' && rest === 0 ? start + HUGE_PAGES : start + rest;
}

function searchArea(mm: Mm, place: PlaceRequest): Result<number> {
  const native = mm.layout.kernelBits === 32;
  const minPages = Number(mm.layout.mmapMinAddr >> 12n);
  if (native && place.pages > mm.taskPages - minPages) return fail('ENOMEM');
  if (place.flags & MAP_FIXED) return ok(0);
  if (mm.layout.direction === 'bottom-up') return searchBottomUp(mm, place);
  if (place.flags & MAP_32BIT && mm.arch === 'x86-64') return searchBottomUp(mm, place);
  const hint = hintPage(mm, place);
  if (hint !== undefined) return ok(hint);
  const found = highestGap(mm, minPages, Number(mm.layout.mmapBase >> 12n), place);
  // A failed search very likely ends the program: the kernel tries upwards as well.
  return found !== undefined ? ok(found) : searchBottomUp(mm, place);
}

function searchBottomUp(mm: Mm, place: PlaceRequest): Result<number> {
  const low32 = place.flags & MAP_32BIT && mm.arch === 'x86-64';
  const low = Number((low32 ? mm.layout.map32Base : mm.layout.legacyBase) >> 12n);
  const high = low32 ? PAGES_2GIB : mm.taskPages;
  const hint = hintPage(mm, place, high);
  if (hint !== undefined) return ok(hint);
  const found = lowestGap(mm, low, high, place);
  return found === undefined ? fail('ENOMEM') : ok(found);
}

/** A hint is taken when the range is free, the guard gap below a stack included. */
function hintPage(mm: Mm, place: PlaceRequest, limit = mm.taskPages): number | undefined {
  if (place.addr === 0n) return undefined;
  const page = alignUp(Number(place.addr >> 12n), place.align);
  if (limit - place.pages < page) return undefined;
  if (mm.layout.kernelBits === 32 && page < Number(mm.layout.mmapMinAddr >> 12n)) return undefined;
  const above = mm.list.at(mm.list.indexFrom(page));
  return above === undefined || page + place.pages <= gapStart(mm, above) ? page : undefined;
}

/** vm_start_gap: where free space ends below a VMA. */
export function gapStart(mm: Mm, vma: MappedVma): number {
  const guard = vma.flags & VM_GROWSDOWN ? mm.tuning.stackGuardPages : 0;
  return Math.max(0, vma.startPage - guard);
}

/**
 * unmapped_area_topdown: the highest place in [low, high). The guard gap of a growing mapping counts
 * where free space that would do ends at it, and from then on; a gap too small is passed over without.
 */
function highestGap(mm: Mm, low: number, high: number, place: PlaceRequest): number | undefined {
  const needed = place.pages + place.align - 1;
  let top = high;
  for (let index = mm.list.indexFrom(high - 1); ; index--) {
    index = mm.list.gapDown(index, needed);
    const above = mm.list.at(index);
    const below = mm.list.at(index - 1);
    const bottom = Math.max(low, below?.endPage ?? 0);
    const end = Math.min(top, above?.startPage ?? top);
    if (end - bottom >= needed) {
      top = above === undefined ? end : Math.min(end, gapStart(mm, above));
      if (top - bottom >= needed) return alignDown(top - place.pages, place.align);
    }
    if (below === undefined || below.startPage < low) return undefined;
    mm.frames.meter.charge('vma');
  }
}

/** unmapped_area: the lowest place in [low, high). */
function lowestGap(mm: Mm, low: number, high: number, place: PlaceRequest): number | undefined {
  const needed = place.pages + place.align - 1;
  for (let index = mm.list.indexFrom(low); ; index++) {
    index = mm.list.gapUp(index, needed);
    const above = mm.list.at(index);
    const bottom = Math.max(low, mm.list.at(index - 1)?.endPage ?? 0);
    const top = above === undefined ? high : Math.min(high, gapStart(mm, above));
    if (bottom + needed <= top) return alignUp(bottom, place.align);
    if (above === undefined || above.startPage >= high) return undefined;
    mm.frames.meter.charge('vma');
  }
}

function alignUp(page: number, align: number): number {
  return Math.ceil(page / align) * align;
}

function alignDown(page: number, align: number): number {
  return Math.floor(page / align) * align;
}
