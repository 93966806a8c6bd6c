/**
 * MemoryRules: where Windows' memory manager and Wine 8.0's answer the same call differently. One field is one
 * difference; everything that is not named here is the same on both. Those of Wine were recorded from Wine 8.0;
 * those of Windows follow Microsoft's documentation of each call, or are well established.
 */
export interface MemoryRules {
  /** Modifiers that exclude each other, and unknown bits, are refused; else they are accepted, unknown bits ignored. */
  readonly strictModifiers: boolean;
  /** PAGE_WRITECOMBINE is kept and reported. */
  readonly keepsWriteCombine: boolean;
  /** PAGE_NOCACHE belongs to the allocation; a later call's is ignored. */
  readonly noCacheOfAllocation: boolean;
  /** MEM_RESET stands alone and needs a valid protection; else it passes with anything, and even allocates. */
  readonly strictReset: boolean;
  /** MEM_RESET_UNDO works (Windows 8). */
  readonly resetUndo: boolean;
  /** MEM_WRITE_WATCH needs MEM_RESERVE. */
  readonly writeWatchNeedsReserve: boolean;
  /** Freeing what is free is STATUS_MEMORY_NOT_ALLOCATED; else STATUS_INVALID_PARAMETER. */
  readonly freeOfFree: 'not-allocated' | 'invalid-parameter';
  /** A protection over no single allocation is STATUS_CONFLICTING_ADDRESSES; else STATUS_INVALID_PARAMETER. */
  readonly protectOfNone: 'conflicting' | 'invalid-parameter';
  /** VirtualProtect of no bytes is refused. */
  readonly protectNeedsSize: boolean;
  /** Status of an allocation larger than the address space. */
  readonly tooLarge: 'fails' | 'working-set-limit';
  /** WRITECOPY becomes READWRITE at the first write. */
  readonly writeCopyEnds: boolean;
  /** NtFreeVirtualMemory(MEM_RELEASE) of a part splits the allocation. */
  readonly releaseOfPart: boolean;
  /** VirtualLock asks for a size and uses a guard up; else every refusal is STATUS_ACCESS_DENIED. */
  readonly strictLock: boolean;
  /** VirtualUnlock of what is not locked is STATUS_NOT_LOCKED. */
  readonly countsLocks: boolean;
  /** A view can be unmapped by any of its addresses. */
  readonly unmapsInside: boolean;
  /** Only views can be flushed; else whatever is allocated. */
  readonly flushesViewsOnly: boolean;
  /** VirtualAlloc2 knows placeholders (Windows 10 1803). */
  readonly placeholders: boolean;
}

export const WINDOWS_RULES: MemoryRules = {
  strictModifiers: true,
  keepsWriteCombine: true,
  noCacheOfAllocation: false,
  strictReset: true,
  resetUndo: true,
  writeWatchNeedsReserve: true,
  freeOfFree: 'not-allocated',
  protectOfNone: 'conflicting',
  protectNeedsSize: true,
  tooLarge: 'fails',
  writeCopyEnds: true,
  releaseOfPart: true,
  strictLock: true,
  countsLocks: true,
  unmapsInside: true,
  flushesViewsOnly: true,
  placeholders: true,
};

export const WINE_RULES: MemoryRules = {
  strictModifiers: false,
  keepsWriteCombine: false,
  noCacheOfAllocation: true,
  strictReset: false,
  resetUndo: false,
  writeWatchNeedsReserve: false,
  freeOfFree: 'invalid-parameter',
  protectOfNone: 'invalid-parameter',
  protectNeedsSize: false,
  tooLarge: 'working-set-limit',
  writeCopyEnds: false,
  releaseOfPart: false,
  strictLock: false,
  countsLocks: false,
  unmapsInside: true,
  flushesViewsOnly: false,
  placeholders: false,
};
