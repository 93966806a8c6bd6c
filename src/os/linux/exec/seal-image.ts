/**
 * OpenBSD's immutable memory, as far as a program here can meet it: what its file gives and is not to be
 * written is sealed once it is loaded, RELRO as soon as it has become read-only. There the dynamic linker
 * and the C startup do the latter by mimmutable(2), a call that programs of Linux do not make.
 * Compare OpenBSD sys/kern/exec_elf.c and libexec/ld.so/loader.c.
 */
import type { Addr } from '../../../base/address.js';
import { isRelro } from '../../../policy/pax/relocations.js';
import type { OpenFile } from '../fs/open-file.js';
import type { AddressSpace } from '../mm/address-space.js';
import { VM_MAYEXEC, VM_WRITE } from '../mm/vmas/vma.js';
import type { Task } from '../process/task.js';

/** After loading: text and read-only data of the program and its interpreter. */
export function sealImage(mm: AddressSpace, files: readonly (OpenFile | undefined)[]): void {
  const objects = files.map((file) => file?.inode.object);
  for (const vma of mm.vmas) {
    if (vma.object === undefined || !objects.includes(vma.object) || vma.flags & VM_WRITE) continue;
    mm.mseal(vma.start, vma.end - vma.start, 0n);
  }
}

/** After an mprotect that succeeded. */
export function sealRelro({ mm, policies, arch }: Task, start: Addr, length: bigint): void {
  if (!policies.effects.immutableImage) return;
  const vma = mm.find(start);
  const end = start + ((length + 0xfffn) & ~0xfffn);
  if (vma === undefined || vma.end < end) return;
  // Whether it may ever be executed has no part in it here.
  const flags = vma.flags & ~VM_MAYEXEC;
  if (isRelro(vma, { start, end }, flags, arch)) mm.mseal(start, end - start, 0n);
}
