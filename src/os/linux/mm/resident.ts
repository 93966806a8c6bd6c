/**
 * How much of an address space is in memory, and the most that it ever was (VmHWM, VmPeak). As in the
 * kernel the peaks are noted only when something is about to go (update_hiwater_rss, update_hiwater_vm);
 * whoever reads them takes the present size into account.
 */

import type { Meter } from '../../../base/meter.js';
import { ENTRY_GUARD, ENTRY_NONE, entryFrame, type PageTable } from '../../../memory/page-table.js';
import type { MappedVma } from './vmas/mapped-vma.js';
import { VM_SHARED, type Vma } from './vmas/vma.js';
import type { VmaList } from './vmas/vma-list.js';

/** In pages. */
export interface HighWater {
  readonly mapped: number;
  readonly resident: number;
}

/** What of an Mm is counted here. */
interface Pages {
  readonly pages: PageTable;
}

interface Measured extends Pages {
  readonly highWater: HighWater;
  readonly list: VmaList;
  readonly frames: { readonly meter: Meter };
}

/** Page `page` of a VMA is in memory: it has an entry, or its object keeps it (what mincore tells). */
export function inCore(mm: Pages, vma: MappedVma, page: number): boolean {
  const entry = mm.pages.get(page);
  if (entry !== ENTRY_NONE && entry !== ENTRY_GUARD) return true;
  const index = vma.pageOffset + (page - vma.startPage);
  return vma.object?.resident?.(index) ?? false;
}

/** What smaps_account() counts: pages of zeros do not, nor those of a file behind a private mapping. */
export function residentPages(
  mm: Pages,
  vma: Vma,
): { readonly own: number; readonly shared: number } {
  const start = Number(vma.start >> 12n);
  let own = 0;
  mm.pages.forEach(start, Number(vma.end >> 12n), (_page, entry) => {
    if (entryFrame(entry) >= 0) own++;
  });
  return { own, shared: sharedPages(vma) };
}

function sharedPages({ start, end, flags, object, pageOffset }: Vma): number {
  if (!(flags & VM_SHARED)) return 0;
  return object?.residentIn?.(pageOffset, pageOffset + Number((end - start) >> 12n)) ?? 0;
}

/** The peaks up to now. */
export function highWater({
  highWater: { mapped, resident },
  list,
  pages,
  frames,
}: Measured): HighWater {
  const { total, shared } = list.counters;
  let common = 0;
  for (const object of shared === 0 ? [] : list.objects) {
    frames.meter.charge('vma', list.vmasOf(object).size);
    for (const vma of list.vmasOf(object)) common += sharedPages(vma);
  }
  return {
    mapped: Math.max(mapped, total),
    resident: Math.max(resident, pages.frames + common),
  };
}
