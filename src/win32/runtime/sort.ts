/** msvcrt: qsort and bsearch, whose comparison is the program's. */
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { callback } from '../calls/callback.js';
import type { HostTask } from '../calls/task.js';

/** Bytes of the largest array that is sorted. */
const MAX_ARRAY = 64n << 20n;

function* compare(call: ApiCall, compared: bigint, a: bigint, b: bigint): HostTask<number> {
  const bits = 8 * call.process.word;
  // An array may wrap around the end of what can be addressed.
  const pair = [BigInt.asUintN(bits, a), BigInt.asUintN(bits, b)];
  return Number(BigInt.asIntN(32, yield* callback(call.process, compared, pair)));
}

/** In place and by way of a heap: however the program compares, it ends, and in n log n steps. */
function* sort(call: ApiCall): HostTask<bigint> {
  const { memory } = call;
  const [base, count, size, compared] = [0, 1, 2, 3].map((index) => call.word(index)) as [
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  if (size === 0n || count < 2n || count * size > MAX_ARRAY) return 0n;
  const at = (index: number): bigint => base + BigInt(index) * size;
  const bytes = Number(size);
  const swap = (a: number, b: number): void => {
    const first = memory.read(at(a), bytes);
    memory.write(at(a), memory.read(at(b), bytes));
    memory.write(at(b), first);
  };
  const sink = function* (from: number, end: number): HostTask<void> {
    for (let root = from; ; ) {
      let child = 2 * root + 1;
      if (child >= end) return;
      const isPair = child + 1 < end;
      if (isPair && (yield* compare(call, compared, at(child), at(child + 1))) < 0) child++;
      if ((yield* compare(call, compared, at(root), at(child))) >= 0) return;
      swap(root, child);
      root = child;
    }
  };
  const total = Number(count);
  for (let root = (total >> 1) - 1; root >= 0; root--) yield* sink(root, total);
  for (let end = total - 1; end > 0; end--) {
    swap(0, end);
    yield* sink(0, end);
  }
  return 0n;
}

function* search(call: ApiCall): HostTask<bigint> {
  const [key, base, , size, compared] = [0, 1, 2, 3, 4].map((index) => call.word(index)) as [
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  let [low, high] = [0n, call.word(2)];
  while (low < high) {
    const middle = (low + high) / 2n;
    const order = yield* compare(call, compared, key, base + middle * size);
    if (order === 0) return base + middle * size;
    if (order < 0) high = middle;
    else low = middle + 1n;
  }
  return 0n;
}

export const sortApi: ApiSet = {
  qsort: cdecl('ptr base, size count, size size, ptr compare', sort),
  bsearch: cdecl('ptr key, ptr base, size count, size size, ptr compare', search),
};
