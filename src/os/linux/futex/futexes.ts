/**
 * Futexes: who sleeps on which word of memory. Compare kernel/futex/core.c and waitwake.c. A word is known by its page's
 * object where that is shared, else by its address space, so that processes find each other's and a copy is another word.
 * Priority inheritance (the PI operations) is not here.
 */
import type { Addr } from '../../../base/address.js';
import type { Meter } from '../../../base/meter.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';
import type { AddressSpace } from '../mm/address-space.js';
import { VM_SHARED } from '../mm/vmas/vma.js';

/** FUTEX_BITSET_MATCH_ANY. */
export const ANY_BIT = 0xffff_ffff;

/** A word as a call names it; `isPrivate`: FUTEX_PRIVATE_FLAG, this address space alone. */
export interface FutexWord {
  readonly mm: AddressSpace;
  readonly address: Addr;
  readonly isPrivate: boolean;
}

/** Where a word lies, whoever looks at it. */
interface FutexKey {
  readonly space: object;
  readonly at: bigint;
}

interface Waiter {
  /** Of this sleep; a moved one keeps it. */
  readonly id: number;
  readonly key: FutexKey;
  readonly bitset: number;
}

export class Futexes {
  /** In the order in which they came. */
  #waiters: readonly Waiter[] = [];
  #lastId = 0;
  readonly #meter: Meter;

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  /** A sleep begins; by its number it can be asked whether it has been woken. */
  wait(word: FutexWord, bitset = ANY_BIT): number {
    const id = ++this.#lastId;
    this.#waiters = [...this.#waiters, { id, key: keyOf(word), bitset }];
    this.#meter.charge('object', this.#waiters.length);
    return id;
  }

  isWoken(id: number): boolean {
    return !this.#waiters.some((waiter) => waiter.id === id);
  }

  /** The sleep ends by a signal or at its time; false when it had been woken already. */
  stop(id: number): boolean {
    const before = this.#waiters.length;
    this.#waiters = this.#waiters.filter((waiter) => waiter.id !== id);
    return this.#waiters.length < before;
  }

  /** Wakes so many of those that sleep on a word. How many that were. */
  wake(word: FutexWord, count: number, bitset = ANY_BIT): number {
    const key = keyOf(word);
    let left = count;
    this.#meter.charge('object', this.#waiters.length);
    const rest = this.#waiters.filter((waiter) => {
      const wakes = left > 0 && isSame(waiter.key, key) && (waiter.bitset & bitset) !== 0;
      if (wakes) left--;
      return !wakes;
    });
    if (left < count) this.#waiters = rest;
    return count - left;
  }

  /** Moves so many of those that sleep on a word to another one. How many that were. */
  requeue(from: FutexWord, to: FutexWord, count: number): number {
    const [key, target] = [keyOf(from), keyOf(to)];
    let left = count;
    const moved: Waiter[] = [];
    this.#meter.charge('object', this.#waiters.length);
    const rest = this.#waiters.filter((waiter) => {
      if (left <= 0 || !isSame(waiter.key, key)) return true;
      left--;
      moved.push({ ...waiter, key: target });
      return false;
    });
    if (moved.length > 0) this.#waiters = [...rest, ...moved];
    return moved.length;
  }

  save(): Saved {
    const waiters = this.#waiters;
    const last = this.#lastId;
    return saved(() => {
      this.#waiters = waiters;
      this.#lastId = last;
    });
  }
}

function isSame(a: FutexKey, b: FutexKey): boolean {
  return a.space === b.space && a.at === b.at;
}

/** get_futex_key(): what is private or not backed by shared memory is the address space's own. */
function keyOf({ mm, address, isPrivate }: FutexWord): FutexKey {
  const vma = isPrivate ? undefined : mm.find(address);
  if (vma?.object === undefined || !(vma.flags & VM_SHARED)) return { space: mm, at: address };
  return { space: vma.object, at: (BigInt(vma.pageOffset) << 12n) + (address - vma.start) };
}
