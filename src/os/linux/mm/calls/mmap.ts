/**
 * mmap: ksys_mmap_pgoff, vm_mmap_pgoff, do_mmap and mmap_region of Linux 6.18, in their order of
 * checks (steps M4 to M26 of the pipeline). Descriptor and offset checks (M2, M3) are the caller's.
 */

import {
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_HUGE_SHIFT,
  MAP_HUGETLB,
  MAP_LOCKED,
  MAP_NONBLOCK,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  MAP_STACK,
  MAP_SYNC,
  MAP_TYPE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  READ_IMPLIES_EXEC,
} from '../../../../abi/linux/mman.js';
import type { Addr } from '../../../../base/address.js';
import { fail, ok, type Result } from '../../../../base/result.js';
import type { Ruling } from '../../../../base/verdict.js';
import { F_SEAL_FUTURE_WRITE, F_SEAL_WRITE, PagedObject } from '../../../../memory/objects.js';
import { populate } from '../fault.js';
import { canLock, mayLock } from '../limits.js';
import type { Mm } from '../mm.js';
import { executeOnlyKey } from '../pkeys.js';
import { placeMapping } from '../placement/gap.js';
import { wantedAddress } from '../placement/wanted-address.js';
import {
  VM_DONTDUMP,
  VM_DROPPABLE,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_JIT,
  VM_LOCKED,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_NOHUGEPAGE,
  VM_NORESERVE,
  VM_SHARED,
  VM_SYNC,
  VM_WIPEONFORK,
  VM_WRITE,
  type VmFlags,
} from '../vmas/vma.js';
import { alignLength } from './munmap.js';
import { mapRegion } from './region.js';
import { type MappedFile, type MmapArgs, mapRequest, takeRights } from './request.js';

const MAP_DROPPABLE = 0x08;
/** Apple's; MAP_DENYWRITE on Linux, which ignores it. */
const MAP_JIT = 0x800;
/** LEGACY_MAP_MASK: flags that MAP_SHARED ignores when it does not know them and SHARED_VALIDATE accepts. */
const LEGACY_MAP_MASK = 0x7c07f9f3;
const HUGE_2MB = 21;

/** What the steps of one call pass on. */
interface Request {
  readonly args: MmapArgs;
  readonly file: MappedFile | undefined;
  prot: number;
  flags: number;
  pages: number;
  start: number;
  vmFlags: VmFlags;
  pkey: number;
  pageOffset: number;
  ruling: Ruling | undefined;
  /** Asked to be locked, which populates even what then cannot be locked. */
  locked: boolean;
}

export function mmap(mm: Mm, args: MmapArgs): Result<Addr> {
  const prepared = hugeFile(mm, args);
  if (!prepared.ok) return prepared;
  const { file, length } = prepared.value;
  const request: Request = {
    args,
    file,
    prot: args.prot,
    flags: args.flags,
    pages: 0,
    start: 0,
    vmFlags: 0,
    pkey: 0,
    pageOffset: 0,
    ruling: undefined,
    locked: false,
  };
  const result = mapFile(mm, request, length);
  // The reference of a hidden huge page object is the mapping's now.
  if (file !== undefined && file !== args.file) file.object.release?.();
  if (!result.ok) return result;
  const end = request.start + request.pages;
  const wanted = (request.flags & (MAP_POPULATE | MAP_NONBLOCK)) === MAP_POPULATE;
  if (request.locked || wanted) populate(mm, request.start, end);
  return result;
}

