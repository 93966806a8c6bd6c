/**
 * PageWatch: somebody who wants to know which pages are stored to and fetched from (a monitor). The engine
 * is told of a page only what leaves the next access of interest a miss; at one the run stops, the watch
 * takes note with the exact instruction, and the run goes on. Without a watch nothing of this costs anything.
 */
import type { Addr } from '../base/address.js';
import type { Access } from '../base/outcome.js';
import type { Mm, MmEvent } from '../os/linux/mm/mm.js';

export interface PageWatch {
  /** `answer` of translate for an access that is allowed, with fewer rights, or FAULT_WATCHED. */
  grant(mm: Mm, page: number, access: Access, answer: number): number;
  /** The run stopped at an access for which `grant` gave FAULT_WATCHED; when tried again it must pass. */
  reached(
    mm: Mm,
    access: Access,
    address: Addr,
    by: { readonly pid: number; readonly pc: Addr },
  ): void;
  /** The kernel (`by` is the call) or the host (`store`) stored into a page of the guest. */
  wrote(mm: Mm, page: number, frame: number, by: string): void;
  /** Nobody owns the frame any more. */
  frameFreed(frame: number): void;
  /** Mappings changed. */
  mapChanged(mm: Mm, event: MmEvent): void;
  /** Rights changed without a mapping: a protection-key register, a per-thread switch. */
  rightsSwitched(mm: Mm): void;
}
