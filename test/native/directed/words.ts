/** Short words for operations, so that a directed sequence reads as what it does. */

import * as M from '../../../src/abi/linux/mman.js';
import type { Arch } from '../../../src/base/address.js';
import { BASE } from '../guest.js';
import { type Arg, call, inWindow, type Op, value } from '../operation.js';

import { mark, stringAt } from '../script.js';

export const PAGE = 0x1000;
export const R = M.PROT_READ;
export const W = M.PROT_WRITE;
export const X = M.PROT_EXEC;
export const FIXED = M.MAP_PRIVATE | M.MAP_ANONYMOUS | M.MAP_FIXED;
export const MAYMOVE = M.MREMAP_MAYMOVE;
export const O_RDWR = 2;

export const w = (page: number): Arg => inWindow(page * PAGE);
export const heap = (offset: number): Arg => ({ base: BASE.BRK, offset: BigInt(offset) });
export const write = (address: Arg, number = 1): Op => ({
  kind: 'write',
  address,
  value: mark(number),
});
export const read = (address: Arg): Op => ({ kind: 'read', address });
export const exec = (address: Arg): Op => ({ kind: 'exec', address });
export const fork: Op = { kind: 'fork' };
export const exit: Op = { kind: 'exit' };
export const maps: Op = { kind: 'dump', file: 'maps' };
export const smaps: Op = { kind: 'dump', file: 'smaps' };
export const mprotect = (page: number, pages: number, prot: number): Op =>
  call('mprotect', w(page), pages * PAGE, prot);
export const munmap = (page: number, pages: number): Op => call('munmap', w(page), pages * PAGE);
export const setMdwe = (bits: number): Op => call('prctl', M.PR_SET_MDWE, bits, 0, 0, 0);
export const rie = call('personality', M.READ_IMPLIES_EXEC);
export const seal = (page: number, pages: number): Op => call('mseal', w(page), pages * PAGE, 0);

/** mmap by its modern form: mmap2 on i386, whose offset is in pages. */
export class Maker {
  readonly #arch: Arch;

  constructor(arch: Arch) {
    this.#arch = arch;
  }

  map(at: Arg | number, pages: number, prot: number, flags = FIXED, fd = -1, page = 0): Op {
    const hint = typeof at === 'number' ? w(at) : at;
    const offset = this.#arch === 'i386' ? page : page * PAGE;
    return call(
      this.#arch === 'i386' ? 'mmap2' : 'mmap',
      hint,
      pages * PAGE,
      prot,
      flags,
      fd,
      offset,
    );
  }

  /** A memfd of four pages, descriptor 3, mapped shared at a page. */
  memfd(flags = 2): Op[] {
    return [call('memfd_create', stringAt('shared'), flags), call('ftruncate', 3, 4 * PAGE, 0)];
  }

  shared(page: number, pages: number, prot: number): Op {
    return this.map(page, pages, prot, M.MAP_SHARED | M.MAP_FIXED, 3);
  }
}

export type Group = (maker: Maker) => Record<string, readonly Op[]>;

/** A segment of two pages, attached at the window's start with `flags`. */
export function shmat(flags: number, before: readonly Op[]): Op[] {
  const slot = BASE.FIRST_SLOT;
  const identifier: Arg = { base: slot, offset: 0n };
  return [
    ...before,
    { kind: 'call', name: 'shmget', args: [value(0), value(2 * PAGE), value(0o1700)], keep: slot },
    call('shmat', identifier, w(0), flags),
    call('shmctl', identifier, 0, 0),
  ];
}
