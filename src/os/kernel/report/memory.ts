/** Guest memory as a report reads it: rights do not matter, and what is not mapped reads as zeros. */
import { Struct } from '../../../base/struct.js';
import type { GuestMmu } from '../paging/mmu.js';
import { cleanText } from './text.js';

export class ReportMemory {
  readonly #mmu: GuestMmu;

  constructor(mmu: GuestMmu) {
    this.#mmu = mmu;
  }

  /** Undefined where not all of it is mapped. */
  bytes(address: bigint, length: number): Uint8Array | undefined {
    return this.#mmu.peek(address, length);
  }

  word(address: bigint): bigint {
    const bytes = this.bytes(address, 8);
    return bytes === undefined
      ? 0n
      : bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  }

  setWord(address: bigint, value: bigint): void {
    this.#mmu.poke(address, new Struct(8).setWord(0, 8, BigInt.asUintN(64, value)).bytes);
  }

  /** A text that ends with a zero, or the first `most` characters of it. */
  text(address: bigint, most: number): string {
    for (let length = most; length > 0; length >>= 1) {
      const bytes = this.bytes(address, length);
      if (bytes !== undefined) return cleanText(bytes);
    }
    return '';
  }

  /** The first address from `address` on that is not mapped, among `length`. */
  firstUnmapped(address: bigint, length: number): bigint | undefined {
    for (let at = 0; at < length; at++) {
      const place = BigInt.asUintN(64, address + BigInt(at));
      if (this.bytes(place, 1) === undefined) return place;
    }
    return undefined;
  }

  /** Entries of the page tables on the way to an address. */
  entries(address: bigint): readonly { readonly name: string; readonly entry: bigint }[] {
    return this.#mmu.entries(Number(address >> 12n));
  }

  /** As the line of the page tables has them: `PGD ... P4D ... PUD ... `. */
  tableWords(address: bigint): string {
    return this.entries(address)
      .map(({ name, entry }) => `${name} ${entry.toString(16)}${name === 'PTE' ? '' : ' '}`)
      .join('');
  }
}
