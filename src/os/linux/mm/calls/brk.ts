/** brk (mm/mmap.c) and do_brk_flags (mm/vma.c), which also makes the bss of a program. */

import { MAP_FIXED, READ_IMPLIES_EXEC } from '../../../../abi/linux/mman.js';
import { type Addr, pageUp } from '../../../../base/address.js';
import { fail, ok, type Result } from '../../../../base/result.js';
import type { Ruling } from '../../../../base/verdict.js';
import { populate } from '../fault.js';
import type { MapRequest } from '../hooks.js';
import { enoughMemory, mayExpand, mayLock, RLIM_INFINITY } from '../limits.js';
import type { Mm } from '../mm.js';
import { gapStart, placeMapping } from '../placement/gap.js';
import type { MappedVma } from '../vmas/mapped-vma.js';
import { insertMerged } from '../vmas/merge.js';
import {
  VM_ACCOUNT,
  VM_EXEC,
  VM_LOCKED,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_READ,
  VM_WRITE,
  type VmFlags,
} from '../vmas/vma.js';
import { unmapRange } from './munmap.js';

/** VM_DATA_DEFAULT_FLAGS: what READ_IMPLIES_EXEC adds included. */
export function dataFlags(mm: Mm): VmFlags {
  const exec = mm.personality & READ_IMPLIES_EXEC ? VM_EXEC : 0;
  return VM_READ | VM_WRITE | exec | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
}

/** The new end of the heap, or the present one when it cannot be moved: brk knows no errno. */
export function brk(mm: Mm, wanted: Addr): Addr {
  const limit = mm.limits.data;
  if (wanted < mm.startBrk) return mm.brkEnd;
  const used = wanted - mm.startBrk + (mm.endData - mm.startData);
  if (limit !== RLIM_INFINITY && used > limit) return mm.brkEnd;
  const newEnd = heapPages(mm, wanted);
  const oldEnd = heapPages(mm, mm.brkEnd);
  if (newEnd !== oldEnd) {
    const moved = wanted <= mm.brkEnd ? shrink(mm, newEnd, oldEnd) : grow(mm, oldEnd, newEnd);
    if (!moved.ok) return mm.brkEnd;
  }
  mm.brkEnd = wanted;
  if (newEnd > oldEnd && mm.defFlags & VM_LOCKED) populate(mm, oldEnd, newEnd);
  return wanted;
}

/** End of the heap in pages; one that starts inside a page is empty while it ends where it starts. */
function heapPages(mm: Mm, end: Addr): number {
  const pages = Number(pageUp(end) >> 12n);
  return end === mm.startBrk && end & 0xfffn ? pages - 1 : pages;
}

function shrink(mm: Mm, newEnd: number, oldEnd: number): Result<0> {
  const first = mm.list.at(mm.list.indexFrom(newEnd));
  if (first === undefined || first.startPage >= oldEnd) return fail('EINVAL');
  return unmapRange(mm, newEnd, oldEnd);
}

function grow(mm: Mm, oldEnd: number, newEnd: number): Result<0> {
  const pages = newEnd - oldEnd;
  const limits = checkBrkLimits(mm, oldEnd, pages);
  if (!limits.ok) return limits;
  // One page and the guard gap of a stack stay free above the heap.
  const above = mm.list.at(mm.list.indexFrom(oldEnd));
  if (above !== undefined && newEnd + 1 > gapStart(mm, above)) return fail('ENOMEM');
  return linkBrk(mm, oldEnd, pages, 0, 'brk');
}

function checkBrkLimits(mm: Mm, start: number, pages: number): Result<0> {
  const placed = placeMapping(mm, {
    addr: BigInt(start) << 12n,
    pages,
    flags: MAP_FIXED,
    anonymous: true,
    align: 1,
  });
  if (!placed.ok) return placed;
  return mayLock(mm, mm.defFlags, pages) ? ok(0) : fail('EAGAIN');
}

/**
 * vm_brk_flags: zeroed memory of a program (bss). What is mapped there goes first. No policy is asked
 * but the one for pages that appear without mmap.
 */
export function brkRegion(mm: Mm, start: Addr, length: bigint, exec: boolean): Result<0> {
  const pages = Number(pageUp(length) >> 12n);
  if (pages === 0) return ok(0);
  const first = Number(start >> 12n);
  const limits = checkBrkLimits(mm, first, pages);
  if (!limits.ok) return limits;
  const unmapped = unmapRange(mm, first, first + pages);
  if (!unmapped.ok) return unmapped;
  return linkBrk(mm, first, pages, exec ? VM_EXEC : 0, 'exec');
}

/** do_brk_flags: joins with the VMA below only, and never with what lay below start_brk. */
function linkBrk(
  mm: Mm,
  start: number,
  pages: number,
  extra: VmFlags,
  origin: MapRequest['origin'],
): Result<0> {
  const asked = dataFlags(mm) | extra | VM_ACCOUNT | mm.defFlags;
  if (!mayExpand(mm, asked, pages)) return fail('ENOMEM');
  if (mm.list.length > mm.maxMapCount) return fail('ENOMEM');
  if (!enoughMemory(mm, pages)) return fail('ENOMEM');
  const ruling = askImplicit(mm, implicitRequest(start, pages, asked, origin));
  const flags = ruling.kind === 'narrow' ? asked & ruling.flags : asked;
  const range = { startPage: start, endPage: start + pages };
  const vma = mm.newVma({ ...range, flags, pageOffset: start }, ruling);
  const below = mm.list.at(mm.list.indexFrom(start) - 1);
  const heapBelow = below !== undefined && reachesHeap(mm, below, origin);
  if (heapBelow) insertMerged(mm.list, vma, 'heap');
  else mm.list.insert(vma);
  mm.emit('insert', undefined, vma, ruling);
  return ok(0);
}

/** vma_prev_limit(start_brk): what ends at or below the start of the heap is not joined by brk. */
function reachesHeap(mm: Mm, below: MappedVma, origin: MapRequest['origin']): boolean {
  return origin !== 'brk' || below.end > mm.startBrk;
}

/** Narrowing only: what appears without mmap is not refused. */
export function askImplicit(mm: Mm, request: MapRequest): Ruling {
  const ruling = mm.policies.ask('implicit', request, mm.facts);
  mm.hear(ruling);
  return ruling;
}

/** The policies' view of pages that appear without mmap. */
export function implicitRequest(
  start: number,
  pages: number,
  flags: VmFlags,
  origin: MapRequest['origin'],
): MapRequest {
  return {
    range: { start: BigInt(start) << 12n, end: BigInt(start + pages) << 12n },
    prot: flags & (VM_READ | VM_WRITE | VM_EXEC),
    mapFlags: 0,
    flags,
    object: undefined,
    origin,
  };
}
