/** NtMapViewOfSection and NtUnmapViewOfSection. */
import {
  PAGE_ANY_COPY,
  PAGE_ANY_EXECUTE,
  PAGE_ANY_WRITE,
  PAGE_EXECUTE_WRITECOPY,
  PAGE_NOACCESS,
  PAGE_NOCACHE,
  PAGE_READONLY,
} from '../../../abi/windows/memory.js';
import {
  done,
  type NtResult,
  type NtStatus,
  refused,
  STATUS,
} from '../../../abi/windows/status.js';
import { type Addr, PAGE_SIZE } from '../../../base/address.js';
import { SCN_EXECUTE, SCN_READ, SCN_WRITE } from '../../../formats/pe/image.js';
import { findRoom, insert } from './allocate.js';
import { release } from './free.js';
import { backToPlaceholder, putPlaceholder, takePlaceholder } from './placeholder.js';
import { basicProtection } from './protection.js';
import type { Section } from './section.js';
import { Vad } from './vad.js';
import type { VirtualMemory } from './virtual-memory.js';

const PAGE = BigInt(PAGE_SIZE);
const GRANULARITY = 0x10000n;

export interface ViewRequest {
  /** 0: anywhere. */
  readonly base: Addr;
  /** Offset into the section, in bytes. */
  readonly offset: bigint;
  /** 0: to the end. */
  readonly size: bigint;
  readonly protect: number;
  readonly topDown?: boolean;
  /** It takes the place of a placeholder, of exactly its pages. */
  readonly replaces?: boolean;
}

export function mapView(
  vm: VirtualMemory,
  section: Section,
  request: ViewRequest,
): NtResult<{ readonly base: Addr; readonly size: bigint }> {
  const { base, offset, protect } = request;
  const unit = request.replaces ? PAGE : GRANULARITY;
  if (offset % unit !== 0n || base % unit !== 0n) {
    return refused(STATUS.MAPPED_ALIGNMENT);
  }
  if (basicProtection(protect) === undefined) return refused(STATUS.INVALID_PAGE_PROTECTION);
  if (!viewAllowed(section.protect, protect)) return refused(STATUS.ACCESS_DENIED);
  const whole = BigInt(section.size);
  if (offset >= whole) return refused(STATUS.INVALID_PARAMETER);
  const size = request.size === 0n ? whole - offset : request.size;
  if (size > whole - offset) return refused(STATUS.INVALID_VIEW_SIZE);
  const count = Number((size + PAGE - 1n) / PAGE);
  const start =
    base === 0n ? findRoom(vm, count, { topDown: request.topDown ?? false }) : Number(base / PAGE);
  if (start === undefined) return refused(STATUS.NO_MEMORY);
  const range = { start, end: start + count };
  if (range.end > vm.top) return refused(STATUS.INVALID_PARAMETER);
  const { replaces = false } = request;
  if (!replaces && !vm.vads.isFree(range.start, range.end)) {
    return refused(STATUS.CONFLICTING_ADDRESSES);
  }
  const kept = protect | (section.noCache ? PAGE_NOCACHE : 0);
  const judged = vm.judge({ what: 'view', range, before: undefined, after: kept, image: false });
  if (judged !== STATUS.SUCCESS) return refused(judged);
  const taken = replaces ? takePlaceholder(vm, range) : STATUS.SUCCESS;
  if (taken !== STATUS.SUCCESS) return refused(taken);
  const vad = new Vad({
    ...range,
    replaced: replaces,
    kind: 'mapped',
    protect: kept,
    committed: !section.reserves,
    section,
    offset: Number(offset / PAGE),
    copies: (protect & PAGE_ANY_COPY) !== 0,
    name: section.name,
  });
  const status = insert(vm, vad);
  if (status !== STATUS.SUCCESS && replaces) putPlaceholder(vm, range);
  if (status !== STATUS.SUCCESS) return refused(status);
  return done({ base: BigInt(start) * PAGE, size: BigInt(count) * PAGE });
}

