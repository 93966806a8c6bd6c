/**
 * Page faults: what an access to a page meets, in the order of arch/x86/mm/fault.c and mm/memory.c:
 * the VMA (a stack grows first), its rights, the protection key, then the page itself.
 */
import { PAGE_SIZE } from '../../../base/address.js';
import type { Access } from '../../../base/outcome.js';
import {
  FAULT_BUS,
  FAULT_GENERAL_PROTECTION,
  FAULT_NO_MEMORY,
  FAULT_PKEY,
  FAULT_PROTECTION,
  FAULT_UNMAPPED,
  type FaultCause,
  HW_EXEC,
  HW_READ,
  HW_WRITE,
} from '../../../engine/engine.js';
import { addHistory } from '../../../memory/history.js';
import {
  ENTRY_GUARD,
  ENTRY_NONE,
  ENTRY_ZERO,
  entryFrame,
  frameEntry,
} from '../../../memory/page-table.js';
import { enoughMemory, mayExpand, mayLock } from './limits.js';
import type { Mm } from './mm.js';
import { readDenied, writeDenied } from './pkeys.js';
import { changed, hasSharedPages, type MappedVma } from './vmas/mapped-vma.js';
import {
  VM_ACCESS,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_JIT,
  VM_LOCKED,
  VM_LOCKONFAULT,
  VM_SHARED,
  VM_WRITE,
} from './vmas/vma.js';

/**
 * Translate of the engine port: `frame * 8 + HW_*`, or a FaultCause. First touch, copy on write and
 * stack growth happen here. HW_WRITE is granted only when the frame may be written in place.
 */
export function translate(mm: Mm, page: number, access: Access): number {
  if (access === 'exec' && aboveLimit(mm, page)) return FAULT_GENERAL_PROTECTION;
  const vma = mm.list.find(page) ?? growStack(mm, page);
  if (vma === undefined) return FAULT_UNMAPPED;
  const refused = refusedAccess(mm, vma, access);
  if (refused === undefined) return pageFor(mm, vma, page, access);
  if (!fetchFaultsIn(mm, vma, access, refused)) return refused;
  const faulted = pageFor(mm, vma, page, 'read');
  return faulted < 0 ? faulted : refused;
}

/** The page behind an access that is allowed: brought in, copied or made. */
export function pageFor(mm: Mm, vma: MappedVma, page: number, access: Access): number {
  return hasSharedPages(vma)
    ? sharedPage(mm, vma, page, access)
    : privatePage(mm, vma, page, access);
}

/**
 * access_error does not tell a fetch from a read while no page is present: the page is brought in,
 * and only the second fault finds that it may not be executed. So a fetch past the end of a file is
 * SIGBUS whatever the VMA's rights are.
 */
function fetchFaultsIn(mm: Mm, vma: MappedVma, access: Access, refused: FaultCause): boolean {
  return access === 'exec' && refused === FAULT_PROTECTION && hardwareRights(mm, vma) !== 0;
}

/** The fault that `translate` would answer with, without doing anything; undefined when it would succeed. */
export function explainAccess(mm: Mm, page: number, access: Access): FaultCause | undefined {
  if (access === 'exec' && aboveLimit(mm, page)) return FAULT_GENERAL_PROTECTION;
  const vma = mm.list.find(page) ?? growableInto(mm, page);
  if (vma === undefined) return FAULT_UNMAPPED;
  const refused = refusedAccess(mm, vma, access);
  if (refused !== undefined && !fetchFaultsIn(mm, vma, access, refused)) return refused;
  const entry = mm.pages.get(page);
  if (entry === ENTRY_GUARD) return FAULT_UNMAPPED;
  if (entry === ENTRY_NONE && pastEnd(vma, page)) return FAULT_BUS;
  return refused;
}

/** Behind the code segment's end, which is always the end of a VMA. */
function aboveLimit(mm: Mm, page: number): boolean {
  const limit = mm.fetchLimit;
  return limit !== undefined && page >= limit;
}

/** What the MMU makes of the VMA's rights: writing implies reading, so does executing without a key. */
export function hardwareRights(mm: Mm, vma: MappedVma): number {
  const rights = effectiveAccess(mm, vma);
  if (rights === 0) return 0;
  const unreadable = mm.policies.effects?.executeOnly === true && rights === VM_EXEC;
  const read = unreadable || readDenied(mm, vma.pkey) ? 0 : HW_READ;
  const write = rights & VM_WRITE && !writeDenied(mm, vma.pkey) ? HW_WRITE : 0;
  const exec = rights & VM_EXEC || (!mm.nx && !aboveLimit(mm, vma.startPage)) ? HW_EXEC : 0;
  return read | write | exec;
}

