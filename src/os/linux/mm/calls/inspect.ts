/** Calls that look at mappings or mark them: msync, mincore, mseal (mm/msync.c, mm/mincore.c, mm/mseal.c), remap_file_pages. */

import {
  MAP_FIXED,
  MAP_LOCKED,
  MAP_NONBLOCK,
  MAP_POPULATE,
  MAP_SHARED,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
} from '../../../../abi/linux/mman.js';
import { type Addr, pageUp } from '../../../../base/address.js';
import { fail, ok, type Result } from '../../../../base/result.js';
import type { Mm } from '../mm.js';
import { inCore } from '../resident.js';
import type { MappedVma } from '../vmas/mapped-vma.js';
import { modifyRange } from '../vmas/merge.js';
import { VM_ACCESS, VM_LOCKED, VM_MAYEXEC, VM_SHARED } from '../vmas/vma.js';
import { mmap } from './mmap.js';
import { alignLength } from './munmap.js';

/** msync writes nothing: an object's pages are what its readers see. Holes are skipped and reported. */
export function msync(mm: Mm, addr: Addr, length: bigint, flags: number): Result<0> {
  if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || addr & 0xfffn) return fail('EINVAL');
  if (flags & MS_ASYNC && flags & MS_SYNC) return fail('EINVAL');
  const end = Number(addr >> 12n) + Number(alignLength(mm, length) >> 12n);
  if (end >= mm.wordPages) return fail('ENOMEM');
  let holes = false;
  for (let page = Number(addr >> 12n); page < end; ) {
    const vma = mm.list.at(mm.list.indexFrom(page));
    if (vma === undefined) return fail('ENOMEM');
    mm.frames.meter.charge('vma');
    if (page < vma.startPage) {
      if (flags === MS_ASYNC || vma.startPage >= end) return fail('ENOMEM');
      holes = true;
    }
    if (flags & MS_INVALIDATE && vma.flags & VM_LOCKED) return fail('EBUSY');
    page = vma.endPage;
  }
  return holes ? fail('ENOMEM') : ok(0);
}

/** One byte per page: 1 when it is in memory. ENOMEM at a hole. The caller asks for a limited number at a time. */
export function mincore(mm: Mm, addr: Addr, length: bigint): Result<Uint8Array> {
  if (addr & 0xfffn) return fail('EINVAL');
  if (addr + length > mm.layout.taskSize) return fail('ENOMEM');
  const start = Number(addr >> 12n);
  const bytes = new Uint8Array(Number(pageUp(length) >> 12n));
  mm.frames.meter.charge('object', bytes.length);
  for (let i = 0; i < bytes.length; ) {
    const vma = mm.list.find(start + i);
    if (vma === undefined) return fail('ENOMEM');
    const stop = Math.min(bytes.length, vma.endPage - start);
    for (; i < stop; i++) bytes[i] = inCore(mm, vma, start + i) ? 1 : 0;
  }
  return ok(bytes);
}

/** mseal: nothing is sealed when there is a hole. */
export function mseal(mm: Mm, addr: Addr, length: bigint, flags: bigint): Result<0> {
  if (flags !== 0n || addr & 0xfffn) return fail('EINVAL');
  const bytes = alignLength(mm, length);
  if (length !== 0n && bytes === 0n) return fail('EINVAL');
  const start = Number(addr >> 12n);
  const end = start + Number(bytes >> 12n);
  if (end >= mm.wordPages) return fail('EINVAL');
  if (hasHole(mm, start, end)) return fail('ENOMEM');
  for (let page = start; page < end; ) {
    const vma = mm.list.find(page)!;
    const stop = Math.min(vma.endPage, end);
    if (!vma.sealed) {
      const sealed = { sealed: true };
      const modified = modifyRange(mm.list, vma, page, stop, sealed, mm.maxMapCount);
      if (!modified.ok) return modified;
    }
    page = stop;
  }
  return ok(0);
}

function hasHole(mm: Mm, start: number, end: number): boolean {
  for (let page = start; page < end; ) {
    const vma = mm.list.find(page);
    if (vma === undefined) return true;
    mm.frames.meter.charge('vma');
    page = vma.endPage;
  }
  return false;
}

/** remap_file_pages: emulated by a fresh MAP_SHARED | MAP_FIXED mapping with the rights that the VMA has. */
export function remapFilePages(
  mm: Mm,
  addr: Addr,
  length: bigint,
  prot: bigint,
  pageOffset: bigint,
  flags: bigint,
): Result<0> {
  const start = addr & ~0xfffn;
  const size = length & ~0xfffn;
  const wrap = 1n << BigInt(mm.layout.kernelBits);
  if (prot !== 0n || size === 0n || start + size >= wrap) return fail('EINVAL');
  if (pageOffset + (size >> 12n) >= wrap) return fail('EINVAL');
  const vma = mm.list.find(Number(start >> 12n));
  if (vma === undefined || !(vma.flags & VM_SHARED) || vma.object === undefined) {
    return fail('EINVAL');
  }
  if (!uniform(mm, vma, Number((start + size) >> 12n))) return fail('EINVAL');
  const keep = Number(flags) & MAP_NONBLOCK;
  const locked = vma.flags & VM_LOCKED ? MAP_LOCKED : 0;
  // get_file: the mapping that goes may be the last that holds the object.
  const { object } = vma;
  object.retain?.();
  const mapped = mmap(mm, {
    addr: start,
    length: size,
    prot: vma.flags & VM_ACCESS,
    flags: keep | locked | MAP_SHARED | MAP_FIXED | MAP_POPULATE,
    pageOffset,
    file: {
      object,
      readable: true,
      writable: true,
      appendOnly: false,
      // What the mapping could never become it does not become by this way either.
      noexecMount: !(vma.flags & VM_MAYEXEC),
      mappable: true,
      ...(vma.description === undefined ? {} : { description: vma.description }),
    },
  });
  object.release?.();
  return mapped.ok ? ok(0) : mapped;
}

/** Up to `end` there are only VMAs of the same file with the same flags, without holes. */
function uniform(mm: Mm, first: MappedVma, end: number): boolean {
  for (let vma = first; vma.endPage < end; ) {
    const next = mm.list.find(vma.endPage);
    if (next === undefined || next.flags !== first.flags) return false;
    if (next.description !== first.description || next.pkey !== first.pkey) return false;
    if (next.sealed !== first.sealed) return false;
    vma = next;
  }
  return true;
}
