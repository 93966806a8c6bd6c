/**
 * MemoryRequest: what a call asks of the guest's memory, read from its arguments before anybody has decided
 * anything. It stands on the call's event, so that nobody above needs to know which names ask for what.
 */
import type { Addr } from '../base/address.js';

/**
 * - map: memory where there is none, or in place of what is there
 * - heap: the end of the heap moves
 * - move: a mapping gets another size or place
 * - protect: other rights
 * - unmap: nothing there any more
 * - use: anything else about pages that are there (advice, locks, seals)
 */
export type MemoryRequestKind = 'map' | 'heap' | 'move' | 'protect' | 'unmap' | 'use';

export interface MemoryRequest {
  readonly kind: MemoryRequestKind;
  /** Of 'map' the address wished for, 0 for none; of 'heap' its new end; else where the pages are. */
  readonly start: Addr;
  /** Bytes, as given; 0 where the call does not say. */
  readonly length: bigint;
  /** RIGHT_* asked for; 0 where the call gives none. */
  readonly rights: number;
  /** Of 'map': the descriptor whose file it is to show. */
  readonly descriptor?: number;
}

/** Does it give an address, the result of the call? */
export function givesAddress({ kind }: MemoryRequest): boolean {
  return kind === 'map' || kind === 'move';
}

/** Is `start` an address that the caller must have got before? */
export function takesAddress({ kind }: MemoryRequest): boolean {
  return kind !== 'map' && kind !== 'heap';
}

/** Does it get memory that was not there? */
export function givesMemory({ kind }: MemoryRequest): boolean {
  return kind === 'map' || kind === 'heap' || kind === 'move';
}
