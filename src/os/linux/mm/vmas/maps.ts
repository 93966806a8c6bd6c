/** The text of /proc/PID/maps and the VmFlags of smaps (fs/proc/task_mmu.c of Linux 6.18). */
import type { Mm } from '../mm.js';
import {
  VM_ACCOUNT,
  VM_DONTCOPY,
  VM_DONTDUMP,
  VM_DONTEXPAND,
  VM_DROPPABLE,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_HUGEPAGE,
  VM_HUGETLB,
  VM_IO,
  VM_LOCKED,
  VM_LOCKONFAULT,
  VM_MAYBE_GUARD,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_MERGEABLE,
  VM_MIXEDMAP,
  VM_NOHUGEPAGE,
  VM_NORESERVE,
  VM_PFNMAP,
  VM_RAND_READ,
  VM_READ,
  VM_SEQ_READ,
  VM_SHARED,
  VM_SYNC,
  VM_WIPEONFORK,
  VM_WRITE,
  type Vma,
} from './vma.js';

/** show_smap_vma_flags prints in bit order; 'sl' (bit 63) and 'dp' (bit 40) come last. */
const MNEMONICS: readonly (readonly [flag: number, name: string])[] = [
  [VM_READ, 'rd'],
  [VM_WRITE, 'wr'],
  [VM_EXEC, 'ex'],
  [VM_SHARED, 'sh'],
  [VM_MAYREAD, 'mr'],
  [VM_MAYWRITE, 'mw'],
  [VM_MAYEXEC, 'me'],
  [VM_MAYSHARE, 'ms'],
  [VM_GROWSDOWN, 'gd'],
  [VM_PFNMAP, 'pf'],
  [VM_MAYBE_GUARD, 'gu'],
  [VM_LOCKED, 'lo'],
  [VM_IO, 'io'],
  [VM_SEQ_READ, 'sr'],
  [VM_RAND_READ, 'rr'],
  [VM_DONTCOPY, 'dc'],
  [VM_DONTEXPAND, 'de'],
  [VM_LOCKONFAULT, 'lf'],
  [VM_ACCOUNT, 'ac'],
  [VM_NORESERVE, 'nr'],
  [VM_HUGETLB, 'ht'],
  [VM_SYNC, 'sf'],
  [VM_WIPEONFORK, 'wf'],
  [VM_DONTDUMP, 'dd'],
  [VM_MIXEDMAP, 'mm'],
  [VM_HUGEPAGE, 'hg'],
  [VM_NOHUGEPAGE, 'nh'],
  [VM_MERGEABLE, 'mg'],
  [VM_DROPPABLE, 'dp'],
];

export function smapsFlags(vma: Vma): string[] {
  const names = MNEMONICS.filter(([flag]) => vma.flags & flag).map(([, name]) => name);
  return vma.sealed ? [...names, 'sl'] : names;
}

/** `rwxp`: the last letter is 's' when the mapping may be shared (VM_MAYSHARE). */
export function permsText(flags: number): string {
  const letter = (flag: number, text: string): string => (flags & flag ? text : '-');
  return `${letter(VM_READ, 'r')}${letter(VM_WRITE, 'w')}${letter(VM_EXEC, 'x')}${flags & VM_MAYSHARE ? 's' : 'p'}`;
}

/** get_vma_name: the file, the kernel's own name, or what the VMA is for by its place. */
export function nameOf(mm: Mm, vma: Vma): string {
  if (vma.object !== undefined && vma.object.kind !== 'special') return vma.object.path;
  if (vma.name !== '') return vma.name;
  // vma_is_initial_heap and vma_is_initial_stack.
  if (vma.start < mm.brkEnd && vma.end > mm.startBrk) return '[heap]';
  if (vma.start <= mm.startStack && vma.end >= mm.startStack) return '[stack]';
  return '';
}

/** One line, without the newline (show_map_vma). */
export function mapsLine(mm: Mm, vma: Vma): string {
  const hex = (value: bigint | number): string => value.toString(16).padStart(8, '0');
  const file = vma.object !== undefined && vma.object.kind !== 'special' ? vma.object : undefined;
  const offset = file === undefined ? 0n : BigInt(vma.pageOffset) << 12n;
  const line = `${hex(vma.start)}-${hex(vma.end)} ${permsText(vma.flags)} ${hex(offset)} ${file?.device ?? '00:00'} ${file?.inode ?? 0} `;
  const name = nameOf(mm, vma);
  if (name === '') return line;
  // seq_setwidth(25 + sizeof(void *) * 6 - 1): by the kernel's word, not the program's.
  const width = mm.layout.kernelBits === 64 ? 72 : 48;
  return `${line.padEnd(width)} ${name.replaceAll('\n', '\\012')}`;
}

export function mapsText(mm: Mm): string {
  return mm.list.items.map((vma) => `${mapsLine(mm, vma)}\n`).join('');
}
