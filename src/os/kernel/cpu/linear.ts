/** Memory by linear address, as the CPU itself uses it: descriptor tables, the TSS, frames of exceptions. */
import { PAGE_SIZE } from '../../../base/address.js';
import type { Access } from '../../../base/outcome.js';
import { type GuestMmu, isCanonical } from '../paging/mmu.js';
import type { AccessRights } from '../paging/walk.js';

/** Why an access could not be made; a code of -1: the address is not canonical. */
export interface LinearFault {
  readonly address: bigint;
  readonly errorCode: number;
}

export const NOT_CANONICAL = -1;
/** What the CPU does for itself has a supervisor's rights, and EFLAGS.AC plays no part. */
const IMPLICIT: AccessRights = { user: false, alignmentCheck: false };

interface Piece {
  readonly physical: number;
  readonly at: number;
  readonly count: number;
}

export class LinearMemory {
  readonly #mmu: GuestMmu;

  constructor(mmu: GuestMmu) {
    this.#mmu = mmu;
  }

  read(address: bigint, length: number, rights = IMPLICIT): Uint8Array | LinearFault {
    const pieces = this.#pieces(address, length, 'read', rights);
    if ('errorCode' in pieces) return pieces;
    const bytes = new Uint8Array(length);
    for (const { physical, at, count } of pieces)
      bytes.set(this.#mmu.ram.read(physical, count), at);
    return bytes;
  }

  /** Up to `length` bytes of code, as far as it can be executed. */
  fetch(address: bigint, length: number): Uint8Array {
    const toPageEnd = PAGE_SIZE - Number(address & 0xfffn);
    const first = Math.min(length, toPageEnd);
    const bytes = new Uint8Array(length);
    let count = 0;
    for (const part of [first, length - first]) {
      const pieces = this.#pieces(address + BigInt(count), part, 'exec', IMPLICIT);
      if ('errorCode' in pieces) break;
      for (const piece of pieces)
        bytes.set(this.#mmu.ram.read(piece.physical, piece.count), count + piece.at);
      count += part;
    }
    return bytes.subarray(0, count);
  }

  /** All or nothing. */
  write(address: bigint, bytes: Uint8Array, rights = IMPLICIT): LinearFault | undefined {
    const pieces = this.#pieces(address, bytes.length, 'write', rights);
    if ('errorCode' in pieces) return pieces;
    for (const { physical, at, count } of pieces) {
      this.#mmu.ram.write(physical, bytes.subarray(at, at + count));
    }
    return undefined;
  }

  #pieces(
    address: bigint,
    length: number,
    access: Access,
    rights: AccessRights,
  ): Piece[] | LinearFault {
    const pieces: Piece[] = [];
    for (let at = 0; at < length; ) {
      const place = BigInt.asUintN(64, address + BigInt(at));
      if (!isCanonical(place)) return { address: place, errorCode: NOT_CANONICAL };
      const resolved = this.#mmu.resolve(Number(place >> 12n), access, rights);
      if (resolved.kind === 'fault') return { address: place, errorCode: resolved.errorCode };
      const within = Number(place & 0xfffn);
      const count = Math.min(length - at, PAGE_SIZE - within);
      pieces.push({ physical: resolved.frame * PAGE_SIZE + within, at, count });
      at += count;
    }
    return pieces;
  }
}
