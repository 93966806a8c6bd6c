/** What an address space gets without mmap: the stack, and pages that the kernel puts there (vdso). */
import { type AddrRange, pageUp } from '../../../../base/address.js';
import { InvariantError } from '../../../../base/errors.js';
import { PagedObject } from '../../../../memory/objects.js';
import { askImplicit, dataFlags, implicitRequest } from '../calls/brk.js';
import type { Mm } from '../mm.js';
import type { MappedVma } from '../vmas/mapped-vma.js';
import { VM_ACCOUNT, VM_EXEC, VM_GROWSDOWN, type VmFlags } from '../vmas/vma.js';

/** setup_arg_pages: the initial stack, 128 KiB more than what the arguments take, up to the layout's top. */
export function mapStack(mm: Mm, bytes: bigint, exec: 'enable' | 'disable' | 'default'): MappedVma {
  const end = Number(mm.layout.stackTop >> 12n);
  const used = Math.max(1, Number(pageUp(bytes) >> 12n));
  const limit = Math.max(used, Number(mm.limits.stack >> 12n));
  const start = end - Math.min(used + 32, limit);
  let asked = dataFlags(mm) | VM_GROWSDOWN | VM_ACCOUNT | mm.defFlags;
  if (exec === 'enable') asked |= VM_EXEC;
  if (exec === 'disable') asked &= ~VM_EXEC;
  const ruling = askImplicit(mm, implicitRequest(start, end - start, asked, 'stack'));
  const flags = ruling.kind === 'narrow' ? asked & ruling.flags : asked;
  const made = mm.newVma({ startPage: start, endPage: end, flags, pageOffset: start }, ruling);
  // The arguments were written before the program starts, so the stack has its anon_vma.
  const vma = { ...made, anon: { forked: false }, anonVma: true };
  mm.list.insert(vma);
  mm.emit('insert', undefined, vma, ruling);
  return vma;
}

/**
 * _install_special_mapping: pages of the kernel's own, outside every policy. `name` stands in maps
 * ('[vdso]'); `flags` are all VM_* bits, VM_DONTEXPAND among them so that nothing merges with it.
 */
export function insertSpecial(
  mm: Mm,
  range: AddrRange,
  flags: VmFlags,
  name: string,
  bytes: Uint8Array = new Uint8Array(),
): MappedVma {
  const startPage = Number(range.start >> 12n);
  const endPage = Number(range.end >> 12n);
  if (mm.list.overlaps(startPage, endPage)) {
    throw new InvariantError(`${name} would lie over another mapping`);
  }
  const size = (endPage - startPage) * 4096;
  const object = new PagedObject(mm.frames, {
    kind: 'special',
    path: name,
    inode: 0,
    device: '00:00',
    size,
    content: bytes.slice(0, size),
  });
  const vma = mm.newVma({
    startPage,
    endPage,
    flags,
    object,
    description: object,
    pageOffset: 0,
    name,
  });
  mm.list.insert(vma);
  object.release();
  mm.emit('insert', undefined, vma);
  return vma;
}
