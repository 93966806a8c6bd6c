/** NtLockVirtualMemory and NtUnlockVirtualMemory. */
import { PAGE_GUARD, PAGE_NOACCESS } from '../../../abi/windows/memory.js';
import { type NtStatus, STATUS } from '../../../abi/windows/status.js';
import { type Addr, PAGE_SIZE, pageDown } from '../../../base/address.js';
import { pagesOf } from './allocate.js';
import { useUpGuard } from './guard.js';
import type { VirtualMemory } from './virtual-memory.js';

const PAGE = BigInt(PAGE_SIZE);

export function lock(vm: VirtualMemory, base: Addr, size: bigint): NtStatus {
  const { strictLock } = vm.rules;
  if (size === 0n) return strictLock ? STATUS.INVALID_PARAMETER : STATUS.SUCCESS;
  const refusal = strictLock ? STATUS.ACCESS_VIOLATION : STATUS.ACCESS_DENIED;
  if (base + size > BigInt(vm.top) * PAGE) return refusal;
  const start = Number(pageDown(base) / PAGE);
  const end = pagesOf(base + size);
  for (let page = start; page < end; page++) {
    const protect = vm.vads.find(page)?.runAt(page).protect ?? 0;
    if (protect === 0 || protect & PAGE_NOACCESS) return refusal;
    if (!(protect & PAGE_GUARD)) continue;
    if (!strictLock) return refusal;
    // Locking touches the page.
    useUpGuard(vm, page);
    return STATUS.GUARD_PAGE_VIOLATION;
  }
  for (let page = start; page < end; page++) vm.locked.add(page);
  return STATUS.SUCCESS;
}

export function unlock(vm: VirtualMemory, base: Addr, size: bigint): NtStatus {
  if (base + size > BigInt(vm.top) * PAGE) return STATUS.INVALID_PARAMETER;
  const start = Number(pageDown(base) / PAGE);
  const end = pagesOf(base + size);
  if (vm.rules.countsLocks) {
    for (let page = start; page < end; page++) {
      if (!vm.locked.delete(page)) return STATUS.NOT_LOCKED;
    }
    return STATUS.SUCCESS;
  }
  for (const page of vm.locked) if (page >= start && page < end) vm.locked.delete(page);
  return STATUS.SUCCESS;
}
