/**
 * Placeholders: reservations that hold a place for later allocations and views (Windows 10 1803). One is split by
 * freeing a part of it with MEM_PRESERVE_PLACEHOLDER, joined with its neighbours by MEM_COALESCE_PLACEHOLDERS, and
 * replaced as a whole by MEM_REPLACE_PLACEHOLDER. Microsoft: VirtualAlloc2, VirtualFree, MapViewOfFile3,
 * UnmapViewOfFile2.
 */
import { PAGE_NOACCESS } from '../../../abi/windows/memory.js';
import { type NtStatus, STATUS } from '../../../abi/windows/status.js';
import { type Addr, PAGE_SIZE } from '../../../base/address.js';
import { committedIn, type PageRange, Vad } from './vad.js';
import type { VirtualMemory } from './virtual-memory.js';

const PAGE = BigInt(PAGE_SIZE);

/** Undefined: the bytes are no whole pages that a program can have. */
function pagesIn(vm: VirtualMemory, base: Addr, size: bigint): PageRange | undefined {
  if (base % PAGE !== 0n || size % PAGE !== 0n || size === 0n) return undefined;
  if (base + size > BigInt(vm.top) * PAGE) return undefined;
  return { start: Number(base / PAGE), end: Number((base + size) / PAGE) };
}

function placeholder(start: number, end: number): Vad {
  return new Vad({
    start,
    end,
    kind: 'private',
    protect: PAGE_NOACCESS,
    committed: false,
    placeholder: true,
  });
}

/** The placeholder that is exactly these pages goes, for what takes its place. */
export function takePlaceholder(vm: VirtualMemory, { start, end }: PageRange): NtStatus {
  const vad = vm.vads.find(start);
  if (vad === undefined || !vad.placeholder || vad.start !== start || vad.end !== end) {
    return STATUS.CONFLICTING_ADDRESSES;
  }
  vm.pages.unmap(vad, start, end);
  vm.vads.remove(vad);
  return STATUS.SUCCESS;
}

/** What replaces a placeholder could not be had: the placeholder is back. */
export function putPlaceholder(vm: VirtualMemory, { start, end }: PageRange): NtStatus {
  const vad = placeholder(start, end);
  const status = vm.pages.map(vad);
  if (status === STATUS.SUCCESS) vm.vads.insert(vad);
  return status;
}

/** MEM_RELEASE with MEM_PRESERVE_PLACEHOLDER: cuts a placeholder, or makes an allocation that replaced one a placeholder again. */
export function preservePlaceholder(vm: VirtualMemory, base: Addr, size: bigint): NtStatus {
  const range = pagesIn(vm, base, size);
  const vad = range === undefined ? undefined : vm.vads.find(range.start);
  if (range === undefined) return STATUS.INVALID_PARAMETER;
  if (vad === undefined || range.end > vad.end || vad.kind !== 'private') {
    return STATUS.CONFLICTING_ADDRESSES;
  }
  const whole = range.start === vad.start && range.end === vad.end;
  if (vad.placeholder) {
    // A part of a placeholder is what the call is for; the whole is none.
    if (whole) return STATUS.CONFLICTING_ADDRESSES;
    vm.vads.remove(vad);
    if (vad.start < range.start) vm.vads.insert(vad.part(vad.start, range.start));
    vm.vads.insert(vad.part(range.start, range.end));
    if (range.end < vad.end) vm.vads.insert(vad.part(range.end, vad.end));
    return STATUS.SUCCESS;
  }
  if (!vad.replaced || !whole) return STATUS.CONFLICTING_ADDRESSES;
  return backToPlaceholder(vm, vad);
}

/** An allocation or a view that replaced a placeholder goes, and the placeholder is there again. */
export function backToPlaceholder(vm: VirtualMemory, vad: Vad): NtStatus {
  if (vad.kind === 'private') vm.committed -= committedIn(vad, vad.start, vad.end);
  const before = vad.runs;
  vm.pages.unmap(vad, vad.start, vad.end);
  vm.vads.remove(vad);
  const status = putPlaceholder(vm, vad);
  vm.changed({ vad, before, after: [] });
  return status;
}

/** MEM_RELEASE with MEM_COALESCE_PLACEHOLDERS: placeholders that fill the range become one. */
export function coalescePlaceholders(vm: VirtualMemory, base: Addr, size: bigint): NtStatus {
  const range = pagesIn(vm, base, size);
  if (range === undefined) return STATUS.INVALID_PARAMETER;
  const parts: Vad[] = [];
  for (let at = range.start; at < range.end; ) {
    const vad = vm.vads.find(at);
    const fits = vad?.placeholder && vad.start === at && vad.end <= range.end;
    if (vad === undefined || !fits) return STATUS.CONFLICTING_ADDRESSES;
    parts.push(vad);
    at = vad.end;
  }
  if (parts.length < 2) return STATUS.CONFLICTING_ADDRESSES;
  for (const vad of parts) vm.vads.remove(vad);
  vm.vads.insert(placeholder(range.start, range.end));
  return STATUS.SUCCESS;
}
