/** The page walk of a CPU in 4-level mode: Intel SDM volume 3, sections 5.5, 5.6 and 5.7. */
import type { Access } from '../../../base/outcome.js';
import {
  type PagingMode,
  PF_INSTR,
  PF_PROT,
  PF_RSVD,
  PF_USER,
  PF_WRITE,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_GLOBAL,
  PTE_NX_HIGH,
  PTE_PRESENT,
  PTE_PSE,
  PTE_RESERVED_HIGH,
  PTE_RW,
  PTE_USER,
  SPAN,
} from './entry.js';

/** Memory by physical address, as the page walk of the CPU uses it. */
export interface TableMemory {
  /** The 32-bit word at a multiple of 4. */
  word(address: number): number;
  setWord(address: number, value: number): void;
}

/** Whose rights an access has. */
export interface AccessRights {
  readonly user: boolean;
  /** A supervisor's explicit access while EFLAGS.AC is set: SMAP lets it pass. */
  readonly alignmentCheck: boolean;
}

/** What the entries on the way to a page say together: what a TLB entry holds. */
export interface LinearTranslation {
  /** First page frame number (4 KiB) of what the leaf entry maps. */
  readonly frame: number;
  /** Pages of 4 KiB that it maps: one of `SPAN`. */
  readonly span: number;
  readonly write: boolean;
  readonly user: boolean;
  readonly noExecute: boolean;
  readonly global: boolean;
  /** The leaf's D bit. */
  readonly dirty: boolean;
}

export interface Walk {
  /** Physical addresses of the entries that were used, the top level first. */
  readonly path: readonly number[];
  /** Undefined where the walk met an entry that is not present or has a reserved bit. */
  readonly leaf: LinearTranslation | undefined;
  readonly reserved: boolean;
}

/** `page` is a linear address without its lowest 12 bits, as an unsigned number of 52 bits. Nothing is changed. */
export function walk(memory: TableMemory, mode: PagingMode, page: number): Walk {
  const path: number[] = [];
  let table = mode.cr3;
  let write = true;
  let user = true;
  let noExecute = false;
  for (let level = 3; ; level--) {
    const span = SPAN[level]!;
    const at = table + 8 * (Math.floor(page / span) % 512);
    const low = memory.word(at);
    const high = memory.word(at + 4);
    if ((low & PTE_PRESENT) === 0) return { path, leaf: undefined, reserved: false };
    path.push(at);
    if (isReserved(low, high, level, mode)) return { path, leaf: undefined, reserved: true };
    write &&= (low & PTE_RW) !== 0;
    user &&= (low & PTE_USER) !== 0;
    noExecute ||= (high & PTE_NX_HIGH) !== 0;
    const frame = (high & 0xff) * 0x10_0000 + (low >>> 12);
    if (level > 0 && (low & PTE_PSE) === 0) {
      table = frame * 4096;
      continue;
    }
    const leaf = {
      // Bit 12 of a large page is PAT.
      frame: frame - (frame % span),
      span,
      write,
      user,
      noExecute,
      global: mode.globalPages && (low & PTE_GLOBAL) !== 0,
      dirty: (low & PTE_DIRTY) !== 0,
    };
    return { path, leaf, reserved: false };
  }
}

function isReserved(low: number, high: number, level: number, mode: PagingMode): boolean {
  if ((high & PTE_RESERVED_HIGH) !== 0) return true;
  if (!mode.noExecute && (high & PTE_NX_HIGH) !== 0) return true;
  if (level === 0 || (low & PTE_PSE) === 0) return false;
  // PS of the top level, and the address bits below a large page's, but for PAT.
  return level === 3 || (low & (SPAN[level]! * 4096 - 1) & ~0x1fff) !== 0;
}

/** May the access be made? */
export function allows(
  { write, user, noExecute }: LinearTranslation,
  access: Access,
  rights: AccessRights,
  mode: PagingMode,
): boolean {
  const executable = !(noExecute && mode.noExecute);
  if (rights.user)
    return user && (access !== 'write' || write) && (access !== 'exec' || executable);
  if (access === 'exec') return executable && !(user && mode.smep);
  if (user && mode.smap && !rights.alignmentCheck) return false;
  return access === 'read' || write || !mode.writeProtect;
}

/** The error code that #PF pushes for a refused access. */
export function pageFaultCode(
  { leaf, reserved }: Walk,
  access: Access,
  { user }: AccessRights,
  mode: PagingMode,
): number {
  return (
    (leaf !== undefined || reserved ? PF_PROT : 0) |
    (access === 'write' ? PF_WRITE : 0) |
    (user ? PF_USER : 0) |
    (reserved ? PF_RSVD : 0) |
    (access === 'exec' && (mode.noExecute || mode.smep) ? PF_INSTR : 0)
  );
}

/** Sets the accessed bits of the entries on the way, and the leaf's dirty bit for a write. */
export function markUsed(memory: TableMemory, { path }: Walk, access: Access): void {
  path.forEach((at, index) => {
    const dirty = access === 'write' && index === path.length - 1 ? PTE_DIRTY : 0;
    const low = memory.word(at);
    const used = low | PTE_ACCESSED | dirty;
    if (used !== low) memory.setWord(at, used >>> 0);
  });
}