/** A thread has one of the two rights of MAP_JIT memory; and not all that may execute by its rights does. */
function effectiveAccess(mm: Mm, vma: MappedVma): number {
  const { mapJit, mayFetch } = mm.policies.effects ?? {};
  const rights = vma.flags & VM_ACCESS;
  if (rights & VM_EXEC && mayFetch?.(vma) === false) return rights & ~VM_EXEC;
  if (mapJit !== 'by-thread' || !(vma.flags & VM_JIT)) return rights;
  return rights & ~(mm.jitWriteProtect ? VM_WRITE : VM_EXEC);
}

/** access_error and bad_area_access_error: a key that forbids the access is named before the rights. */
function refusedAccess(mm: Mm, vma: MappedVma, access: Access): FaultCause | undefined {
  if (access === 'read' && readDenied(mm, vma.pkey)) return FAULT_PKEY;
  if (access === 'write' && writeDenied(mm, vma.pkey)) return FAULT_PKEY;
  const needed = access === 'read' ? HW_READ : access === 'write' ? HW_WRITE : HW_EXEC;
  return hardwareRights(mm, vma) & needed ? undefined : FAULT_PROTECTION;
}

function pastEnd(vma: MappedVma, page: number): boolean {
  const object = vma.object;
  if (object === undefined || object.readsAsZero) return false;
  return vma.pageOffset + (page - vma.startPage) >= Math.ceil(object.size / PAGE_SIZE);
}

/** The object is asked at each miss, so that every mapping follows it when its frames change. */
function sharedPage(mm: Mm, vma: MappedVma, page: number, access: Access): number {
  const object = vma.object!;
  if (mm.pages.get(page) === ENTRY_GUARD) return FAULT_UNMAPPED;
  if (pastEnd(vma, page)) return FAULT_BUS;
  const index = vma.pageOffset + (page - vma.startPage);
  const frame = object.frame(index, access === 'write');
  if (frame === undefined) return FAULT_NO_MEMORY;
  return answer(mm, vma, frame);
}

function privatePage(mm: Mm, vma: MappedVma, page: number, access: Access): number {
  const entry = mm.pages.get(page);
  const frame = entryFrame(entry);
  if (frame >= 0) return ownPage(mm, vma, page, frame, access);
  if (entry === ENTRY_GUARD) return FAULT_UNMAPPED;
  if (pastEnd(vma, page)) {
    // do_cow_fault prepares for its copy before it asks the file.
    if (access === 'write') mm.prepareAnon(vma);
    return FAULT_BUS;
  }
  if (vma.object === undefined || vma.object.readsAsZero) {
    return access === 'write' ? newPage(mm, vma, page, undefined) : zeroPage(mm, vma, page);
  }
  const index = vma.pageOffset + (page - vma.startPage);
  const source = vma.object.frame(index, false);
  if (source === undefined) return FAULT_NO_MEMORY;
  if (access === 'write') return newPage(mm, vma, page, source);
  return source * 8 + (hardwareRights(mm, vma) & ~HW_WRITE);
}

/** do_anonymous_page: reading shows the zero page, which has no anon_vma yet. */
function zeroPage(mm: Mm, vma: MappedVma, page: number): number {
  mm.zeroFrame ??= mm.frames.acquireZero();
  if (mm.zeroFrame === undefined) return FAULT_NO_MEMORY;
  if (mm.pages.get(page) === ENTRY_NONE) {
    if (!mm.pages.hasRoomFor(page)) return FAULT_NO_MEMORY;
    mm.frames.meter.charge('firstAccess');
    mm.pages.set(page, ENTRY_ZERO);
  }
  return mm.zeroFrame * 8 + (hardwareRights(mm, vma) & ~HW_WRITE);
}

/** do_anonymous_page and do_cow_fault: the first private page of its own, a copy of `source` if there is one. */
function newPage(mm: Mm, vma: MappedVma, page: number, source: number | undefined): number {
  if (!mm.pages.hasRoomFor(page)) return FAULT_NO_MEMORY;
  const frame = source === undefined ? mm.frames.allocate() : mm.frames.copy(source);
  if (frame === undefined) return FAULT_NO_MEMORY;
  mm.frames.meter.charge('firstAccess');
  const prepared = mm.prepareAnon(vma);
  mm.pages.set(page, frameEntry(frame));
  // What was readable through another frame until now.
  mm.flushTlb(page, 1);
  return answer(mm, prepared, frame);
}

