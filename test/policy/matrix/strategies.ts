/** The ways to get code into executable memory, one for each row of the matrix (policies.md 13). */
import { O_CREAT, O_RDWR } from '../../../src/abi/linux/fcntl.js';
import * as mman from '../../../src/abi/linux/mman.js';
import { type Guest, PAGE, R, Refused, SHARED, W, X } from './guest.js';
import { RETURN_42, textAddress } from './program.js';

export type Strategy = (guest: Guest) => string;

/** Writes code and makes it executable by mprotect. */
function writeThenProtect(guest: Guest, at: bigint, prot: number, length = PAGE): string {
  guest.write(at);
  guest.protect(at, length, prot);
  return guest.run(at);
}

function zeroPage(guest: Guest): bigint {
  const fd = guest.open('/dev/zero', O_RDWR);
  return guest.map(PAGE, R | W, mman.MAP_PRIVATE, fd);
}

function stackCode(guest: Guest, code = RETURN_42): string {
  const at = guest.stackPage;
  guest.write(at, code);
  return guest.run(at);
}

/** One object mapped twice, shared: written through the one view, run through the other. */
function dualMap(guest: Guest, fd: bigint): string {
  guest.call('ftruncate', fd, PAGE);
  const writable = guest.map(PAGE, R | W, mman.MAP_SHARED, fd);
  const executable = guest.map(PAGE, R | X, mman.MAP_SHARED, fd);
  guest.write(writable);
  return guest.run(executable);
}

function dualFile(guest: Guest, path: string): string {
  return dualMap(guest, guest.open(path, O_RDWR | O_CREAT));
}

function attach(guest: Guest, id: bigint, flags: number): bigint {
  return guest.call('shmat', id, 0, flags);
}

function segment(guest: Guest): bigint {
  return guest.call('shmget', 0, PAGE, 0o700);
}

const SHM_EXEC = 0o100000;
const SHM_RDONLY = 0o10000;

function dualShm(guest: Guest): string {
  const id = segment(guest);
  const writable = attach(guest, id, 0);
  const executable = attach(guest, id, SHM_EXEC | SHM_RDONLY);
  guest.write(writable);
  return guest.run(executable);
}

function shmRwx(guest: Guest): string {
  const at = attach(guest, segment(guest), SHM_EXEC);
  guest.write(at);
  return guest.run(at);
}

function writtenFile(guest: Guest): string {
  const fd = guest.open('/tmp/code', O_RDWR | O_CREAT);
  guest.call('write', fd, guest.bytes(RETURN_42), RETURN_42.length);
  return guest.run(guest.map(PAGE, R | X, mman.MAP_PRIVATE, fd));
}

/** Text of a library that needs relocations: RX, RW, written, RX. */
export function relocate(guest: Guest, times = 1): string {
  const fd = guest.open('/usr/lib/libtext.so', 0);
  const at = guest.call('mmap', 0, PAGE, R | X, mman.MAP_PRIVATE, fd, offset(guest, 1));
  for (let i = 0; i < times; i++) {
    guest.protect(at, PAGE, R | W);
    guest.write(at);
    guest.protect(at, PAGE, R | X);
  }
  return guest.run(at);
}

/** The host names mmap by bytes on both architectures. */
function offset(_guest: Guest, pages: number): number {
  return pages * PAGE;
}

/** The data page that the loader writes and then protects. */
export function finishRelro(guest: Guest): bigint {
  const fd = guest.open('/usr/lib/libtext.so', 0);
  const at = guest.call('mmap', 0, PAGE, R | W, mman.MAP_PRIVATE, fd, offset(guest, 2));
  guest.write(at);
  guest.protect(at, PAGE, R);
  return at;
}

const PROT_FINAL = 0x20;

