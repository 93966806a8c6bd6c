/** NtProtectVirtualMemory: another protection for committed pages of one allocation. */
import { PAGE_ANY_COPY, PAGE_NOCACHE } from '../../../abi/windows/memory.js';
import { done, type NtResult, refused, STATUS } from '../../../abi/windows/status.js';
import { type Addr, PAGE_SIZE, pageDown } from '../../../base/address.js';
import { keptProtection, pagesOf, setProtection } from './allocate.js';
import { allowedInView, checkedPrivate, checkedProtection, copied, written } from './protection.js';
import type { Vad } from './vad.js';
import type { VirtualMemory } from './virtual-memory.js';

const PAGE = BigInt(PAGE_SIZE);

export interface Protected {
  readonly base: Addr;
  readonly size: bigint;
  /** The first page's protection until now. */
  readonly old: number;
}

export function protect(
  vm: VirtualMemory,
  base: Addr,
  size: bigint,
  wanted: number,
): NtResult<Protected> {
  const { rules } = vm;
  const none =
    rules.protectOfNone === 'conflicting' ? STATUS.CONFLICTING_ADDRESSES : STATUS.INVALID_PARAMETER;
  const start = pageDown(base) / PAGE;
  if (size === 0n && rules.protectNeedsSize) return refused(STATUS.INVALID_PARAMETER);
  if (base + size > BigInt(vm.top) * PAGE) return refused(STATUS.INVALID_PARAMETER);
  const vad = vm.vads.find(Number(start));
  const checked =
    vad === undefined || vad.kind !== 'private'
      ? checkedProtection(rules, wanted)
      : checkedPrivate(rules, wanted);
  if (!checked.ok) return checked;
  const first = Number(start);
  const end = pagesOf(base + size);
  if (vad === undefined || end > vad.end) return refused(none);
  const old = vad.runAt(first).protect;
  if (size === 0n) return done({ base: start * PAGE, size: 0n, old });
  if (!vad.isCommitted(first, end)) return refused(STATUS.NOT_COMMITTED);
  const target = inAllocation(vm, vad, checked.value);
  if (target === undefined) return refused(STATUS.SECTION_PROTECTION);
  const judged = vm.judge({
    what: 'protect',
    range: { start: first, end },
    before: old,
    after: target,
    image: vad.kind === 'image',
  });
  if (judged !== STATUS.SUCCESS) return refused(judged);
  const status = vm.pages.protect(vad, first, end, target);
  if (status !== STATUS.SUCCESS) return refused(status);
  setPages(vm, vad, first, end, target);
  return done({ base: start * PAGE, size: BigInt(end - first) * PAGE, old });
}

function inAllocation(vm: VirtualMemory, vad: Vad, wanted: number): number | undefined {
  switch (vad.kind) {
    case 'private':
      return keptProtection(vm, vad, wanted);
    case 'image':
      return copied(wanted) & ~(vm.rules.noCacheOfAllocation ? PAGE_NOCACHE : 0);
    default:
      if (!allowedInView(vad.protect, wanted)) return undefined;
      return vad.copies ? copied(wanted) : wanted;
  }
}

/** A page that has its copy already is READWRITE: nothing is left to copy. */
function setPages(vm: VirtualMemory, vad: Vad, first: number, end: number, target: number): void {
  setProtection(vm, vad, { start: first, end }, target);
  if (!vm.rules.writeCopyEnds || !vad.copies || !(target & PAGE_ANY_COPY)) return;
  for (const page of vm.pages.copiedPages(vad, first, end)) {
    vad.set(page, page + 1, written(target));
  }
}
