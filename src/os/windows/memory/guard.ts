/** Guard pages: the first touch raises STATUS_GUARD_PAGE_VIOLATION and takes the mark off that page. */
import { PAGE_GUARD } from '../../../abi/windows/memory.js';
import { STATUS } from '../../../abi/windows/status.js';
import { setProtection } from './allocate.js';
import type { VirtualMemory } from './virtual-memory.js';

export function isGuarded(vm: VirtualMemory, page: number): boolean {
  const vad = vm.vads.find(page);
  return vad !== undefined && (vad.runAt(page).protect & PAGE_GUARD) !== 0;
}

/** False when the page may not lose its mark: the pages refuse. */
export function useUpGuard(vm: VirtualMemory, page: number): boolean {
  const vad = vm.vads.find(page);
  if (vad === undefined) return false;
  const bare = vad.runAt(page).protect & ~PAGE_GUARD;
  if (vm.pages.protect(vad, page, page + 1, bare) !== STATUS.SUCCESS) return false;
  setProtection(vm, vad, { start: page, end: page + 1 }, bare);
  return true;
}