/** M4: MAP_HUGETLB is for anonymous memory, which becomes a file of the internal hugetlbfs mount. */
function hugeFile(
  mm: Mm,
  args: MmapArgs,
): Result<{ file: MappedFile | undefined; length: bigint }> {
  const { file, flags, length } = args;
  const huge = file?.object.kind === 'hugetlb';
  const aligned = BigInt.asUintN(mm.layout.kernelBits, (length + 0x1fffffn) & ~0x1fffffn);
  if (!huge && !(flags & MAP_HUGETLB)) return ok({ file, length });
  if (huge) return ok({ file, length: aligned });
  if (file !== undefined) return fail('EINVAL');
  // Deviation: only the default size exists; 1 GiB pages are as unknown as on a CPU without them.
  const size = (flags >>> MAP_HUGE_SHIFT) & 0x3f;
  if (size !== 0 && size !== HUGE_2MB) return fail('EINVAL');
  const object = new PagedObject(mm.frames, {
    kind: 'hugetlb',
    path: '/anon_hugepage (deleted)',
    device: '00:10',
    superblock: 'hugetlbfs',
    inode: mm.tuning.nextInode(),
    label: { type: 'hugetlbfs_t', class: 'file' },
    size: Number(aligned),
  });
  const base = { readable: true, writable: true, appendOnly: false, noexecMount: false };
  return ok({ file: { object, ...base, mappable: true }, length: aligned });
}

/** vm_mmap_pgoff: the security module first, then do_mmap. */
function mapFile(mm: Mm, request: Request, length: bigint): Result<Addr> {
  const { args } = request;
  const refused = mm.refusal(
    mm.policies.ask(
      'mmapFile',
      {
        range: { start: args.addr, end: args.addr + length },
        prot: args.prot,
        mapFlags: args.flags,
        flags: impliedProt(mm, request) & 7,
        object: request.file?.object,
        origin: args.origin ?? 'mmap',
      },
      mm.facts,
    ),
  );
  return refused ?? doMmap(mm, request, length);
}

/** M7: READ_IMPLIES_EXEC, but not for files of a noexec mount. */
function impliedProt(mm: Mm, { args, file }: Request): number {
  const implied = args.prot & PROT_READ && mm.personality & READ_IMPLIES_EXEC && !file?.noexecMount;
  return implied ? args.prot | PROT_EXEC : args.prot;
}

function doMmap(mm: Mm, request: Request, length: bigint): Result<Addr> {
  const { args } = request;
  if (length === 0n) return fail('EINVAL');
  request.prot = impliedProt(mm, request);
  if (args.flags & MAP_FIXED_NOREPLACE) request.flags |= MAP_FIXED;
  const bytes = alignLength(mm, length);
  if (bytes === 0n) return fail('ENOMEM');
  const pages = bytes >> 12n;
  if (args.pageOffset + pages >= 1n << BigInt(mm.layout.kernelBits)) return fail('EOVERFLOW');
  if (mm.list.length > mm.maxMapCount) return fail('ENOMEM');
  request.pages = Number(pages);
  if (request.prot === PROT_EXEC) request.pkey = executeOnlyKey(mm) ?? 0;
  request.vmFlags = initialFlags(mm, request);

  const placed = placeMapping(mm, {
    addr: wantedAddress(mm, request),
    pages: request.pages,
    flags: request.flags,
    anonymous: request.file === undefined && !(request.flags & MAP_SHARED),
    align: request.file?.object.kind === 'hugetlb' ? 512 : 1,
  });
  if (!placed.ok) return placed;
  request.start = placed.value;
  const end = request.start + request.pages;
  if (args.flags & MAP_FIXED_NOREPLACE && mm.list.overlaps(request.start, end)) {
    return fail('EEXIST');
  }
  return checkKind(mm, request);
}

/** M15: calc_vm_prot_bits and calc_vm_flag_bits. */
function initialFlags(mm: Mm, { prot, flags, file }: Request): VmFlags {
  let vmFlags = (prot & 7) | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | mm.defFlags;
  if (flags & MAP_GROWSDOWN) vmFlags |= VM_GROWSDOWN;
  if (flags & MAP_LOCKED) vmFlags |= VM_LOCKED;
  if (flags & MAP_SYNC) vmFlags |= VM_SYNC;
  if (flags & MAP_STACK) vmFlags |= VM_NOHUGEPAGE;
  if (mm.policies.effects?.mapJit && flags & MAP_JIT && file === undefined) vmFlags |= VM_JIT;
  return vmFlags;
}