/** The patched loader: text mapped writable as well, the rest given up step by step. */
function finalLoader(guest: Guest): string {
  const fd = guest.open('/usr/lib/libtext.so', 0);
  const text = R | X | W | PROT_FINAL;
  const at = guest.call('mmap', 0, PAGE, text, mman.MAP_PRIVATE, fd, offset(guest, 1));
  const data = guest.call(
    'mmap',
    0,
    PAGE,
    R | W | PROT_FINAL,
    mman.MAP_PRIVATE,
    fd,
    offset(guest, 2),
  );
  guest.write(at);
  guest.protect(at, PAGE, R | X | PROT_FINAL);
  guest.write(data);
  guest.protect(data, PAGE, R | PROT_FINAL);
  return guest.run(at);
}

function pkeyFlip(guest: Guest): string {
  const at = guest.map(PAGE, R | W | X);
  const key = guest.call('pkey_alloc', 0, 0);
  guest.call('pkey_mprotect', at, PAGE, R | W | X, key);
  guest.write(at);
  return guest.run(at);
}

function procMem(guest: Guest): string {
  const at = guest.map(PAGE, R | X);
  const fd = guest.open('/proc/self/mem', O_RDWR);
  const code = guest.bytes(RETURN_42);
  if (guest.arch === 'x86-64') guest.call('pwrite64', fd, code, RETURN_42.length, at);
  else guest.call('pwrite64', fd, code, RETURN_42.length, at & 0xffffffffn, 0);
  return guest.run(at);
}

/** policies.md 8.2, fixture 3. */
function wineHeap(guest: Guest): string {
  const at = guest.map(1179648, 0);
  const heap = (at + 0xffffn) & ~0xffffn;
  if (heap > at) guest.call('munmap', at, heap - at);
  guest.call('munmap', heap + 0x110000n, at + 1179648n - (heap + 0x110000n) || PAGE);
  guest.protect(heap, 65536, R | W | X);
  guest.write(heap);
  return guest.run(heap);
}

const MREMAP_MAYMOVE = 1;
const MAP_REMAPDUP = 4;

function remapDuplicate(guest: Guest, declared: number): string {
  const rw = guest.map(PAGE, R | W | (declared << 3));
  guest.write(rw);
  const rx = guest.call('mremap', rw, PAGE, PAGE, MAP_REMAPDUP, 0);
  guest.protect(rx, PAGE, R | X);
  // The two are one memory.
  guest.write(rw);
  return guest.run(rx);
}

/** Declared by the system's own way: PROT_MPROTECT(PROT_EXEC), or PROT_MAX without it. */
function declaredMaximum(guest: Guest): string {
  const netbsd = guest.sb.policy.startsWith('netbsd');
  return writeThenProtect(guest, guest.map(PAGE, R | W | (netbsd ? X << 3 : (R | W) << 16)), R | X);
}

/** libffi and gcc put such code on the stack: a jump to a function, with a static chain. */
function trampoline(guest: Guest): string {
  const target = textAddress(guest.arch);
  const at = guest.stackPage;
  const code = new Uint8Array(guest.arch === 'x86-64' ? 19 : 10);
  const view = new DataView(code.buffer);
  if (guest.arch === 'x86-64') {
    code.set([0x41, 0xbb]);
    view.setUint32(2, Number(target), true);
    code.set([0x49, 0xba], 6);
    code.set([0x49, 0xff, 0xe3], 16);
  } else {
    code[0] = 0xb9;
    code[5] = 0xe9;
    view.setInt32(6, Number(target - at - 10n), true);
  }
  return stackCode(guest, code);
}

const PROT_GROWSDOWN = mman.PROT_GROWSDOWN;

