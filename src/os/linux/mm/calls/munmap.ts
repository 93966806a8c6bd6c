/** munmap (mm/vma.c: do_vmi_munmap, vms_gather_munmap_vmas) and what else takes mappings away. */
import { type Addr, PAGE_SHIFT } from '../../../../base/address.js';
import { fail, ok, type Result } from '../../../../base/result.js';
import type { Mm } from '../mm.js';
import { pageCount, part } from '../vmas/mapped-vma.js';
import { splittable } from '../vmas/merge.js';
import { VM_ACCOUNT } from '../vmas/vma.js';

/** The VMAs that an unmapping takes, after its splits: `count` from `index`. */
export interface Gathered {
  readonly index: number;
  readonly count: number;
  /** Pages in all, and those that are accounted. */
  readonly pages: number;
  readonly accounted: number;
}

export function munmap(mm: Mm, addr: Addr, length: bigint): Result<0> {
  if (addr & 0xfffn) return fail('EINVAL');
  const task = mm.layout.taskSize;
  const bytes = alignLength(mm, length);
  if (addr > task || bytes > task - addr || bytes === 0n) return fail('EINVAL');
  const start = Number(addr >> BigInt(PAGE_SHIFT));
  return unmapRange(mm, start, start + Number(bytes >> BigInt(PAGE_SHIFT)));
}

/** PAGE_ALIGN in the kernel's word: a length close to its end becomes 0. */
export function alignLength(mm: Mm, length: bigint): bigint {
  return BigInt.asUintN(mm.layout.kernelBits, (length + 0xfffn) & ~0xfffn);
}

/** do_vmi_align_munmap: all or nothing, holes do not matter. */
export function unmapRange(mm: Mm, start: number, end: number): Result<0> {
  const gathered = gather(mm, start, end);
  if (!gathered.ok) return gathered;
  removeGathered(mm, start, end, gathered.value);
  return ok(0);
}

/**
 * vms_gather_munmap_vmas: splits what crosses the ends of [start, end). When it fails, nothing is
 * unmapped but a split that was made stays, as the guest can see in its maps.
 */
export function gather(mm: Mm, start: number, end: number): Result<Gathered> {
  const { list } = mm;
  let index = list.indexFrom(start);
  const first = list.at(index);
  if (first === undefined || first.startPage >= end) {
    return ok({ index, count: 0, pages: 0, accounted: 0 });
  }
  if (first.startPage < start) {
    if (end < first.endPage && list.length >= mm.maxMapCount) return fail('ENOMEM');
    if (first.sealed) return fail('EPERM');
    if (!splittable(first, start)) return fail('EINVAL');
    list.splice(index, 1, [part(first, first.startPage, start), part(first, start, first.endPage)]);
    index++;
  }
  let count = 0;
  let pages = 0;
  let accounted = 0;
  for (; ; count++) {
    let vma = list.at(index + count);
    if (vma === undefined || vma.startPage >= end) break;
    if (vma.sealed) return fail('EPERM');
    if (vma.endPage > end) {
      if (!splittable(vma, end)) return fail('EINVAL');
      const kept = part(vma, end, vma.endPage);
      vma = part(vma, vma.startPage, end);
      list.splice(index + count, 1, [vma, kept]);
    }
    pages += pageCount(vma);
    if (vma.flags & VM_ACCOUNT) accounted += pageCount(vma);
  }
  return ok({ index, count, pages, accounted });
}

/** Takes gathered VMAs and their pages away. */
export function removeGathered(mm: Mm, start: number, end: number, gathered: Gathered): void {
  if (gathered.count === 0) return;
  const { index, count } = gathered;
  const gone = mm.list.slice(index, count);
  // Pages first: a hidden object's frames may go with its last VMA.
  mm.zapPages(start, end);
  mm.list.splice(index, count);
  for (const vma of gone) mm.emit('remove', vma, undefined);
}
