/** msvcrt: the heap, and blocks of memory. */
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { allocateBlock, resizeBlock } from '../process/heap-blocks.js';
import { ENOMEM, setErrno } from './errors.js';

const MAX_BLOCK = 1 << 30;
const PIECE = 4096;

function allocate(call: ApiCall, size: bigint, zero: boolean): bigint {
  const address = allocateBlock(call.process, call.process.heaps.process, size, zero);
  if (address === undefined) setErrno(call.process, ENOMEM);
  return address ?? 0n;
}

function reallocate(call: ApiCall): bigint {
  const { heaps } = call.process;
  const [old, size] = [call.word(0), call.word(1)];
  if (old === 0n) return allocate(call, size, false);
  if (size === 0n) {
    heaps.release(heaps.process, old);
    return 0n;
  }
  if (heaps.sizeOf(heaps.process, old) === undefined) return 0n;
  return resizeBlock(call.process, heaps.process, old, size, false) ?? 0n;
}

/** The block's own address lies in the word before the aligned one. */
function allocateAligned(call: ApiCall): bigint {
  const [size, alignment] = [call.word(0), call.word(1)];
  if (alignment === 0n || (alignment & (alignment - 1n)) !== 0n) return 0n;
  const unit = alignment < 16n ? 16n : alignment;
  const block = allocate(call, size + unit + 16n, false);
  if (block === 0n) return 0n;
  const address = (block + 16n + unit - 1n) & ~(unit - 1n);
  call.memory.setWord(address - 16n, block);
  return address;
}

function copy(call: ApiCall): bigint {
  const length = Number(call.word(2));
  if (length > 0) {
    call.memory.move(call.word(0), call.word(1), Math.min(length, MAX_BLOCK));
  }
  return call.word(0);
}

/** What the third argument counts, in pieces: nobody reads further than to where the answer is. */
function* pieces(call: ApiCall): Generator<{ readonly at: number; readonly length: number }> {
  const total = Math.min(Number(call.word(2)), MAX_BLOCK);
  for (let at = 0; at < total; at += PIECE) yield { at, length: Math.min(PIECE, total - at) };
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const difference = a[index]! - b[index]!;
    if (difference !== 0) return Math.sign(difference);
  }
  return Math.sign(a.length - b.length);
}

function free(call: ApiCall, address: bigint): bigint {
  const { heaps } = call.process;
  heaps.release(heaps.process, address);
  return 0n;
}

export const blocksApi: ApiSet = {
  malloc: cdecl('size size', (call) => allocate(call, call.word(0), false)),
  calloc: cdecl('size count, size size', (call) =>
    allocate(call, call.word(0) * call.word(1), true),
  ),
  realloc: cdecl('ptr memory, size size', reallocate),
  free: cdecl('ptr memory', (call) => free(call, call.word(0))),
  _msize: cdecl('ptr memory', (call) => {
    const { heaps } = call.process;
    return heaps.sizeOf(heaps.process, call.word(0)) ?? -1n;
  }),
  _aligned_malloc: cdecl('size size, size alignment', allocateAligned),
  _aligned_free: cdecl('ptr memory', (call) =>
    call.word(0) === 0n ? 0n : free(call, call.memory.word(call.word(0) - 16n)),
  ),
  memcpy: cdecl('ptr to, ptr from, size count', copy),
  memmove: cdecl('ptr to, ptr from, size count', copy),
  memset: cdecl('ptr to, int value, size count', (call) => {
    const length = Math.min(Number(call.word(2)), MAX_BLOCK);
    if (length > 0) call.memory.fill(call.word(0), length, call.dword(1));
    return call.word(0);
  }),
  memcmp: cdecl('ptr a, ptr b, size count', (call) => {
    for (const { at, length } of pieces(call)) {
      const [a, b] = [0, 1].map((index) => call.memory.read(call.word(index) + BigInt(at), length));
      const order = compareBytes(a!, b!);
      if (order !== 0) return order;
    }
    return 0n;
  }),
  memchr: cdecl('ptr memory, int value, size count', (call) => {
    for (const { at, length } of pieces(call)) {
      const found = call.memory
        .read(call.word(0) + BigInt(at), length)
        .indexOf(call.dword(1) & 0xff);
      if (found >= 0) return call.word(0) + BigInt(at + found);
    }
    return 0n;
  }),
};
