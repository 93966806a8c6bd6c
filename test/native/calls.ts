/** Generators of everything else that a sequence does, and the list of all of them. */
import * as M from '../../src/abi/linux/mman.js';
import type { Choices } from './choices.js';
import type { Descriptors } from './descriptors.js';
import { BASE, CAPTURE } from './guest.js';
import { type Generator, mmap, mprotect, mremap, munmap, SIZE_LIMIT } from './mapping-calls.js';
import { type Arg, call, inScratch, inWindow, type Op, value } from './operation.js';
import { mark, PIECES } from './script.js';

const touch: Generator = (choices) => {
  const address = choices.touchAddress();
  const kind = choices.pick(['read', 'write', 'write', 'write', 'exec'] as const);
  if (kind !== 'write') return [{ kind, address }];
  return [{ kind, address, value: mark(choices.random.below(100_000)) }];
};

const MADV_GUARD_INSTALL = 102;
const MADV_GUARD_REMOVE = 103;
const ADVICE = [
  M.MADV_NORMAL,
  M.MADV_RANDOM,
  M.MADV_SEQUENTIAL,
  M.MADV_WILLNEED,
  M.MADV_DONTNEED,
  M.MADV_DONTNEED,
  M.MADV_DONTNEED,
  M.MADV_FREE,
  M.MADV_REMOVE,
  M.MADV_DONTFORK,
  M.MADV_DOFORK,
  M.MADV_DONTDUMP,
  M.MADV_DODUMP,
  M.MADV_WIPEONFORK,
  M.MADV_KEEPONFORK,
  M.MADV_COLD,
  M.MADV_POPULATE_READ,
  M.MADV_POPULATE_WRITE,
  MADV_GUARD_INSTALL,
  MADV_GUARD_REMOVE,
];

const madvise: Generator = (choices) => {
  const { address, length } = choices.range(SIZE_LIMIT);
  const odd = [5, 7, 24, 26, 200, M.MADV_MERGEABLE, M.MADV_UNMERGEABLE, M.MADV_NOHUGEPAGE];
  return [
    call('madvise', address, length, choices.odd() ? choices.pick(odd) : choices.pick(ADVICE)),
  ];
};

const brk: Generator = (choices) => {
  const pages = choices.random.below(8);
  const change = { base: BASE.BRK, offset: BigInt(pages * 4096 + choices.pick([0, 0, 1, 0x7ff])) };
  if (choices.one(8)) return [call('brk', 0)];
  if (choices.one(8)) return [call('brk', { base: BASE.BRK, offset: -1n })];
  const heap = { base: BASE.BRK, offset: BigInt(choices.random.below(8) * 4096) };
  const extra: Op = choices.pick<Op>([
    call('mprotect', heap, 4096, choices.prot() & 7),
    call('munmap', heap, 4096),
    { kind: 'write', address: heap, value: mark(77) },
    { kind: 'read', address: heap },
    { kind: 'exec', address: heap },
    call('madvise', heap, 4096, M.MADV_DONTNEED),
    call('mremap', heap, 4096, 4096, 3, choices.address()),
  ]);
  return choices.one(2) ? [call('brk', change)] : [call('brk', change), extra];
};

const mlock: Generator = (choices) => {
  const { address, length } = choices.range();
  return choices.pick<() => Op[]>([
    () => [call('mlock', address, length)],
    () => [call('munlock', address, length)],
    () => [call('mlock2', address, length, choices.pick([0, 1, 2]))],
    () => [call('munlockall')],
    () => [call('mlockall', choices.pick([2, 4, 6, 0, 8]))],
  ])();
};

/** Calls that look: mincore (at most eight pages are compared), msync, and the kernel's own reading. */
const look: Generator = (choices, descriptors) => {
  const { address, length } = choices.range();
  const unmapped = inWindow((choices.pages + 8) * 4096);
  const small = length > 0x100000n ? length : 1n + (length % 0x8000n);
  return choices.pick<() => Op[]>([
    () => [call('mincore', address, small, choices.one(10) ? unmapped : inScratch(CAPTURE))],
    () => [call('msync', address, length, choices.pick([0, 1, 2, 4, 5, 3, 8]))],
    () => [transfer(choices, descriptors, 'pwrite64')],
    () => [transfer(choices, descriptors, 'pread64')],
    () => [call('write', descriptors.fd(), choices.touchAddress(), 8)],
  ])();
};

