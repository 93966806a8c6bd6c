/** NtGetWriteWatch and NtResetWriteWatch. */
import {
  done,
  type NtResult,
  type NtStatus,
  refused,
  STATUS,
} from '../../../abi/windows/status.js';
import { type Addr, PAGE_SIZE, pageDown } from '../../../base/address.js';
import { pagesOf } from './allocate.js';
import type { Vad } from './vad.js';
import type { VirtualMemory } from './virtual-memory.js';

const PAGE = BigInt(PAGE_SIZE);
const WRITE_WATCH_FLAG_RESET = 1;

export function getWriteWatch(
  vm: VirtualMemory,
  flags: number,
  base: Addr,
  size: bigint,
  room: number,
): NtResult<Addr[]> {
  const watched = watchedRange(vm, base, size);
  if ((flags & ~WRITE_WATCH_FLAG_RESET) !== 0 || room === 0 || watched === undefined) {
    return refused(STATUS.INVALID_PARAMETER);
  }
  const { vad, start, end } = watched;
  const pages = vm.pages.writtenPages(vad, start, end).slice(0, room);
  if (flags & WRITE_WATCH_FLAG_RESET) {
    // Only what is told is reset.
    for (const page of pages) vm.pages.resetWrites(vad, page, page + 1);
  }
  return done(pages.map((page) => BigInt(page) * PAGE));
}

export function resetWriteWatch(vm: VirtualMemory, base: Addr, size: bigint): NtStatus {
  const watched = watchedRange(vm, base, size);
  if (watched === undefined) return STATUS.INVALID_PARAMETER;
  vm.pages.resetWrites(watched.vad, watched.start, watched.end);
  return STATUS.SUCCESS;
}

function watchedRange(
  vm: VirtualMemory,
  base: Addr,
  size: bigint,
): { vad: Vad; start: number; end: number } | undefined {
  if (size === 0n || base + size > BigInt(vm.top) * PAGE) return undefined;
  const start = Number(pageDown(base) / PAGE);
  const end = pagesOf(base + size);
  const vad = vm.vads.find(start);
  return vad?.writeWatch && end <= vad.end ? { vad, start, end } : undefined;
}
