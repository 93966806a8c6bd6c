/**
 * The stack of a thread: reserved whole, committed from the top as far as it was used, with a guard page below that.
 * Touching the guard page commits it and moves the guard down by one; the last pages stay for the exception.
 */
import { MEM_COMMIT, PAGE_GUARD, PAGE_READWRITE } from '../../abi/windows/memory.js';
import { type Addr, PAGE_SIZE_N, pageDown } from '../../base/address.js';
import { allocate } from '../../os/windows/memory/allocate.js';
import { useUpGuard } from '../../os/windows/memory/guard.js';
import type { Win32Process } from './process.js';

/** Pages at the bottom that are never committed by growth. */
const KEPT = 2n;

/** In the page below what the thread's stack has come to. */
export function isStackGuard({ stack }: Win32Process, address: Addr): boolean {
  const page = pageDown(address);
  return page >= stack.bottom && page + PAGE_SIZE_N === stack.limit;
}

/** True when `address` was in the guard page of the thread's stack, and the stack could grow. */
export function growStack(process: Win32Process, address: Addr): boolean {
  const { stack, space } = process;
  const page = pageDown(address);
  if (!isStackGuard(process, address)) return false;
  if (page < stack.bottom + (KEPT + 1n) * PAGE_SIZE_N) return false;
  if (!useUpGuard(space.vm, Number(page / PAGE_SIZE_N))) return false;
  stack.limit = page;
  const guard = allocate(space.vm, {
    base: page - PAGE_SIZE_N,
    size: PAGE_SIZE_N,
    type: MEM_COMMIT,
    protect: PAGE_READWRITE | PAGE_GUARD,
  });
  const { word } = process;
  process.memory.tryWrite(process.teb + BigInt(word * 2), wordBytes(stack.limit, word));
  return guard.ok;
}

/** What the system itself is about to write down to `lowest` has to be there: it touches the guard pages on its way. */
export function needStack(process: Win32Process, lowest: Addr): void {
  const { stack } = process;
  if (lowest < stack.bottom || lowest >= stack.base) return;
  while (stack.limit > lowest && growStack(process, stack.limit - 1n));
}

function wordBytes(value: bigint, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) =>
    Number((value >> BigInt(8 * index)) & 0xffn),
  );
}
