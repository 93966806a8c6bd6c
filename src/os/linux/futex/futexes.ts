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
  readonly key: FutexKey;
  readonly bitset: number;
}

export class Futexes {
  /** By the number of their sleep, in the order in which they came. */
  #waiters: ReadonlyMap<number, Waiter> = new Map();
  #lastId = 0;
  readonly #meter: Meter;

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  /** A sleep begins; by its number it can be asked whether it has been woken. */
  wait(word: FutexWord, bitset = ANY_BIT): number {
    const id = ++this.#lastId;
    this.#waiters = new Map([...this.#waiters, [id, { key: keyOf(word), bitset }]]);
    this.#meter.charge('object', this.#waiters.size);
    return id;
  }

  isWoken(id: number): boolean {
    return !this.#waiters.has(id);
  }

  /** The sleep ends by a signal, at its time, or with its thread. */
  stop(id: number): void {
    if (this.#waiters.has(id)) this.#waiters = without(this.#waiters, [id]);
  }

  /** Wakes so many of those that sleep on a word. How many that were. */
  wake(word: FutexWord, count: number, bitset = ANY_BIT): number {
    const woken = this.#sleepersOn(word, count, bitset);
    this.#waiters = without(this.#waiters, woken);
    return woken.length;
  }

  /** Moves so many of those that sleep on a word to another one. How many that were. */
  requeue(from: FutexWord, to: FutexWord, count: number): number {
    const moved = this.#sleepersOn(from, count, ANY_BIT);
    const key = keyOf(to);
    const there = moved.map((id) => [id, { ...this.#waiters.get(id)!, key }] as const);
    this.#waiters = new Map([...without(this.#waiters, moved), ...there]);
    return moved.length;
  }

  #sleepersOn(word: FutexWord, most: number, bitset: number): number[] {
    const key = keyOf(word);
    const found: number[] = [];
    this.#meter.charge('object', this.#waiters.size);
    for (const [id, waiter] of this.#waiters) {
      if (found.length >= most) break;
      if (isSame(waiter.key, key) && (waiter.bitset & bitset) !== 0) found.push(id);
    }
    return found;
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

function without(waiters: ReadonlyMap<number, Waiter>, ids: readonly number[]): typeof waiters {
  if (ids.length === 0) return waiters;
  const rest = new Map(waiters);
  for (const id of ids) rest.delete(id);
  return rest;
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
