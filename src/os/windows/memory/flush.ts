/** NtFlushVirtualMemory: what was written to a view goes to its file. */
import { done, type NtResult, refused, STATUS } from '../../../abi/windows/status.js';
import { type Addr, PAGE_SIZE_N, pageDown } from '../../../base/address.js';
import type { VirtualMemory } from './virtual-memory.js';

/** @param size of the part in bytes; 0: all of it. */
export function flush(
  vm: VirtualMemory,
  address: Addr,
  size: bigint,
): NtResult<{ readonly base: Addr; readonly size: bigint }> {
  const base = pageDown(address);
  const page = base / PAGE_SIZE_N;
  const vad = page < BigInt(vm.top) ? vm.vads.find(Number(page)) : undefined;
  const isView = vad?.kind === 'mapped' || !vm.rules.flushesViewsOnly;
  if (vad === undefined || !isView) {
    return refused(vm.rules.flushesViewsOnly ? STATUS.NOT_MAPPED_VIEW : STATUS.INVALID_PARAMETER);
  }
  const room = BigInt(vad.end) * PAGE_SIZE_N - base;
  if (size > room) return refused(STATUS.INVALID_PARAMETER);
  const length = size === 0n ? BigInt(vad.end - vad.start) * PAGE_SIZE_N : size;
  const status = vm.pages.flush(vad, base, length);
  return status === STATUS.SUCCESS ? done({ base, size: length }) : refused(status);
}
