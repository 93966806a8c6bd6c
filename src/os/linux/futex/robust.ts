/**
 * Robust futexes: words that a thread owns when it ends are marked, and one who waits for each is woken. Compare
 * kernel/futex/core.c:exit_robust_list() and handle_futex_death(); the list is the thread's own memory and may be wrong
 * in any way.
 */
import type { Addr } from '../../../base/address.js';
import type { Meter } from '../../../base/meter.js';
import { wordIn, wordOut } from '../../../kernel/user-memory.js';
import type { AddressSpace } from '../mm/address-space.js';
import type { Futexes } from './futexes.js';

const FUTEX_WAITERS = 0x8000_0000n;
const FUTEX_OWNER_DIED = 0x4000_0000n;
const FUTEX_TID_MASK = 0x3fff_ffffn;
/** ROBUST_LIST_LIMIT. */
const MOST_ENTRIES = 2048;

/** What is read and written of each: three words, wherever they lie. */
const WORDS_OF_ENTRY = 3;

/** A thread that ends. */
interface Owner {
  readonly tid: number;
  /** set_robust_list; 0: none. */
  readonly robustList: Addr;
  readonly mm: AddressSpace;
  readonly abi: { readonly word: 4 | 8 };
  readonly kernel: { readonly futexes: Futexes; readonly meter: Meter };
}

export function leaveRobustFutexes(owner: Owner): void {
  const { robustList: head, mm } = owner;
  const { word } = owner.abi;
  if (head === 0n) return;
  const [first, offset, pending] = [0n, 1n, 2n].map((index) =>
    wordIn(mm, head + index * BigInt(word), word),
  );
  if (!first?.ok || !offset?.ok || !pending?.ok) return;
  const shift = BigInt.asIntN(8 * word, offset.value);
  const [waited, isPi] = entryOf(pending.value);
  let [entry, entryPi] = entryOf(first.value);
  for (let count = 0; entry !== head && count < MOST_ENTRIES; count++) {
    owner.kernel.meter.charge('page', WORDS_OF_ENTRY);
    const next = wordIn(mm, entry, word);
    if (entry !== waited && !leave(owner, addressAt(entry, shift, word), entryPi, false)) return;
    if (!next.ok) return;
    [entry, entryPi] = entryOf(next.value);
  }
  if (waited !== 0n) leave(owner, addressAt(waited, shift, word), isPi, true);
}

/** The lowest bit says that the word is one with priority inheritance. */
function entryOf(pointer: bigint): [Addr, boolean] {
  return [pointer & ~1n, (pointer & 1n) !== 0n];
}

function addressAt(entry: Addr, shift: bigint, word: 4 | 8): Addr {
  return BigInt.asUintN(8 * word, entry + shift);
}

/** False: the list cannot be followed any further. `isPending`: the thread was about to take or leave it. */
function leave(owner: Owner, address: Addr, isPi: boolean, isPending: boolean): boolean {
  const { mm, tid } = owner;
  if (address & 3n) return false;
  const word = wordIn(mm, address, 4);
  if (!word.ok) return false;
  const { futexes } = owner.kernel;
  const place = { mm, address, isPrivate: false };
  const holder = word.value & FUTEX_TID_MASK;
  if (isPending && !isPi && holder === 0n) {
    futexes.wake(place, 1);
    return true;
  }
  if (holder !== BigInt(tid)) return true;
  const marked = (word.value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
  if (!wordOut(mm, address, 4, marked).ok) return false;
  if (!isPi && word.value & FUTEX_WAITERS) futexes.wake(place, 1);
  return true;
}