/** A view needs no more than its section has; copies are the process's own. */
function viewAllowed(section: number, view: number): boolean {
  if (view & PAGE_ANY_EXECUTE && !(section & PAGE_ANY_EXECUTE)) return false;
  const shared = PAGE_ANY_WRITE & ~PAGE_ANY_COPY;
  return !(view & shared) || (section & shared) !== 0;
}

/** A view of an image section, whole: at `base`, or with 0 where the image wants to be or anywhere. */
export function mapImageView(
  vm: VirtualMemory,
  section: Section,
  base: Addr,
): NtResult<{ readonly base: Addr; readonly size: bigint }> {
  const { size, base: preferred } = section.image!.image;
  const count = size / PAGE_SIZE;
  const wanted = Number((base === 0n ? preferred : base) / PAGE);
  const fits =
    wanted >= vm.floor && wanted + count <= vm.top && vm.vads.isFree(wanted, wanted + count);
  if (!fits && base !== 0n) return refused(STATUS.CONFLICTING_ADDRESSES);
  const start = fits ? wanted : findRoom(vm, count, {});
  if (start === undefined) return refused(STATUS.NO_MEMORY);
  const at = BigInt(start) * PAGE;
  const image = section.imageAt?.(at);
  if (image === undefined) return refused(STATUS.CONFLICTING_ADDRESSES);
  const status = mapImage(vm, { ...section, image }, at);
  return status === STATUS.SUCCESS ? done({ base: at, size: BigInt(size) }) : refused(status);
}

/** An image at `base`, which is free: its headers and sections with their protections. */
export function mapImage(vm: VirtualMemory, section: Section, base: Addr): NtStatus {
  const image = section.image!.image;
  const start = Number(base / PAGE);
  const vad = new Vad({
    start,
    end: start + image.size / PAGE_SIZE,
    kind: 'image',
    protect: PAGE_EXECUTE_WRITECOPY,
    committed: false,
    section,
    name: section.name,
  });
  vad.set(vad.start, vad.end, PAGE_NOACCESS);
  vad.set(vad.start, start + pagesIn(image.headerSize), PAGE_READONLY);
  for (const { rva, virtualSize, fileSize, characteristics } of image.sections) {
    const first = start + rva / PAGE_SIZE;
    const protection = sectionProtection(characteristics);
    vad.set(first, first + pagesIn(virtualSize || fileSize), protection);
  }
  return insert(vm, vad);
}

function pagesIn(bytes: number): number {
  return Math.ceil(bytes / PAGE_SIZE);
}

/** PAGE_* of IMAGE_SCN_MEM_*: writable sections are copied at the first write. */
function sectionProtection(characteristics: number): number {
  const write = (characteristics & SCN_WRITE) !== 0;
  const read = write || (characteristics & SCN_READ) !== 0;
  const exec = (characteristics & SCN_EXECUTE) !== 0;
  const plain = write ? 0x08 : read ? 0x02 : exec ? 0x01 : 0x01;
  return exec ? plain << 4 : plain;
}

/** @param preserves MEM_PRESERVE_PLACEHOLDER: what the view replaced is there again. */
export function unmapView(vm: VirtualMemory, address: Addr, preserves = false): NtStatus {
  const page = address / PAGE;
  const vad = page < BigInt(vm.top) ? vm.vads.find(Number(page)) : undefined;
  if (vad === undefined || vad.kind === 'private' || vad.fixed) return STATUS.NOT_MAPPED_VIEW;
  if (!vm.rules.unmapsInside && page !== BigInt(vad.start)) return STATUS.NOT_MAPPED_VIEW;
  if (preserves) return vad.replaced ? backToPlaceholder(vm, vad) : STATUS.CONFLICTING_ADDRESSES;
  release(vm, vad, vad.start, vad.end);
  return STATUS.SUCCESS;
}
