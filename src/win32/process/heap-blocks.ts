/** Blocks of a heap with content: cleared, or moved to a larger place. */
import type { Addr } from '../../base/address.js';
import type { Win32Process } from './process.js';

/** Undefined: there is no room, or no memory for its zeros. */
export function allocateBlock(
  { heaps, memory }: Win32Process,
  heap: Addr,
  size: bigint,
  zero: boolean,
): Addr | undefined {
  const address = heaps.allocate(heap, size);
  if (address === undefined || !zero || heaps.isNew(heap, address)) return address;
  if (memory.fillAnyway(address, Number(size), 0)) return address;
  heaps.release(heap, address);
  return undefined;
}

/**
 * The block with another size, there or elsewhere; undefined leaves it as it is.
 * @param zero what is added is cleared.
 */
export function resizeBlock(
  { heaps, memory }: Win32Process,
  heap: Addr,
  old: Addr,
  size: bigint,
  zero: boolean,
): Addr | undefined {
  const before = heaps.sizeOf(heap, old) ?? 0n;
  const added = Number(size > before ? size - before : 0n);
  if (heaps.resize(heap, old, size)) {
    return !zero || memory.fillAnyway(old + before, added, 0) ? old : undefined;
  }
  const moved = heaps.allocate(heap, size);
  if (moved === undefined) return undefined;
  const isCleared = !zero || heaps.isNew(heap, moved);
  const kept = Number(before < size ? before : size);
  if (
    !memory.moveAnyway(moved, old, kept) ||
    !(isCleared || memory.fillAnyway(moved + before, added, 0))
  ) {
    heaps.release(heap, moved);
    return undefined;
  }
  heaps.release(heap, old);
  return moved;
}
