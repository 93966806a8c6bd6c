/**
 * /proc/PID/mem: memory past the rights of its mappings, as a debugger reaches it. Compare
 * fs/proc/base.c:mem_rw() and mm/gup.c:check_vma_flags() with FOLL_FORCE: a mapping that may be made
 * readable is read; one that is private and may be made writable is written, into a copy of the page.
 */

import { S_IFREG } from '../../../abi/linux/fcntl.js';
import { type Addr, PAGE_SIZE, PAGE_SIZE_N, pageDown } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import type { AddressSpace } from '../mm/address-space.js';
import {
  VM_MAYBE_GUARD,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type Vma,
  type VmFlags,
} from '../mm/vmas/vma.js';
import { Inode, type Mount } from './inode.js';

function mayRead(flags: VmFlags): boolean {
  return (flags & (VM_READ | VM_MAYREAD)) !== 0;
}

/** is_cow_mapping(), where the mapping is not writable already. */
function mayWrite(flags: VmFlags): boolean {
  if (flags & VM_WRITE) return true;
  return (flags & (VM_SHARED | VM_MAYWRITE)) === VM_MAYWRITE;
}

/** Where reaching on from `at` to `wanted` ends: with the mapping, its file, or before a guard page. */
function reachableEnd(mm: AddressSpace, vma: Vma, at: Addr, wanted: Addr): Addr {
  const backed = backedEnd(vma);
  const end = backed < wanted ? backed : wanted;
  if (!(vma.flags & VM_MAYBE_GUARD)) return end;
  for (let page = pageDown(at); page < end; page += PAGE_SIZE_N) {
    if (mm.isGuard(page)) return page;
  }
  return end;
}

/** Where the pages of a mapping end: behind the end of its file there are none. */
function backedEnd({ start, end, pageOffset, object }: Vma): Addr {
  if (object === undefined || object.readsAsZero) return end;
  const pages = Math.max(0, Math.ceil(object.size / PAGE_SIZE) - pageOffset);
  const backed = start + BigInt(pages) * PAGE_SIZE_N;
  return backed < end ? backed : end;
}

export class MemoryFile extends Inode {
  readonly #memory: () => AddressSpace;

  constructor(mount: Mount, number: number, memory: () => AddressSpace) {
    super(mount, number, S_IFREG | 0o600);
    this.#memory = memory;
  }

  /** mem_rw copies each page before it looks where it goes, and forgets what it did when that fails. */
  override get copiesWholePages(): boolean {
    return true;
  }

  override get largestOffset(): bigint {
    return (1n << 64n) - 1n;
  }

  /** EIO where nothing can be reached; less than asked for up to such a place. */
  override read(offset: number, length: number): Result<Uint8Array> {
    const mm = this.#memory();
    const reach = this.#reach(offset, length, mayRead);
    return reach === 0 ? fail('EIO') : ok(mm.forcedRead(BigInt(offset), reach));
  }

  override write(offset: number, bytes: Uint8Array): Result<number> {
    const mm = this.#memory();
    const reach = this.#reach(offset, bytes.length, mayWrite);
    if (reach === 0) return bytes.length === 0 ? ok(0) : fail('EIO');
    mm.poke(BigInt(offset), bytes.subarray(0, reach));
    return ok(reach);
  }

  /** proc_setattr: takes any size, and nothing comes of it. */
  override truncate(): Result<0> {
    return ok(0);
  }

  /** How many bytes from `offset` on lie in mappings that allow it, and in files that reach so far. */
  #reach(offset: number, length: number, allows: (flags: VmFlags) => boolean): number {
    const mm = this.#memory();
    const start = BigInt(offset);
    let at = start;
    const wanted = start + BigInt(length);
    while (at < wanted) {
      // __access_remote_vm: a growing mapping grows for a debugger too.
      const vma = mm.findOrGrow(at);
      if (vma === undefined || !allows(vma.flags)) break;
      const end = reachableEnd(mm, vma, at, wanted);
      if (at >= end) break;
      at = end;
      if (end < vma.end) break;
    }
    return Number(at - start);
  }
}
