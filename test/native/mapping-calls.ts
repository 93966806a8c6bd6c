/** Generators of the calls that make, change, move and remove mappings. */
import * as M from '../../src/abi/linux/mman.js';
import type { Choices } from './choices.js';
import type { Descriptors } from './descriptors.js';
import { BASE } from './guest.js';
import { type Arg, type CallOp, call, inWindow, type Op, value } from './operation.js';

export type Generator = (choices: Choices, descriptors: Descriptors) => Op[];

export const SIZE_LIMIT = 64n << 20n;
const MAP_DROPPABLE = 8;

export const mmap: Generator = (choices, descriptors) => {
  const { address, length: wished } = choices.range();
  const anonymous = choices.one(2) || descriptors.open.length === 0;
  const type = mapType(choices);
  let flags = type | (anonymous ? M.MAP_ANONYMOUS : 0) | placement(choices) | extras(choices);
  const length = flags & M.MAP_FIXED ? wished : sized(choices, wished);
  // What is populated or locked is real memory, and what is huge must cost nothing on any machine.
  if (length > SIZE_LIMIT) flags &= ~(M.MAP_POPULATE | M.MAP_LOCKED);
  // Reserved at once, or refused: a machine without huge pages refuses.
  if (flags & M.MAP_HUGETLB) flags &= ~M.MAP_NORESERVE;
  // Some file systems refuse it with MAP_SHARED, others take it.
  if (!anonymous) flags &= ~M.MAP_SYNC;
  const prot = length > SIZE_LIMIT ? 0 : choices.prot();
  const hint =
    choices.one(10) && !(flags & (M.MAP_FIXED | M.MAP_FIXED_NOREPLACE)) ? value(0) : address;
  const fd = anonymous && !choices.odd() ? value(-1) : descriptors.fd();
  const made = mapping(choices, hint, length, prot, flags, fd);
  const astray = (flags & M.MAP_32BIT) !== 0 && !(flags & M.MAP_FIXED);
  if (!astray || choices.arch === 'i386') return [made];
  // It lands at a random place, which must not be seen again: it might lie beside the heap.
  const slot = BASE.FIRST_SLOT + 1;
  return [{ ...made, keep: slot }, call('munmap', { base: slot, offset: 0n }, length)];
};

/** Whether a huge length finds room must not depend on where the kernel randomly put the stack. */
function sized(choices: Choices, length: bigint): bigint {
  return length > SIZE_LIMIT ? choices.tooLong() : length;
}

function mapType(choices: Choices): number {
  if (choices.odd()) return choices.pick([0, M.MAP_SHARED_VALIDATE, MAP_DROPPABLE, 4, 15]);
  return choices.pick([M.MAP_PRIVATE, M.MAP_PRIVATE, M.MAP_SHARED]);
}

function placement(choices: Choices): number {
  return choices.pick([M.MAP_FIXED, M.MAP_FIXED, M.MAP_FIXED, 0, M.MAP_FIXED_NOREPLACE]);
}

function extras(choices: Choices): number {
  const common = [M.MAP_NORESERVE, M.MAP_POPULATE, M.MAP_GROWSDOWN, M.MAP_STACK, M.MAP_LOCKED];
  const rare = [
    M.MAP_DENYWRITE,
    M.MAP_EXECUTABLE,
    M.MAP_NONBLOCK,
    M.MAP_UNINITIALIZED,
    M.MAP_SYNC,
    0x200,
  ];
  let flags = choices.some(common, 16);
  if (choices.odd()) flags |= choices.pick(rare);
  if (choices.odd()) flags |= choices.pick([M.MAP_32BIT, M.MAP_HUGETLB, 1 << 30]);
  return flags;
}

/** mmap on x86-64; mmap2, and at times the old mmap, on i386. The offset is in pages; bytes for mmap. */
function mapping(
  choices: Choices,
  hint: Arg,
  length: bigint,
  prot: number,
  flags: number,
  fd: Arg,
): CallOp {
  const page = choices.odd()
    ? choices.pick([0x7fffffffn, 0xfffffn, 0xffffffffn])
    : BigInt(choices.pick([0, 0, 0, 1, 2, 5]));
  const odd = choices.odd() ? 1n : 0n;
  const old = choices.arch === 'x86-64' || choices.one(10);
  const offset = old ? page * 4096n + odd : page;
  return call(old ? 'mmap' : 'mmap2', hint, length, prot, flags, fd, offset);
}

export const munmap: Generator = (choices) => {
  const { address, length } = choices.one(3) ? choices.range() : choices.smallRange();
  return [call('munmap', address, length)];
};

export const mprotect: Generator = (choices) => {
  const { address, length } = choices.range();
  const prot = BigInt(choices.prot()) | (choices.odd() ? 1n << 33n : 0n);
  if (!choices.one(30)) return [call('mprotect', address, length, prot)];
  return [call('pkey_mprotect', address, length, prot, choices.pick([-1, 0, 1, 15, 16]))];
};

export const mremap: Generator = (choices) => {
  const { address, length } = choices.range();
  const grown = choices.pick([length, length, choices.length(), choices.range().length]);
  const flags = choices.odd()
    ? choices.pick([M.MREMAP_FIXED, M.MREMAP_DONTUNMAP, 8, 0x10001])
    : choices.pick([
        0,
        M.MREMAP_MAYMOVE,
        M.MREMAP_MAYMOVE,
        M.MREMAP_MAYMOVE | M.MREMAP_FIXED,
        M.MREMAP_MAYMOVE | M.MREMAP_FIXED,
        M.MREMAP_MAYMOVE | M.MREMAP_DONTUNMAP,
        M.MREMAP_MAYMOVE | M.MREMAP_FIXED | M.MREMAP_DONTUNMAP,
      ]);
  const old = choices.one(20) ? 0n : length;
  return [call('mremap', address, old, sized(choices, grown), flags, choices.address())];
};

/** What a sequence begins with: most of its pages mapped, in one to three pieces. */
export function ground(choices: Choices, descriptors: Descriptors): Op[] {
  const pieces = choices.pick([0, 1, 1, 2, 3]);
  const size = Math.ceil(choices.pages / Math.max(pieces, 1));
  return Array.from({ length: pieces }, (_, piece) => {
    const useFile = choices.one(3) && descriptors.open.length > 0;
    const fd = useFile ? descriptors.fd() : value(-1);
    const flags = M.MAP_FIXED | (useFile ? 0 : M.MAP_ANONYMOUS) | choices.pick([1, 2, 2, 2]);
    const prot = choices.pick([3, 3, 3, 7, 5, 1, 0]);
    return mapping(choices, inWindow(piece * size * 4096), BigInt(size) * 4096n, prot, flags, fd);
  });
}
