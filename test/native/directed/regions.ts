/** The heap, growing mappings, limits and odd arguments. */

import * as M from '../../../src/abi/linux/mman.js';
import type { Arch } from '../../../src/base/address.js';
import { CAPTURE } from '../guest.js';
import { call, inScratch, inWindow, type Op, value } from '../operation.js';
import { stringAt } from '../script.js';
import {
  exec,
  FIXED,
  type Group,
  heap,
  MAYMOVE,
  mprotect,
  PAGE,
  R,
  read,
  smaps,
  W,
  w,
  write,
  X,
} from './words.js';

export const heapAndStack: Group = (m) => ({
  '0.8: brk': [
    call('brk', heap(-1)),
    call('brk', heap(PAGE)),
    call('brk', heap(0x1801)),
    read(heap(0x1ff8)),
    read(heap(0x2000)),
    call('brk', heap(PAGE)),
    read(heap(0x1000)),
    call('mprotect', heap(0), PAGE, R | X),
    call('brk', heap(3 * PAGE)),
    smaps,
    call('brk', heap(0)),
    call('brk', -1n),
  ],
  'brk stops below a neighbour': [
    call('brk', heap(PAGE)),
    m.map(heap(3 * PAGE), 1, R),
    call('brk', heap(2 * PAGE)),
    call('brk', heap(3 * PAGE)),
    call('brk', heap(4 * PAGE)),
  ],
  'a mapping that grows down': [
    m.map(0x400, 2, R | W, FIXED | M.MAP_GROWSDOWN),
    write(w(0x3ff)),
    write(w(0x3f0)),
    m.map(0x100, 1, R | W),
    write(w(0x202)),
    write(w(0x201)),
    write(w(0x200)),
    mprotect(0x300, 1, R | M.PROT_GROWSDOWN),
    m.map(0, 1, R),
    mprotect(0, 1, R | M.PROT_GROWSDOWN),
    mprotect(0, 1, R | M.PROT_GROWSUP),
  ],
  'the guard gap of a growing mapping': [
    m.map(0x400, 1, R | W, FIXED | M.MAP_GROWSDOWN),
    m.map(0x3ff, 1, R, FIXED & ~M.MAP_FIXED),
    m.map(0x2ff, 1, R, FIXED & ~M.MAP_FIXED),
    m.map(0x300, 1, R, FIXED & ~M.MAP_FIXED),
    m.map(0x3f0, 1, R),
    write(w(0x3ff)),
  ],
  'the last bytes of all': [-1, -3, -4, -7, -8, -9].flatMap((at) => [
    read(value(BigInt(at))),
    write(value(BigInt(at))),
    exec(value(BigInt(at))),
  ]),
  'a gap too small below a growing mapping does not carry its guard gap further': [
    m.map(0, 0xa8000, 0, FIXED | M.MAP_NORESERVE | M.MAP_GROWSDOWN),
    m.map(0, 2, R | W),
    call('mremap', w(0), PAGE, 2 * PAGE, MAYMOVE, 0),
    m.map(value(0), 0x8000, R, FIXED & ~M.MAP_FIXED),
  ],
});

/** setrlimit: both limits the same; the structure lies in the scratch page. */
function setLimit(arch: Arch, resource: number, bytes: bigint): Op[] {
  const at = 0xf00;
  const store = (place: number, word: bigint): Op => ({
    kind: 'write',
    address: inScratch(place),
    value: word,
  });
  const stores =
    arch === 'i386'
      ? [store(at, bytes | (bytes << 32n))]
      : [store(at, bytes), store(at + 8, bytes)];
  return [...stores, call('setrlimit', resource, inScratch(at))];
}

