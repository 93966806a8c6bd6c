/** NtAllocateVirtualMemory: reserve, commit, reset. The order of the checks is what programs see in the statuses. */
import {
  ALLOCATION_PAGES,
  MEM_COMMIT,
  MEM_RESERVE,
  MEM_RESET,
  MEM_RESET_UNDO,
  MEM_TOP_DOWN,
  MEM_WRITE_WATCH,
  PAGE_NOCACHE,
} from '../../../abi/windows/memory.js';
import {
  done,
  type NtResult,
  type NtStatus,
  refused,
  STATUS,
} from '../../../abi/windows/status.js';
import type { Addr } from '../../../base/address.js';
import { PAGE_SIZE } from '../../../base/address.js';
import { putPlaceholder, takePlaceholder } from './placeholder.js';
import { allowedInView, checkedPrivate, checkedProtection } from './protection.js';
import { committedIn, type PageRange, Vad } from './vad.js';
import type { VirtualMemory } from './virtual-memory.js';

export interface AllocateRequest {
  /** 0: anywhere. */
  readonly base: Addr;
  /** Bytes. */
  readonly size: bigint;
  readonly type: number;
  readonly protect: number;
  /** Highest address that will do, inclusive; 0: any. */
  readonly highest?: Addr;
  /** Multiple of 64 KiB; 0: the usual one. */
  readonly alignment?: number;
  readonly name?: string;
  /** Makes a placeholder, or takes the place of one that is exactly as large. */
  readonly placeholder?: 'reserve' | 'replace';
}

export interface Allocated {
  readonly base: Addr;
  readonly size: bigint;
}

const PAGE = BigInt(PAGE_SIZE);
const GRANULARITY = 0x10000n;
const TYPES = MEM_COMMIT | MEM_RESERVE | MEM_RESET | MEM_TOP_DOWN | MEM_WRITE_WATCH;

export function allocate(vm: VirtualMemory, request: AllocateRequest): NtResult<Allocated> {
  const { rules } = vm;
  const { base, size, type } = request;
  if (size === 0n) return refused(STATUS.INVALID_PARAMETER);
  if (size > vm.largest) {
    return rules.tooLarge === 'working-set-limit'
      ? refused(STATUS.WORKING_SET_LIMIT_RANGE)
      : refused(STATUS.INVALID_PARAMETER);
  }
  const range = rangeOf(vm, request);
  if (range === undefined) return refused(STATUS.INVALID_PARAMETER);
  if (!isKnownType(vm, type)) return refused(STATUS.INVALID_PARAMETER);
  if (isReset(vm, type)) return reset(vm, request, range);
  // MEM_COMMIT alone without an address reserves as well.
  if (type & MEM_RESERVE || base === 0n) return reserve(vm, request, range);
  if (type & MEM_RESET) return reset(vm, request, range);
  return commit(vm, request, range);
}

function isReset({ rules }: VirtualMemory, type: number): boolean {
  return rules.strictReset && (type & (MEM_RESET | MEM_RESET_UNDO)) !== 0;
}

function isKnownType({ rules }: VirtualMemory, type: number): boolean {
  const needed = MEM_COMMIT | MEM_RESERVE | MEM_RESET;
  if (rules.strictReset && type & MEM_RESET && type !== MEM_RESET) return false;
  if (rules.resetUndo && type === MEM_RESET_UNDO) return true;
  if ((type & ~TYPES) !== 0 || (type & needed) === 0) return false;
  return !(rules.writeWatchNeedsReserve && type & MEM_WRITE_WATCH && !(type & MEM_RESERVE));
}

/** Pages meant: the base of a reservation goes down to 64 KiB, the end up to a page. Undefined: out of bounds. */
function rangeOf(vm: VirtualMemory, { base, size, type }: AllocateRequest): PageRange | undefined {
  if (base === 0n) return { start: 0, end: pagesOf(size) };
  const unit = type & MEM_RESERVE ? GRANULARITY : PAGE;
  const start = base - (base % unit);
  const end = base + size;
  if (start < BigInt(vm.floor) * PAGE || end > BigInt(vm.top) * PAGE) return undefined;
  return { start: Number(start / PAGE), end: pagesOf(end) };
}

export function pagesOf(bytes: bigint): number {
  return Number((bytes + PAGE - 1n) / PAGE);
}

