/** A VMA as the neutral Mapping that everybody outside of Linux reads. */
import { PAGE_SHIFT } from '../../../../base/address.js';
import type { VmaHistory } from '../../../../memory/history.js';
import type { Mapping } from '../../../../memory/mapping.js';
import type { VmaEvent } from '../../../../trace/events.js';
import type { MmEvent } from '../mm.js';
import { VM_ACCESS, VM_GROWSDOWN, VM_MAYSHARE, type Vma } from './vma.js';

export type LinuxMapping = Mapping<Vma>;

const NO_HISTORY: readonly VmaHistory[] = [];

/** `name`: as maps prints it, where more is known than the VMA itself tells ('[heap]', '[stack]'). */
export function mappingOf(
  vma: Vma & { readonly history?: readonly VmaHistory[] },
  name = vma.name || (vma.object?.path ?? ''),
): LinuxMapping {
  const { start, end, flags, object, pageOffset, history = NO_HISTORY } = vma;
  return {
    start,
    end,
    rights: flags & VM_ACCESS,
    may: (flags >> 4) & VM_ACCESS,
    shared: (flags & VM_MAYSHARE) !== 0,
    growsDown: (flags & VM_GROWSDOWN) !== 0,
    name,
    object,
    offset: object === undefined ? 0n : BigInt(pageOffset) << BigInt(PAGE_SHIFT),
    history,
    native: vma,
  };
}

/** The event of the trace that a change of the memory manager's is. */
export function changeEvent(
  { op, before, after, cause, takenBy }: MmEvent,
  pid: number,
): Omit<VmaEvent, 'seq' | 'pc'> {
  const event: Omit<VmaEvent, 'seq' | 'pc'> = {
    type: 'vma',
    op,
    before: before && mappingOf(before),
    after: after && mappingOf(after),
    cause,
    pid,
  };
  return takenBy === undefined ? event : { ...event, takenBy };
}
