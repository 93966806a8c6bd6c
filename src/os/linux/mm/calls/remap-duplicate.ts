/**
 * mremap with MAP_REMAPDUP, as NetBSD has it (sys/uvm/uvm_mremap.c): a second mapping of the same
 * memory, private memory included, with the rights and may bits of the first.
 *
 * Deviation: private memory becomes a hidden shared object, which maps shows.
 */
import { type Addr, PAGE_SIZE } from '../../../../base/address.js';
import { fail, ok, type Result } from '../../../../base/result.js';
import { addHistory } from '../../../../memory/history.js';
import { PagedObject } from '../../../../memory/objects.js';
import { entryFrame } from '../../../../memory/page-table.js';
import type { Mm } from '../mm.js';
import { placeMapping } from '../placement/gap.js';
import { changed, hasSharedPages, type MappedVma } from '../vmas/mapped-vma.js';
import { insertMerged, modifyRange } from '../vmas/merge.js';
import { VM_MAYSHARE, VM_SHARED } from '../vmas/vma.js';

/** The number of Linux's MREMAP_DONTUNMAP. */
export const MAP_REMAPDUP = 4n;

/** The length stays: what grows is no duplicate. `hint` is not binding. */
export function remapDuplicate(
  mm: Mm,
  addr: Addr,
  oldLength: bigint,
  newLength: bigint,
  hint: Addr,
): Result<Addr> {
  const pages = Number((oldLength + 0xfffn) >> 12n);
  if (addr & 0xfffn || pages === 0 || pages !== Number((newLength + 0xfffn) >> 12n)) {
    return fail('EINVAL');
  }
  const page = Number(addr >> 12n);
  const found = mm.list.find(page);
  if (found === undefined || page + pages > found.endPage) return fail('EFAULT');
  const source = hasSharedPages(found) ? ok(found) : makeShared(mm, found, page, pages);
  if (!source.ok) return source;
  const vma = source.value;
  const placed = placeMapping(mm, { addr: hint, pages, flags: 0, anonymous: false, align: 1 });
  if (!placed.ok) return placed;
  const range = { startPage: placed.value, endPage: placed.value + pages };
  const copy = changed(vma, {
    ...range,
    pageOffset: vma.pageOffset + (page - vma.startPage),
    history: addHistory([], mm.historyEntry(range, undefined, vma.flags)),
  });
  insertMerged(mm.list, copy);
  mm.emit('insert', undefined, copy);
  return ok(copy.start);
}

/** Moves what a private mapping shows into an object of its own. */
function makeShared(mm: Mm, vma: MappedVma, page: number, pages: number): Result<MappedVma> {
  const object = new PagedObject(mm.frames, {
    kind: 'shmem',
    path: '/dev/zero (deleted)',
    inode: mm.tuning.nextInode(),
    inodePrivate: true,
    label: { type: 'tmpfs_t', class: 'file' },
    size: pages * PAGE_SIZE,
  });
  const filled = fill(mm, vma, object, page, pages);
  const change = {
    object,
    description: object,
    flags: vma.flags | VM_SHARED | VM_MAYSHARE,
    pageOffset: 0,
    anon: undefined,
  };
  const limit = mm.maxMapCount;
  const done = filled.ok ? modifyRange(mm.list, vma, page, page + pages, change, limit) : filled;
  if (done.ok) {
    mm.zapPages(page, page + pages);
    mm.emit('change', vma, done.value);
  }
  // The list holds a reference of its own now.
  object.release();
  return done;
}

function fill(
  mm: Mm,
  vma: MappedVma,
  object: PagedObject,
  page: number,
  pages: number,
): Result<number> {
  for (let index = 0; index < pages; index++) {
    const bytes = pageContent(mm, vma, page + index);
    const written = bytes === undefined ? ok(0) : object.write(index * PAGE_SIZE, bytes);
    if (!written.ok) return fail('ENOMEM');
  }
  return ok(0);
}

/** Undefined: zeros. */
function pageContent(mm: Mm, vma: MappedVma, page: number): Uint8Array | undefined {
  const frame = entryFrame(mm.pages.get(page));
  if (frame >= 0) return mm.frames.bytes(frame).slice();
  if (vma.object === undefined || vma.object.readsAsZero) return undefined;
  return vma.object.read((vma.pageOffset + (page - vma.startPage)) * PAGE_SIZE, PAGE_SIZE);
}
