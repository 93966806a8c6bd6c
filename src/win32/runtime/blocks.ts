/** msvcrt: the heap, and blocks of memory. */
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { ENOMEM, setErrno } from './errors.js';

const MAX_BLOCK = 1 << 30;

function allocate(call: ApiCall, size: bigint, zero: boolean): bigint {
  const { heaps, space } = call.process;
  const address = heaps.allocate(heaps.process, size);
  if (address === undefined) {
    setErrno(call.process, ENOMEM);
    return 0n;
  }
  if (zero) space.vm.pages.poke(address, new Uint8Array(Number(size)));
  return address;
}

function reallocate(call: ApiCall): bigint {
  const { heaps, space } = call.process;
  const [old, size] = [call.word(0), call.word(1)];
  if (old === 0n) return allocate(call, size, false);
  if (size === 0n) {
    heaps.release(heaps.process, old);
    return 0n;
  }
  const before = heaps.sizeOf(heaps.process, old);
  if (before === undefined) return 0n;
  if (heaps.resize(heaps.process, old, size)) return old;
  const moved = heaps.allocate(heaps.process, size);
  if (moved === undefined) return 0n;
  const bytes = space.vm.pages.peek(old, Number(before < size ? before : size));
  if (bytes !== undefined) space.vm.pages.poke(moved, bytes);
  heaps.release(heaps.process, old);
  return moved;
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
    call.memory.write(call.word(0), call.memory.read(call.word(1), Math.min(length, MAX_BLOCK)));
  }
  return call.word(0);
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
    if (length > 0) call.memory.write(call.word(0), new Uint8Array(length).fill(call.dword(1)));
    return call.word(0);
  }),
  memcmp: cdecl('ptr a, ptr b, size count', (call) => {
    const length = Math.min(Number(call.word(2)), MAX_BLOCK);
    if (length === 0) return 0n;
    const [a, b] = [call.memory.read(call.word(0), length), call.memory.read(call.word(1), length)];
    return compareBytes(a, b);
  }),
  memchr: cdecl('ptr memory, int value, size count', (call) => {
    const bytes = call.memory.tryRead(call.word(0), Math.min(Number(call.word(2)), MAX_BLOCK));
    const at = bytes?.indexOf(call.dword(1) & 0xff) ?? -1;
    return at < 0 ? 0n : call.word(0) + BigInt(at);
  }),
};
