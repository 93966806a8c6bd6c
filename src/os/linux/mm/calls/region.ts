/**
 * mmap_region (mm/vma.c): the last steps of a mapping, when everything about it is decided (M24 to
 * M26): policy, what lies in the way goes, the object is made, the VMA is linked and merged.
 */
import { type Addr, HUGE_PAGE_SIZE, PAGE_SIZE } from '../../../../base/address.js';
import { fail, ok, type Result } from '../../../../base/result.js';
import type { Ruling } from '../../../../base/verdict.js';
import type { MemoryObject } from '../../../../memory/object.js';
import { PagedObject } from '../../../../memory/objects.js';
import { accountable, enoughMemory, mayExpand } from '../limits.js';
import type { Mm } from '../mm.js';
import { insertMerged } from '../vmas/merge.js';
import {
  VM_ACCOUNT,
  VM_DONTEXPAND,
  VM_DROPPABLE,
  VM_HUGETLB,
  VM_LOCKED_MASK,
  VM_NORESERVE,
  VM_SHARED,
  VM_SPECIAL,
  type VmFlags,
} from '../vmas/vma.js';
import { gather, removeGathered } from './munmap.js';
import { type MappedFile, type MmapArgs, mapRequest, takeRights } from './request.js';

const HUGE_PAGES = HUGE_PAGE_SIZE / PAGE_SIZE;

export interface RegionRequest {
  readonly args: MmapArgs;
  readonly file: MappedFile | undefined;
  readonly start: number;
  readonly pages: number;
  readonly pkey: number;
  readonly pageOffset: number;
  vmFlags: VmFlags;
  /** What narrowed it so far, for the history. */
  ruling: Ruling | undefined;
}

export function mapRegion(mm: Mm, request: RegionRequest): Result<Addr> {
  const before = mm.policies.ask('mmapRegion', mapRequest(request), mm.facts);
  const refused = apply(mm, request, before);
  if (refused !== undefined) return refused;

  const end = request.start + request.pages;
  const gathered = gather(mm, request.start, end);
  if (!gathered.ok) return gathered;
  if (!mayExpand(mm, request.vmFlags, request.pages - gathered.value.pages)) return fail('ENOMEM');
  if (accountable(request.vmFlags) && request.file?.object.kind !== 'hugetlb') {
    const charge = request.pages - gathered.value.accounted;
    if (charge > 0 && !enoughMemory(mm, charge)) return fail('ENOMEM');
    request.vmFlags |= VM_ACCOUNT;
  }
  removeGathered(mm, request.start, end, gathered.value);

  const after = mm.policies.ask('mmapRegionPost', mapRequest(request), mm.facts);
  return apply(mm, request, after) ?? link(mm, request);
}

/** Takes a ruling in: a failure, or undefined to go on. */
function apply(mm: Mm, request: RegionRequest, ruling: Ruling): Result<Addr> | undefined {
  const refused = mm.refusal(ruling);
  if (refused !== undefined) return refused;
  if (ruling.kind === 'narrow') takeRights(request, ruling);
  return undefined;
}

function link(mm: Mm, request: RegionRequest): Result<Addr> {
  const object = backing(mm, request);
  if (!object.ok) return object;
  const hidden = object.value !== undefined && object.value !== request.file?.object;
  if (request.vmFlags & (VM_SPECIAL | VM_DROPPABLE)) request.vmFlags &= ~VM_LOCKED_MASK;
  const vma = mm.newVma(
    {
      startPage: request.start,
      endPage: request.start + request.pages,
      flags: request.vmFlags,
      object: object.value,
      description: hidden ? object.value : (request.file?.description ?? object.value),
      // A shared mapping of /dev/zero keeps its offset into an object as long as the mapping: most of it is past the end.
      pageOffset: request.pageOffset,
      pkey: request.pkey,
    },
    request.ruling,
  );
  insertMerged(mm.list, vma);
  // The list holds a reference of its own now.
  if (hidden) object.value?.release?.();
  mm.emit('insert', undefined, vma, request.ruling);
  return ok(vma.start);
}

/** What the pages come from: the file, nothing, or a hidden object for shared anonymous memory. */
function backing(mm: Mm, request: RegionRequest): Result<MemoryObject | undefined> {
  const given = request.file?.object;
  if (given?.kind === 'hugetlb') return reserveHuge(mm, request, given);
  if (!(request.vmFlags & VM_SHARED) || (given !== undefined && given.kind !== 'zero')) {
    return ok(given);
  }
  // shmem_zero_setup, also behind a shared mapping of /dev/zero.
  if (!(request.vmFlags & VM_NORESERVE) && !enoughMemory(mm, request.pages)) return fail('ENOMEM');
  return ok(
    new PagedObject(mm.frames, {
      kind: 'shmem',
      path: '/dev/zero (deleted)',
      inode: mm.tuning.nextInode(),
      inodePrivate: true,
      label: { type: 'tmpfs_t', class: 'file' },
      size: request.pages * PAGE_SIZE,
    }),
  );
}

/**
 * hugetlbfs_file_mmap: huge pages are reserved when they are mapped, so that a touch cannot fail.
 * With MAP_NORESERVE and an empty pool the mapping succeeds and each touch is a SIGBUS. Deviation:
 * pages are reserved per mapping and held in 4 KiB frames.
 */
function reserveHuge(
  mm: Mm,
  request: RegionRequest,
  given: MemoryObject,
): Result<MemoryObject | undefined> {
  if (request.pageOffset % HUGE_PAGES !== 0) return fail('EINVAL');
  const pool = mm.tuning.hugePool;
  const needed = request.pages / HUGE_PAGES;
  if (pool.free < needed && !(request.vmFlags & VM_NORESERVE)) return fail('ENOMEM');
  request.vmFlags |= VM_HUGETLB | VM_DONTEXPAND;
  if (pool.free < needed) {
    given.truncate(0);
  } else {
    pool.free -= needed;
    (given as PagedObject).onFree = () => {
      pool.free += needed;
    };
  }
  return ok(given);
}