function reserve(
  vm: VirtualMemory,
  request: AllocateRequest,
  range: PageRange,
): NtResult<Allocated> {
  const { type, base, highest = 0n, alignment = 0, name } = request;
  const protect = checkedPrivate(vm.rules, request.protect);
  if (!protect.ok) return protect;
  const committed = (type & MEM_COMMIT) !== 0;
  const judged = vm.judge({
    what: 'allocate',
    range,
    before: undefined,
    after: protect.value,
    image: false,
  });
  if (judged !== STATUS.SUCCESS) return refused(judged);
  const count = range.end - range.start;
  let { start } = range;
  if (request.placeholder === 'replace') {
    const taken = takePlaceholder(vm, range);
    if (taken !== STATUS.SUCCESS) return refused(taken);
  } else if (base !== 0n) {
    if (!vm.vads.isFree(range.start, range.end)) return refused(STATUS.CONFLICTING_ADDRESSES);
  } else {
    const place = findRoom(vm, count, {
      highest,
      align: Math.max(alignment / PAGE_SIZE, ALLOCATION_PAGES),
      topDown: (type & MEM_TOP_DOWN) !== 0,
    });
    if (place === undefined) return refused(STATUS.NO_MEMORY);
    start = place;
  }
  const vad = new Vad({
    start,
    end: start + count,
    kind: 'private',
    protect: protect.value,
    committed,
    writeWatch: (type & MEM_WRITE_WATCH) !== 0,
    placeholder: request.placeholder === 'reserve',
    replaced: request.placeholder === 'replace',
    ...(name === undefined ? {} : { name }),
  });
  const status = insert(vm, vad);
  if (status !== STATUS.SUCCESS && vad.replaced) putPlaceholder(vm, range);
  if (status !== STATUS.SUCCESS) return refused(status);
  return done({ base: BigInt(start) * PAGE, size: BigInt(count) * PAGE });
}

/** Room for `count` pages in the areas of the system; undefined: none. */
export function findRoom(
  vm: VirtualMemory,
  count: number,
  { highest = 0n, align = ALLOCATION_PAGES, topDown = false },
): number | undefined {
  const end = highest === 0n ? vm.top : Number((highest + 1n) / PAGE);
  const areas = topDown ? [...vm.areas].sort((a, b) => b.end - a.end) : vm.areas;
  for (const area of areas) {
    const cut = { start: area.start, end: Math.min(area.end, end) };
    const found = vm.vads.gap(cut, count, align, topDown);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Charges what is committed, lets the pages follow, and lists the allocation. */
export function insert(vm: VirtualMemory, vad: Vad): NtStatus {
  const charge = vad.kind === 'private' ? committedIn(vad, vad.start, vad.end) : 0;
  if (!mayCharge(vm, charge)) return STATUS.COMMITMENT_LIMIT;
  const status = vm.pages.map(vad);
  if (status !== STATUS.SUCCESS) return status;
  vm.committed += charge;
  vm.vads.insert(vad);
  vm.changed({ vad, before: [], after: vad.runs });
  return STATUS.SUCCESS;
}

function mayCharge({ committed, commitLimit }: VirtualMemory, pages: number): boolean {
  return (committed + pages) * PAGE_SIZE <= commitLimit;
}

function commit(
  vm: VirtualMemory,
  request: AllocateRequest,
  range: PageRange,
): NtResult<Allocated> {
  const vad = vm.vads.find(range.start);
  const isView = vad !== undefined && vad.kind !== 'private';
  const protect = isView
    ? checkedProtection(vm.rules, request.protect)
    : checkedPrivate(vm.rules, request.protect);
  if (!protect.ok) return protect;
  if (vad === undefined || range.end > vad.end) return refused(STATUS.NOT_MAPPED_VIEW);
  // It has to be replaced first.
  if (vad.placeholder) return refused(STATUS.CONFLICTING_ADDRESSES);
  if (isView && !(vad.section?.reserves && allowedInView(vad.protect, protect.value))) {
    return refused(STATUS.INVALID_PAGE_PROTECTION);
  }
  const before = vad.runAt(range.start).protect;
  const judged = vm.judge({
    what: 'allocate',
    range,
    before: before === 0 ? undefined : before,
    after: protect.value,
    image: false,
  });
  if (judged !== STATUS.SUCCESS) return refused(judged);
  const charge = isView ? 0 : range.end - range.start - committedIn(vad, range.start, range.end);
  if (!mayCharge(vm, charge)) return refused(STATUS.COMMITMENT_LIMIT);
  const status = vm.pages.commit(vad, range.start, range.end, protect.value);
  if (status !== STATUS.SUCCESS) return refused(status);
  vm.committed += charge;
  setProtection(vm, vad, range, keptProtection(vm, vad, protect.value));
  return done(allocated(range));
}

/** The pages have followed already. 0: reserved. */
export function setProtection(
  vm: VirtualMemory,
  vad: Vad,
  { start, end }: PageRange,
  protect: number,
): void {
  const before = vad.runsIn(start, end);
  vad.set(start, end, protect);
  vm.changed({ vad, before, after: vad.runsIn(start, end) });
}

/** In Wine the cache is a matter of the allocation. */
export function keptProtection({ rules }: VirtualMemory, vad: Vad, protect: number): number {
  if (!rules.noCacheOfAllocation) return protect;
  return (protect & ~PAGE_NOCACHE) | (vad.protect & PAGE_NOCACHE);
}

function reset(vm: VirtualMemory, request: AllocateRequest, range: PageRange): NtResult<Allocated> {
  if (vm.rules.strictReset) {
    const protect = checkedPrivate(vm.rules, request.protect);
    if (!protect.ok) return protect;
  }
  const vad = vm.vads.find(range.start);
  if (request.base === 0n || vad === undefined || range.end > vad.end) {
    return refused(STATUS.NOT_MAPPED_VIEW);
  }
  vm.pages.reset(vad, range.start, range.end);
  return done(allocated(range));
}

function allocated({ start, end }: PageRange): Allocated {
  return { base: BigInt(start) * PAGE, size: BigInt(end - start) * PAGE };
}