export const STRATEGIES: Readonly<Record<string, Strategy>> = {
  '1 malloc small, write, call': (g) => {
    const at = g.heap(1);
    g.write(at);
    return g.run(at);
  },
  '2 mmap RWX anonymous': (g) => {
    const at = g.map(PAGE, R | W | X);
    g.write(at);
    return g.run(at);
  },
  '3 mmap RW, write, mprotect RX': (g) => writeThenProtect(g, g.map(PAGE, R | W), R | X),
  '4 mmap NONE, mprotect RW, write, mprotect RX': (g) => {
    const at = g.map(PAGE, 0);
    g.protect(at, PAGE, R | W);
    return writeThenProtect(g, at, R | X);
  },
  '5 mmap RX, RW, write, RX': (g) => {
    const at = g.map(PAGE, R | X);
    g.protect(at, PAGE, R | W);
    return writeThenProtect(g, at, R | X);
  },
  '6 /dev/zero private, write, mprotect X': (g) => writeThenProtect(g, zeroPage(g), X),
  '7 /dev/zero private, mprotect RX before any write': (g) => {
    const at = zeroPage(g);
    g.protect(at, PAGE, R | X);
    return 'ok';
  },
  '8 posix_memalign of a page (brk), mprotect RX': (g) => writeThenProtect(g, g.heap(1), R | X),
  '9 malloc of 1 MiB (mmap), mprotect RX': (g) =>
    writeThenProtect(g, g.map(1 << 20, R | W), R | X, 1 << 20),
  '10 heap mprotect RWX': (g) => writeThenProtect(g, g.heap(1), R | W | X),
  '11 code on the stack, GNU_STACK=RW': stackCode,
  '12 code on the stack, GNU_STACK=RWX': stackCode,
  '13 trampoline on the stack, GNU_STACK=RWX': trampoline,
  '14 mprotect(stack, RWX) at run time': (g) => {
    g.protect(g.stackPage, PAGE, R | W | X);
    return stackCode(g);
  },
  // What the C library does to the stack when the library's mark asks for it.
  '15 dlopen of a library with GNU_STACK=RWX': (g) => {
    g.protect(g.stackPage, PAGE, R | W | X | PROT_GROWSDOWN);
    return stackCode(g);
  },
  '16 memfd, shared RW and shared RX': (g) => dualMap(g, g.call('memfd_create', g.text('jit'), 0)),
  '17 shared memory, RW and RX': (g) =>
    /^(openbsd|netbsd|freebsd)/.test(g.sb.policy) ? dualFile(g, '/dev/shm/jit') : dualShm(g),
  '18 shmat with SHM_EXEC, writable': shmRwx,
  '19 file mapped twice': (g) => dualFile(g, '/tmp/jit'),
  '20 the same on a noexec mount': (g) => dualFile(g, '/noexec/jit'),
  '21 code written to a file, mapped private RX': writtenFile,
  '22 shared anonymous RW, mprotect RX': (g) =>
    writeThenProtect(g, g.map(PAGE, R | W, SHARED), R | X),
  '23 mremap of length 0 duplicates shared RW, mprotect RX': (g) => {
    const at = g.map(PAGE, R | W, SHARED);
    g.write(at);
    const copy = g.call('mremap', at, 0, PAGE, MREMAP_MAYMOVE, 0);
    g.protect(copy, PAGE, R | X);
    return g.run(copy);
  },
  '24 MAP_REMAPDUP with PROT_MPROTECT(X)': (g) => remapDuplicate(g, X),
  '24b MAP_REMAPDUP without it': (g) => remapDuplicate(g, 0),
  '25 text relocation: RX, RW, write, RX': (g) => relocate(g),
  '26 RELRO: write, mprotect R': (g) => {
    finishRelro(g);
    return 'ok';
  },
  '27 mprotect RW of a RELRO page': (g) => {
    g.protect(finishRelro(g), PAGE, R | W);
    return 'ok';
  },
  '28 PROT_FINAL loader': finalLoader,
  '29 protection key on an RWX region': pkeyFlip,
  '37 anonymous RX written through /proc/self/mem': procMem,
  '38 process heap of Wine': wineHeap,
  '39 declared maximum RW, then RX': declaredMaximum,
  '40 mprotect RX of sealed RW': (g) => {
    const at = g.map(PAGE, R | W);
    g.call('mseal', at, PAGE, 0);
    return writeThenProtect(g, at, R | X);
  },
};

/** The cell that a strategy gives. */
export function cell(strategy: Strategy, guest: Guest): string {
  try {
    return strategy(guest);
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
}
