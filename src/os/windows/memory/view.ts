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
}

export function mapView(
  vm: VirtualMemory,
  section: Section,
  request: ViewRequest,
): NtResult<{ readonly base: Addr; readonly size: bigint }> {
  const { base, offset, protect } = request;
  if (offset % GRANULARITY !== 0n || base % GRANULARITY !== 0n) {
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
  if (!vm.vads.isFree(range.start, range.end)) return refused(STATUS.CONFLICTING_ADDRESSES);
  const kept = protect | (section.noCache ? PAGE_NOCACHE : 0);
  const judged = vm.judge({ what: 'view', range, before: undefined, after: kept, image: false });
  if (judged !== STATUS.SUCCESS) return refused(judged);
  const vad = new Vad({
    ...range,
    kind: 'mapped',
    protect: kept,
    committed: !section.reserves,
    section,
    offset: Number(offset / PAGE),
    copies: (protect & PAGE_ANY_COPY) !== 0,
    name: section.name,
  });
  const status = insert(vm, vad);
  if (status !== STATUS.SUCCESS) return refused(status);
  return done({ base: BigInt(start) * PAGE, size: BigInt(count) * PAGE });
}

/** A view needs no more than its section has; copies are the process's own. */
function viewAllowed(section: number, view: number): boolean {
  if (view & PAGE_ANY_EXECUTE && !(section & PAGE_ANY_EXECUTE)) return false;
  const shared = PAGE_ANY_WRITE & ~PAGE_ANY_COPY;
  return !(view & shared) || (section & shared) !== 0;
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

export function unmapView(vm: VirtualMemory, address: Addr): NtStatus {
  const page = address / PAGE;
  const vad = page < BigInt(vm.top) ? vm.vads.find(Number(page)) : undefined;
  if (vad === undefined || vad.kind === 'private' || vad.fixed) return STATUS.NOT_MAPPED_VIEW;
  if (!vm.rules.unmapsInside && page !== BigInt(vad.start)) return STATUS.NOT_MAPPED_VIEW;
  release(vm, vad, vad.start, vad.end);
  return STATUS.SUCCESS;
}
