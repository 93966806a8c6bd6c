/**
 * PaX MPROTECT and the loader: text relocations are let through once, RELRO is made final.
 * PaX 4.9 fs/binfmt_elf.c:elf_handle_mprotect(), which gives VM_MAYWRITE back to the text of a
 * DT_TEXTREL library for one transition. A policy cannot give: the same is reached here by leaving
 * VM_MAYWRITE on such text and refusing every write but that transition. Only the `mw` of smaps differs.
 */
import type { Arch } from '../../base/address.js';
import { PT_GNU_RELRO } from '../../formats/elf/structures.js';
import type { MemoryObject } from '../../memory/object.js';
import {
  VM_ACCESS,
  VM_EXEC,
  VM_MAYACCESS,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_READ,
  VM_WRITE,
  type Vma,
  type VmFlags,
} from '../../os/linux/mm/vmas/vma.js';
import { hasTextRelocations, readElf } from '../elf-image.js';

const RIGHTS = VM_ACCESS | VM_MAYACCESS;

/** Text of a library that needs text relocations: its writes are judged one by one. */
export function isRelocatedText(
  flags: VmFlags,
  object: MemoryObject | undefined,
  arch: Arch,
): boolean {
  if (object === undefined || flags & VM_MAYSHARE) return false;
  if ((flags & VM_ACCESS) !== (VM_READ | VM_EXEC)) return false;
  return needsTextRelocations(object, arch);
}

function needsTextRelocations(object: MemoryObject, arch: Arch): boolean {
  const file = readElf(object, arch);
  return file?.type === 'ET_DYN' && hasTextRelocations(object, file, arch);
}

export type Transition = 'open' | 'close' | undefined;

/** Which of the two allowed steps a change is: text to data before the first write, or back after one. */
export function textTransition(vma: Vma, after: VmFlags, arch: Arch): Transition {
  if (vma.object === undefined || vma.flags & VM_MAYSHARE) return undefined;
  const before = vma.flags & VM_ACCESS;
  const wanted = after & VM_ACCESS;
  const may = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
  if ((vma.flags & VM_MAYACCESS) !== may) return undefined;
  const opens = !vma.anonVma && before === (VM_READ | VM_EXEC) && wanted === (VM_READ | VM_WRITE);
  const closes = vma.anonVma && before === (VM_READ | VM_WRITE) && wanted === (VM_READ | VM_EXEC);
  if (!opens && !closes) return undefined;
  if (!needsTextRelocations(vma.object, arch)) return undefined;
  return opens ? 'open' : 'close';
}

/**
 * Is this the mprotect(PROT_READ) that ends relocation of the RELRO segment? `after` are the flags
 * that the VMA will have, over exactly the pages that change.
 */
export function isRelro(
  vma: Vma,
  range: { readonly start: bigint; readonly end: bigint },
  after: VmFlags,
  arch: Arch,
): boolean {
  if (vma.object === undefined || !vma.anonVma) return false;
  if ((after & RIGHTS) !== (VM_READ | VM_MAYREAD | VM_MAYWRITE)) return false;
  const relro = readElf(vma.object, arch)?.segments.find(({ type }) => type === PT_GNU_RELRO);
  if (relro === undefined) return false;
  const firstPage = BigInt(vma.pageOffset) + ((range.start - vma.start) >> 12n);
  const length = (relro.memorySize + 0xfffn) & ~0xfffn;
  return relro.offset >> 12n === firstPage && length === range.end - range.start;
}