/** M15b to M23, then mmap_region. */
function checkKind(mm: Mm, request: Request): Result<Addr> {
  const { args, file } = request;
  const ruling = mm.policies.ask('mmapFlags', mapRequest(request), mm.facts);
  const refused = mm.refusal(ruling);
  if (refused !== undefined) return refused;
  if (ruling.kind === 'narrow') takeRights(request, ruling);
  if (request.flags & MAP_LOCKED && !canLock(mm)) return fail('EPERM');
  if (!mayLock(mm, request.vmFlags, request.pages)) return fail('EAGAIN');
  const checked = file === undefined ? checkAnonymous(mm, request) : checkFile(mm, request, file);
  if (!checked.ok) return checked;
  if (args.flags & MAP_NORESERVE && (mm.tuning.overcommit !== 2 || isHuge(file))) {
    request.vmFlags |= VM_NORESERVE;
  }
  request.locked = (request.vmFlags & VM_LOCKED) !== 0;
  return mapRegion(mm, request);
}

function isHuge(file: MappedFile | undefined): boolean {
  return file?.object.kind === 'hugetlb';
}

function checkAnonymous(mm: Mm, request: Request): Result<0> {
  const grows = request.vmFlags & VM_GROWSDOWN;
  switch (request.flags & MAP_TYPE) {
    case MAP_SHARED:
      if (grows) return fail('EINVAL');
      request.vmFlags |= VM_SHARED | VM_MAYSHARE;
      request.pageOffset = 0;
      return ok(0);
    case MAP_DROPPABLE:
      if (mm.layout.kernelBits === 32) return fail('EOPNOTSUPP');
      if (request.flags & (MAP_LOCKED | MAP_HUGETLB) || grows) return fail('EINVAL');
      request.vmFlags |= VM_DROPPABLE | VM_NORESERVE | VM_WIPEONFORK | VM_DONTDUMP;
      request.pageOffset = request.start;
      return ok(0);
    case MAP_PRIVATE:
      request.pageOffset = request.start;
      return ok(0);
    default:
      return fail('EINVAL');
  }
}

function checkFile(mm: Mm, request: Request, file: MappedFile): Result<0> {
  const { args } = request;
  // file_mmap_ok: MAX_LFS_FILESIZE for regular files, the whole word for devices.
  const regular = mm.layout.kernelBits === 64 ? (1n << 63n) - 1n : (1n << 44n) - 4096n;
  const last = file.object.kind === 'zero' ? (1n << BigInt(mm.layout.kernelBits)) - 1n : regular;
  if (args.pageOffset > (last - (BigInt(request.pages) << 12n)) >> 12n) return fail('EOVERFLOW');
  request.pageOffset = Number(args.pageOffset);
  const type = request.flags & MAP_TYPE;
  if (type === MAP_SHARED || type === MAP_SHARED_VALIDATE) {
    const shared = checkShared(request, file, type === MAP_SHARED_VALIDATE);
    if (!shared.ok) return shared;
  } else if (type !== MAP_PRIVATE) {
    return fail('EINVAL');
  }
  if (!file.readable) return fail('EACCES');
  if (file.noexecMount) {
    if (request.vmFlags & VM_EXEC) return fail('EPERM');
    request.vmFlags &= ~VM_MAYEXEC;
  }
  if (!file.mappable) return fail('ENODEV');
  if (request.vmFlags & VM_GROWSDOWN) return fail('EINVAL');
  return checkSeals(request, file.object.seals ?? 0);
}

/** M17 to M19. */
function checkShared(request: Request, file: MappedFile, validate: boolean): Result<0> {
  const { flags } = request;
  if (validate && (flags > 0xffffffff || flags & ~LEGACY_MAP_MASK)) return fail('EOPNOTSUPP');
  if (request.prot & PROT_WRITE && !file.writable) return fail('EACCES');
  if (file.appendOnly && file.writable) return fail('EACCES');
  request.vmFlags |= VM_SHARED | VM_MAYSHARE;
  if (!file.writable) request.vmFlags &= ~(VM_MAYWRITE | VM_SHARED);
  return ok(0);
}

/** memfd_check_seals_mmap. */
function checkSeals(request: Request, seals: number): Result<0> {
  if (!(seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) || !(request.vmFlags & VM_SHARED)) {
    return ok(0);
  }
  if (request.vmFlags & VM_WRITE) return fail('EPERM');
  request.vmFlags &= ~VM_MAYWRITE;
  return ok(0);
}