export const limits = (arch: Arch): Group => {
  const [DATA, STACK, MEMLOCK, AS] = [2, 3, 8, 9];
  const MIB = 1n << 20n;
  return (m) => ({
    RLIMIT_AS: [
      ...setLimit(arch, AS, 256n * MIB),
      m.map(0, 512 * 256, 0),
      m.map(0, 256, R | W),
      call('mremap', w(0), MIB, 512n * MIB, MAYMOVE, 0),
    ],
    RLIMIT_DATA: [
      ...setLimit(arch, DATA, 64n * MIB),
      m.map(0, 128 * 256, R | W),
      m.map(0, 128 * 256, R),
      m.map(0, 16 * 256, R | W),
      mprotect(16 * 256, 112 * 256, R | W),
      call('brk', heap(128 << 20)),
    ],
    'RLIMIT_STACK bounds every growing mapping': [
      ...setLimit(arch, STACK, MIB),
      m.map(0x400, 2, R | W, FIXED | M.MAP_GROWSDOWN),
      write(w(0x380)),
      write(w(0x302)),
      write(w(0x300)),
    ],
    RLIMIT_MEMLOCK: [
      ...setLimit(arch, MEMLOCK, 65536n),
      m.map(0, 32, R | W),
      call('mlock', w(0), 16 * PAGE),
      call('mlock', w(0), 17 * PAGE),
      call('mlock', w(20), PAGE),
      m.map(40, 1, R | W, FIXED | M.MAP_LOCKED),
      call('munlock', w(0), PAGE),
      m.map(40, 1, R | W, FIXED | M.MAP_LOCKED),
      call('mremap', w(40), PAGE, 2 * PAGE, MAYMOVE, 0),
      call('mlockall', 2),
      m.map(50, 1, R | W),
    ],
    'MAP_LOCKED without any allowance': [
      ...setLimit(arch, MEMLOCK, 0n),
      m.map(0, 1, R | W, FIXED | M.MAP_LOCKED),
      m.map(0, 1, R | W),
      call('mlock', w(0), PAGE),
      call('mlockall', 2),
    ],
  });
};

export const oddArguments: Group = (m) => ({
  'protection keys without the hardware': [
    call('pkey_alloc', 0, 0),
    call('pkey_alloc', 1, 0),
    call('pkey_alloc', 0, 4),
    call('pkey_free', 1),
    call('pkey_free', 0),
    m.map(0, 1, R | W),
    call('pkey_mprotect', w(0), PAGE, R, 0),
    call('pkey_mprotect', w(0), PAGE, R, 1),
    call('pkey_mprotect', w(0), PAGE, R, -1),
    call('pkey_mprotect', w(0), PAGE, R, -2),
  ],
  'mincore, msync, mlock': [
    m.map(0, 4, R | W),
    write(w(1)),
    read(w(2)),
    call('mincore', w(0), 4 * PAGE, inScratch(CAPTURE)),
    call('mincore', inWindow(1), PAGE, inScratch(CAPTURE)),
    call('mincore', w(0), 5 * PAGE, inScratch(CAPTURE)),
    call('mincore', w(0), PAGE, w(9)),
    call('mincore', w(0), 0, w(9)),
    call('msync', w(0), 5 * PAGE, 4),
    call('msync', w(0), PAGE, 5),
    call('msync', inWindow(1), PAGE, 4),
    call('mlock', w(0), 5 * PAGE),
    call('mlock2', w(0), PAGE, 2),
    call('mlock2', w(0), PAGE, 1),
    call('msync', w(0), PAGE, 2),
    call('madvise', w(0), PAGE, M.MADV_DONTNEED),
    call('munlock', w(0), PAGE),
  ],
  'system calls that store into the window': [
    call('open', stringAt('data'), 0),
    call('pread64', 3, w(0), PAGE, 0, 0),
    m.map(0, 1, R),
    call('pread64', 3, w(0), PAGE, 0, 0),
    m.map(0, 1, R | W),
    call('pread64', 3, inWindow(0x800), PAGE, 0, 0),
    read(inWindow(0x800)),
    call('pread64', 3, w(0), 2 * PAGE, PAGE, 0),
    read(w(0)),
  ],
});