/**
 * Between a file and the window. More than eight bytes go from page to page: a page that is copied onto
 * itself at another place depends on the copy routine.
 */
function transfer(choices: Choices, descriptors: Descriptors, name: 'pread64' | 'pwrite64'): Op {
  const long = choices.one(2);
  const address = long ? choices.pageAddress() : choices.touchAddress();
  const length = long ? choices.pick([4096, 5000]) : 8;
  return call(name, descriptors.fd(), address, length, 4096 * choices.random.below(4), 0);
}

const file: Generator = (choices, descriptors) => {
  const fd = descriptors.fd();
  const page = choices.random.below(9);
  return choices.pick<() => Op[]>([
    () => [descriptors.pwrite(Number(fd.offset), page * 4096, page)],
    () => [call('pread64', fd, inScratch(CAPTURE), 8, page * 4096, 0)],
    () => [call('ftruncate', fd, page * 4096 + choices.pick([0, 0, 100]))],
    () => [call('close', fd)],
    () => [throughMemory(choices, descriptors, 'pwrite64', inScratch(PIECES + 8 * page))],
    () => [throughMemory(choices, descriptors, 'pread64', inScratch(CAPTURE))],
    () => [call('fcntl', descriptors.memfd(), 1033, choices.pick([1, 2, 4, 8, 0x10, 0x20, 0x40]))],
    () => [call('fcntl', descriptors.memfd(), 1034, 0)],
    () => [
      call(
        'remap_file_pages',
        choices.range().address,
        choices.length(),
        choices.pick([0, 0, 0, 1]),
        page % 4,
        0,
      ),
    ],
  ])();
};

/** /proc/self/mem: where in the file is where in memory. i386 passes that in two words. */
function throughMemory(
  choices: Choices,
  descriptors: Descriptors,
  name: 'pread64' | 'pwrite64',
  buffer: Arg,
): Op {
  return call(name, descriptors.memory(), buffer, 8, choices.touchAddress(), 0);
}

const SHM_SLOT = BASE.FIRST_SLOT;
const shm: Generator = (choices) => {
  const identifier: Arg = { base: SHM_SLOT, offset: 0n };
  const size = 4096 * (1 + choices.random.below(4));
  const flags = choices.pick([
    0,
    0o10000,
    0o20000,
    0o40000,
    0o100000,
    0o110000,
    0o40000 | 0o100000,
  ]);
  return [
    { kind: 'call', name: 'shmget', args: [value(0), value(size), value(0o1700)], keep: SHM_SLOT },
    call('shmat', identifier, choices.one(4) ? 0 : choices.address(), flags),
    // Marked for removal at once: the segment goes with its last attachment, whatever happens.
    call('shmctl', identifier, 0, 0),
    ...(choices.one(3) ? [call('shmdt', choices.address())] : []),
  ];
};

const personality: Generator = (choices) => {
  const bits = choices.pick([0x400000, 0x400000, 0, 0xffffffff]);
  return [call('personality', bits)];
};

const mdwe: Generator = (choices) => {
  const bits = choices.odd() ? choices.pick([0, 2, 4, 5]) : choices.pick([1, 1, 1, 3]);
  const rest = choices.odd() ? 1 : 0;
  const set = call('prctl', M.PR_SET_MDWE, bits, rest, 0, 0);
  return choices.one(4) ? [set, call('prctl', M.PR_GET_MDWE, 0, 0, 0, 0)] : [set];
};

const mseal: Generator = (choices) => {
  const { address, length } = choices.range();
  return [call('mseal', address, length, choices.odd() ? 1 : 0)];
};

/** The end of a process: its mappings, then what each page holds. */
export function closing(choices: Choices, which: 'child' | 'end'): Op[] {
  const file = choices.one(4) ? 'smaps' : 'maps';
  const pages = choices.pages + 2;
  const sweep: Op = { kind: 'sweep', address: inWindow(0), pages };
  if (which === 'child')
    return choices.one(2) ? [{ kind: 'dump', file }] : [{ kind: 'dump', file }, sweep];
  return [{ kind: 'dump', file }, sweep];
}

export const ONE_OF = {
  mmap,
  munmap,
  mprotect,
  mremap,
  touch,
  madvise,
  brk,
  mlock,
  look,
  file,
  shm,
  personality,
  mdwe,
  mseal,
} satisfies Record<string, Generator>;
