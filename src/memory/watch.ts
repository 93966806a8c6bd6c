/**
 * PageWatch: somebody who wants to know which pages are stored to and fetched from (a monitor). The engine
 * is told of a page only what leaves the next access of interest a miss; at one the run stops, the watch
 * takes note with the exact instruction, and the run goes on. Without a watch nothing of this costs anything.
 */
import type { Addr } from '../base/address.js';
import type { Access } from '../base/outcome.js';

/** An address space, by identity. */
export interface WatchedSpace {
  /** Has the engine ask for every page again. */
  readonly flushTlb: () => void;
}

export interface PageWatch {
  /** `answer` of translate for an access that is allowed, with fewer rights, or FAULT_WATCHED. */
  grant(space: WatchedSpace, page: number, access: Access, answer: number): number;
  /**
   * The run stopped at an access for which `grant` gave FAULT_WATCHED; when tried again it must pass.
   * `answer`: of translate, by now; a fault when it is one.
   */
  reached(
    space: WatchedSpace,
    access: Access,
    address: Addr,
    answer: number,
    by: { readonly pid: number; readonly pc: Addr },
  ): void;
  /** The kernel (`by` is the call) or the host (`store`) stored into a page of the guest. */
  wrote(space: WatchedSpace, page: number, frame: number, by: string, pc: Addr | undefined): void;
  /** Nobody owns the frame any more. */
  frameFreed(frame: number): void;
  /**
   * Rights of pages [start, end) changed: their mapping came, went or changed, or a protection-key register
   * or a per-thread switch did, which may be about any page.
   */
  rightsChanged(space: WatchedSpace, start: number, end: number): void;
}