/** do_wp_page: a page that a fork or a snapshot holds as well is copied before it is written. */
function ownPage(mm: Mm, vma: MappedVma, page: number, frame: number, access: Access): number {
  if (access !== 'write' || !mm.frames.shared(frame)) return answer(mm, vma, frame);
  const copy = mm.frames.copy(frame);
  if (copy === undefined) return FAULT_NO_MEMORY;
  const prepared = mm.prepareAnon(vma);
  mm.frames.release(frame);
  mm.pages.set(page, frameEntry(copy));
  mm.flushTlb(page, 1);
  return answer(mm, prepared, copy);
}

function answer(mm: Mm, vma: MappedVma, frame: number): number {
  const rights = hardwareRights(mm, vma);
  return frame * 8 + (mm.frames.shared(frame) ? rights & ~HW_WRITE : rights);
}

/** The stack VMA above the page, if it may grow down to it (expand_downwards, acct_stack_growth). */
function growableInto(mm: Mm, page: number): MappedVma | undefined {
  const index = mm.list.indexFrom(page);
  const vma = mm.list.at(index);
  if (vma === undefined || !(vma.flags & VM_GROWSDOWN)) return undefined;
  if (page < Number(mm.layout.mmapMinAddr >> 12n)) return undefined;
  const below = mm.list.at(index - 1);
  const guarded =
    below !== undefined && !(below.flags & VM_GROWSDOWN) && (below.flags & VM_ACCESS) !== 0;
  if (guarded && page - below.endPage < mm.tuning.stackGuardPages) return undefined;
  const grow = vma.startPage - page;
  if (grow > vma.pageOffset) return undefined;
  if (BigInt(vma.endPage - page) << 12n > mm.limits.stack) return undefined;
  const allowed =
    mayExpand(mm, vma.flags, grow) && mayLock(mm, vma.flags, grow) && enoughMemory(mm, grow);
  return allowed ? vma : undefined;
}

/** expand_stack: an access below a growing VMA extends it, whatever the stack pointer says (since 4.20). */
export function growStack(mm: Mm, page: number): MappedVma | undefined {
  const vma = growableInto(mm, page);
  if (vma === undefined) return undefined;
  const prepared = mm.prepareAnon(vma);
  const range = { startPage: page, endPage: vma.startPage };
  const entry = { ...mm.historyEntry(range, undefined, vma.flags), cause: 'stack growth' };
  const grown = changed(prepared, {
    startPage: page,
    pageOffset: vma.pageOffset - (vma.startPage - page),
    history: addHistory(vma.history, entry),
  });
  mm.list.replace(prepared, grown);
  mm.report({ op: 'change', before: vma, after: grown, cause: 'stack growth' });
  if (grown.flags & VM_LOCKED) populate(mm, page, vma.startPage);
  return grown;
}

/**
 * __mm_populate: touches every page of [start, end) as its mapping allows, writing to private writable
 * ones. The first fault that it met, or undefined. `ignoreErrors` (mmap) goes on with the next VMA. Ends early
 * when the run has nothing left to spend.
 */
export function populate(
  mm: Mm,
  start: number,
  end: number,
  ignoreErrors = true,
): FaultCause | undefined {
  let first: FaultCause | undefined;
  for (let page = start; page < end && !mm.frames.meter.exhausted; ) {
    const vma = mm.list.at(mm.list.indexFrom(page));
    if (vma === undefined || vma.startPage >= end) break;
    const stop = Math.min(end, vma.endPage);
    if (!(vma.flags & VM_LOCKONFAULT)) {
      const fault = touch(mm, vma, Math.max(page, vma.startPage), stop);
      first ??= fault;
      if (fault === FAULT_NO_MEMORY || (fault !== undefined && !ignoreErrors)) break;
    }
    page = stop;
  }
  return first;
}

function touch(mm: Mm, vma: MappedVma, start: number, end: number): FaultCause | undefined {
  const access = (vma.flags & (VM_WRITE | VM_SHARED)) === VM_WRITE ? 'write' : 'read';
  const { meter } = mm.frames;
  for (let page = start; page < end && !meter.exhausted; page++) {
    meter.charge('page');
    const result = translate(mm, page, access);
    if (result < 0) return result as FaultCause;
  }
  return undefined;
}
