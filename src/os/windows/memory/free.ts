/** NtFreeVirtualMemory: decommit and release. */
import { MEM_DECOMMIT, MEM_RELEASE } from '../../../abi/windows/memory.js';
import { done, type NtResult, refused, STATUS } from '../../../abi/windows/status.js';
import { type Addr, PAGE_SIZE, pageDown } from '../../../base/address.js';
import { type Allocated, pagesOf, setProtection } from './allocate.js';
import { committedIn, type Vad } from './vad.js';
import type { VirtualMemory } from './virtual-memory.js';

const PAGE = BigInt(PAGE_SIZE);

export function free(
  vm: VirtualMemory,
  base: Addr,
  size: bigint,
  type: number,
): NtResult<Allocated> {
  if (type !== MEM_DECOMMIT && type !== MEM_RELEASE) return refused(STATUS.INVALID_PARAMETER);
  const start = pageDown(base) / PAGE;
  const vad = start < BigInt(vm.top) ? vm.vads.find(Number(start)) : undefined;
  if (vad === undefined) {
    return vm.rules.freeOfFree === 'not-allocated'
      ? refused(STATUS.MEMORY_NOT_ALLOCATED)
      : refused(STATUS.INVALID_PARAMETER);
  }
  if (vad.kind !== 'private' || vad.fixed) return refused(STATUS.INVALID_PARAMETER);
  const first = Number(start);
  if (size === 0n && first !== vad.start) return refused(STATUS.FREE_VM_NOT_AT_BASE);
  if (size > BigInt(vm.top) * PAGE) return refused(STATUS.INVALID_PARAMETER);
  const end = size === 0n ? vad.end : pagesOf(base + size);
  if (end > vad.end) return refused(STATUS.INVALID_PARAMETER);
  const freed = done({ base: start * PAGE, size: BigInt(end - first) * PAGE });
  if (type === MEM_DECOMMIT) {
    decommit(vm, vad, first, end);
    return freed;
  }
  if ((first !== vad.start || end !== vad.end || size !== 0n) && !vm.rules.releaseOfPart) {
    return refused(STATUS.INVALID_PARAMETER);
  }
  release(vm, vad, first, end);
  return freed;
}

function decommit(vm: VirtualMemory, vad: Vad, start: number, end: number): void {
  vm.committed -= committedIn(vad, start, end);
  unlock(vm, start, end);
  vm.pages.decommit(vad, start, end);
  setProtection(vm, vad, { start, end }, 0);
}

/** What is left of the allocation on either side is an allocation of its own. */
export function release(vm: VirtualMemory, vad: Vad, start: number, end: number): void {
  if (vad.kind === 'private') vm.committed -= committedIn(vad, start, end);
  const before = vad.runsIn(start, end);
  unlock(vm, start, end);
  vm.pages.unmap(vad, start, end);
  vm.vads.remove(vad);
  if (vad.start < start) vm.vads.insert(vad.part(vad.start, start));
  if (end < vad.end) vm.vads.insert(vad.part(end, vad.end));
  vm.changed({ vad, before, after: [] });
}

function unlock({ locked }: VirtualMemory, start: number, end: number): void {
  if (locked.size === 0) return;
  for (const page of locked) if (page >= start && page < end) locked.delete(page);
}
