/** Assertions about an address space, for tests: recomputes by the slow way what is kept up to date. */
import { InvariantError } from '../../../../base/errors.js';
import { ENTRY_ZERO, entryFrame } from '../../../../memory/page-table.js';
import type { Mm } from '../mm.js';
import { hasSharedPages, isData, type MappedVma, pageCount } from './mapped-vma.js';
import { VM_ACCESS, VM_ACCOUNT, VM_LOCKED, VM_MAYSHARE, VM_SHARED } from './vma.js';

export function checkInvariants(mm: Mm): void {
  let end = 0;
  const counters = { total: 0, data: 0, locked: 0, accounted: 0, shared: 0 };
  for (const vma of mm.list.items) {
    if (vma.startPage < end) bad(vma, 'overlaps the one below it or is out of order');
    checkVma(mm, vma);
    end = vma.endPage;
    counters.total += pageCount(vma);
    if (isData(vma.flags)) counters.data += pageCount(vma);
    if (vma.flags & VM_LOCKED) counters.locked += pageCount(vma);
    if (vma.flags & VM_ACCOUNT) counters.accounted += pageCount(vma);
    if (vma.flags & VM_SHARED) counters.shared += pageCount(vma);
  }
  const kept = JSON.stringify(mm.list.counters);
  if (kept !== JSON.stringify(counters)) {
    throw new InvariantError(`counters are ${kept}, the VMAs say ${JSON.stringify(counters)}`);
  }
  checkPages(mm);
}

function checkVma(mm: Mm, vma: MappedVma): void {
  if (vma.startPage >= vma.endPage) bad(vma, 'is empty or backwards');
  if (vma.end > mm.layout.taskSize) bad(vma, 'reaches past the task size');
  if (vma.start !== BigInt(vma.startPage) << 12n || vma.end !== BigInt(vma.endPage) << 12n) {
    bad(vma, 'has addresses and page numbers that differ');
  }
  if (vma.anonVma !== (vma.anon !== undefined))
    bad(vma, 'has anonVma without anon, or the reverse');
  if (vma.flags & VM_SHARED && !(vma.flags & VM_MAYSHARE))
    bad(vma, 'is shared but not VM_MAYSHARE');
  if (vma.flags & VM_MAYSHARE && vma.object === undefined) bad(vma, 'is shared without an object');
  if (hasSharedPages(vma) && vma.anon !== undefined) bad(vma, 'is shared but has an anon_vma');
  const rights = vma.flags & VM_ACCESS;
  if (rights & ~(vma.flags >> 4)) bad(vma, 'has a right without its may bit');
}

/** Every page of its own lies in a private VMA, and one that was written in one with an anon_vma. */
function checkPages(mm: Mm): void {
  let frames = 0;
  mm.pages.forEach(0, mm.wordPages, (page, entry) => {
    const vma = mm.list.find(page);
    if (vma === undefined) throw new InvariantError(`page ${page.toString(16)} is in no VMA`);
    const frame = entryFrame(entry);
    if (entry === ENTRY_ZERO && hasSharedPages(vma)) bad(vma, 'is shared and has a zero page');
    if (frame < 0) return;
    frames++;
    if (hasSharedPages(vma)) bad(vma, 'is shared and has pages of its own');
    if (vma.anon === undefined) bad(vma, 'has written pages but no anon_vma');
    if (mm.frames.owners(frame) === 0) bad(vma, `has the free frame ${frame}`);
  });
  if (frames !== mm.pages.frames) {
    throw new InvariantError(`the page table counts ${mm.pages.frames} frames and has ${frames}`);
  }
}

function bad(vma: MappedVma, what: string): never {
  const range = `${vma.start.toString(16)}-${vma.end.toString(16)}`;
  throw new InvariantError(`VMA ${range} (flags 0x${vma.flags.toString(16)}) ${what}`);
}
