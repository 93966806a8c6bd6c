/**
 * VirtualMemory: the address space of one Windows process: its allocations and, behind a port, the pages. The
 * operations on it (allocate.ts, protect.ts, free.ts, ...) are the Nt* calls; they change an allocation only when the
 * pages have followed.
 */
import type { NtStatus } from '../../../abi/windows/status.js';
import type { Addr } from '../../../base/address.js';
import type { Access } from '../../../base/outcome.js';
import type { MemoryRules } from './rules.js';
import type { PageRange, Run, Vad, VadList } from './vad.js';

/** What memory is about to become, for a policy that guards code. */
export interface CodeRequest {
  readonly what: 'allocate' | 'protect' | 'view';
  readonly range: PageRange;
  /** Undefined for new memory. */
  readonly before: number | undefined;
  readonly after: number;
  readonly image: boolean;
}

/** Pages of an allocation that are not what they were. */
export interface MemoryChange {
  readonly vad: Vad;
  /** Empty: the allocation is new. */
  readonly before: readonly Run[];
  /** Empty: it is gone. */
  readonly after: readonly Run[];
}

/** The pages behind the allocations. A status other than success leaves them as they were. */
export interface Pages {
  /** A new allocation, its runs already as they shall be; it is not in the list yet. */
  map(vad: Vad): NtStatus;
  unmap(vad: Vad, start: number, end: number): void;
  /** Reserved or committed pages become committed with `protect`. */
  commit(vad: Vad, start: number, end: number, protect: number): NtStatus;
  protect(vad: Vad, start: number, end: number, protect: number): NtStatus;
  decommit(vad: Vad, start: number, end: number): void;
  /** The content may be dropped (MEM_RESET). */
  reset(vad: Vad, start: number, end: number): void;
  /** What was written to a view's pages goes to the file; `length` in bytes. */
  flush(vad: Vad, address: Addr, length: bigint): NtStatus;
  /** Pages of an image or a copy view that the process has its own copy of. */
  copiedPages(vad: Vad, start: number, end: number): number[];
  /** Pages written since the watch began or was reset, ascending. */
  writtenPages(vad: Vad, start: number, end: number): number[];
  resetWrites(vad: Vad, start: number, end: number): void;
  /** Bytes as a debugger reads them; undefined where a page is not committed. */
  peek(address: Addr, length: number): Uint8Array | undefined;
  /** As a debugger writes them: copies what is shared, whatever the rights. False where nothing is committed. */
  poke(address: Addr, bytes: Uint8Array): boolean;
}

export interface VirtualMemory {
  readonly rules: MemoryRules;
  readonly pages: Pages;
  readonly vads: VadList;
  /** First page, and the page behind the last, that a program may allocate. */
  readonly floor: number;
  readonly top: number;
  /** Bytes of the largest allocation: what a program can address. */
  readonly largest: bigint;
  /** Where the system looks for room, in order, when the program names no address. */
  readonly areas: readonly PageRange[];
  /** Bytes that may be committed. */
  readonly commitLimit: number;
  /** Pages committed now. */
  committed: number;
  readonly locked: Set<number>;
  /** Refuses what a policy refuses; 0 lets it pass. */
  judge(request: CodeRequest): NtStatus;
  /** Told of each change once it is made. */
  changed(change: MemoryChange): void;
}

/** A guest access that a page refuses, or undefined: it would succeed. */
export type AccessProblem = 'guard' | 'violation';

export interface AccessFault {
  readonly problem: AccessProblem;
  readonly address: Addr;
  readonly access: Access;
}
