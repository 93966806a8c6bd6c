/**
 * Copies of an address space: fork (kernel/fork.c:dup_mmap) and snapshots. Neither copies a page:
 * both keep the frames with one more owner, and whoever writes first makes the copy.
 */

import { PR_MDWE_NO_INHERIT } from '../../../abi/linux/mman.js';
import { InvariantError } from '../../../base/errors.js';
import type { MemoryObject, ObjectState } from '../../../memory/object.js';
import { entryFrame, type PageMark, type PageTable } from '../../../memory/page-table.js';
import type { Mm } from './mm.js';
import { changed, type MappedVma } from './vmas/mapped-vma.js';
import { VM_DONTCOPY, VM_LOCKED_MASK, VM_MAYBE_GUARD, VM_WIPEONFORK } from './vmas/vma.js';

/** What fork and snapshots copy beside VMAs and pages. */
const PLAIN_FIELDS = [
  'personality',
  'restrictedWx',
  'mdwe',
  'defFlags',
  'startBrk',
  'brkEnd',
  'startStack',
  'startCode',
  'endCode',
  'startData',
  'endData',
  'argStart',
  'argEnd',
  'envStart',
  'envEnd',
  'pkeyMap',
  'executeOnlyPkey',
  'cause',
  'killed',
  'highWater',
] as const satisfies readonly (keyof Mm)[];
type PlainState = Pick<Mm, (typeof PLAIN_FIELDS)[number]>;

function plainState(mm: Mm): PlainState {
  return Object.fromEntries(PLAIN_FIELDS.map((name) => [name, mm[name]])) as PlainState;
}

/** Everything of an address space at one moment. Opaque to its holder, who gives it back to `dropSnapshot`. */
export interface MmSnapshot {
  readonly owner: Mm;
  readonly plain: PlainState;
  readonly limits: Mm['limits'];
  readonly vmas: readonly MappedVma[];
  /** The list's state, and the page table's, by identity. */
  readonly list: object;
  readonly mark: PageMark;
  readonly pages: PageTable;
  readonly objects: ReadonlyMap<MemoryObject, ObjectState | undefined>;
}

/** `objects` beyond those that are mapped: what the file system and descriptors hold. */
export function takeSnapshot(mm: Mm, objects: Iterable<MemoryObject> = []): MmSnapshot {
  const all = new Set<MemoryObject>([...mm.list.objects, ...objects]);
  const states = new Map<MemoryObject, ObjectState | undefined>();
  for (const object of all) {
    object.retain?.();
    states.set(object, object.saveState?.());
  }
  retainPages(mm, mm.pages);
  // Frames have one more owner now: what may be written in place must be asked for again.
  mm.flushTlb();
  const mark = {};
  mm.pages.mark(mark);
  return {
    owner: mm,
    plain: plainState(mm),
    limits: { ...mm.limits },
    vmas: mm.list.items,
    list: mm.list.state,
    mark,
    pages: mm.pages.clone(),
    objects: states,
  };
}

/** May be done any number of times. What has not changed since the snapshot was taken, or last restored, stays. */
export function restoreSnapshot(mm: Mm, snapshot: MmSnapshot): void {
  if (snapshot.owner !== mm) throw new InvariantError('the snapshot is of another address space');
  const changes = restorePages(mm, snapshot);
  const isOtherList = mm.list.restore(snapshot.list, snapshot.vmas);
  for (const [object, state] of snapshot.objects) {
    if (state !== undefined) object.restoreState?.(state);
  }
  Object.assign(mm, snapshot.plain);
  Object.assign(mm.limits, snapshot.limits);
  // What a watch lets pass is not known here.
  if (changes === undefined || isOtherList || mm.watch !== undefined) mm.flushTlb();
  else for (const page of changes) mm.flushTlb(page, 1);
}

/** The pages whose entries were others; undefined: perhaps all. */
function restorePages(mm: Mm, { pages, mark }: MmSnapshot): readonly number[] | undefined {
  const changes = mm.pages.changesSince(mark);
  if (changes === undefined) {
    retainPages(mm, pages);
    releasePages(mm, mm.pages);
    mm.pages.discard();
    mm.pages = pages.clone(mm.frames);
  } else {
    for (const page of changes) restorePage(mm, page, pages.get(page));
  }
  mm.pages.mark(mark);
  return changes;
}

function restorePage(mm: Mm, page: number, entry: number): void {
  const [before, after] = [entryFrame(mm.pages.get(page)), entryFrame(entry)];
  if (after >= 0) mm.frames.retain(after);
  mm.pages.set(page, entry);
  if (before >= 0) mm.frames.release(before);
}

export function dropSnapshot(mm: Mm, snapshot: MmSnapshot): void {
  releasePages(mm, snapshot.pages);
  for (const [object, state] of snapshot.objects) {
    if (state !== undefined) object.dropState?.(state);
    object.release?.();
  }
}

/** mmf_init_flags: the PR_MDWE_* bits of a child, and of the process after execve. */
export function inheritedMdwe(bits: number): number {
  return bits & PR_MDWE_NO_INHERIT ? 0 : bits;
}

/** dup_mmap into an empty space: private pages shared until written, DONTFORK left out, WIPEONFORK emptied. */
export function copyInto(parent: Mm, child: Mm): void {
  Object.assign(child, plainState(parent));
  Object.assign(child.limits, parent.limits);
  child.killed = undefined;
  // mm_init: what mlockall(MCL_FUTURE) asked for is not inherited, nor are the locks.
  child.defFlags = 0;
  child.mdwe = inheritedMdwe(parent.mdwe);
  const vmas = parent.list.items.filter((vma) => !(vma.flags & VM_DONTCOPY));
  child.list.splice(0, 0, vmas.map(inherited));
  for (const vma of vmas) {
    // vma_needs_copy: what a fault can bring back is left to faults, even pages of zeros.
    const needed = vma.anon !== undefined || vma.flags & VM_MAYBE_GUARD;
    if (needed && !(vma.flags & VM_WIPEONFORK)) copyPages(parent, child, vma);
  }
  // dup_mm: a child's peaks begin with what it has.
  child.highWater = { mapped: 0, resident: 0 };
  parent.flushTlb();
}

/** A child's VMA has an anon_vma of its own, linked to its parent's. */
function inherited(vma: MappedVma): MappedVma {
  const keeps = vma.anon !== undefined && !(vma.flags & VM_WIPEONFORK);
  const anon = keeps ? { forked: true } : undefined;
  return changed(vma, { flags: vma.flags & ~VM_LOCKED_MASK, anon });
}

function copyPages(parent: Mm, child: Mm, vma: MappedVma): void {
  parent.pages.forEach(vma.startPage, vma.endPage, (page, entry) => {
    const frame = entryFrame(entry);
    if (frame >= 0) parent.frames.retain(frame);
    // With the copy that the first of the two to write will make.
    parent.frames.meter.charge('page', 2);
    child.pages.set(page, entry);
  });
}

function retainPages(mm: Mm, pages: PageTable): void {
  pages.forEach(0, mm.wordPages, (_page, entry) => {
    const frame = entryFrame(entry);
    if (frame >= 0) mm.frames.retain(frame);
  });
}

function releasePages(mm: Mm, pages: PageTable): void {
  pages.forEach(0, mm.wordPages, (_page, entry) => {
    const frame = entryFrame(entry);
    if (frame >= 0) mm.frames.release(frame);
  });
}
