/**
 * Entries of 4-level page tables and the registers that decide what they mean: Intel SDM volume 3, chapter 5
 * (tables 5-14 to 5-20). An entry is handled as two 32-bit halves, because it does not fit a number.
 */

/** Bits of an entry's low half. */
export const PTE_PRESENT = 1 << 0;
export const PTE_RW = 1 << 1;
export const PTE_USER = 1 << 2;
export const PTE_ACCESSED = 1 << 5;
export const PTE_DIRTY = 1 << 6;
/** PS: the entry maps a page of 2 MiB or 1 GiB. */
export const PTE_PSE = 1 << 7;
export const PTE_GLOBAL = 1 << 8;
/** Bit 63, in the high half. */
export const PTE_NX_HIGH = 0x8000_0000;

export const CR0_WP = 1n << 16n;
export const CR0_PG = 1n << 31n;
export const CR4_PSE = 1n << 4n;
export const CR4_PAE = 1n << 5n;
export const CR4_PGE = 1n << 7n;
export const CR4_SMEP = 1n << 20n;
export const CR4_SMAP = 1n << 21n;
export const EFER_NXE = 1n << 11n;

/** MAXPHYADDR of the kernel CPU profile (CPUID leaf 0x80000008). */
export const PHYSICAL_BITS = 40;
/** Bits 51 to MAXPHYADDR, in the high half: an entry that has one is reserved. */
export const PTE_RESERVED_HIGH = ((1 << (52 - 32)) - 1) & ~((1 << (PHYSICAL_BITS - 32)) - 1);

/** Pages of 4 KiB that an entry of each level spans, the lowest level first. */
export const SPAN = [1, 512, 512 * 512, 512 * 512 * 512] as const;

/** Bits of the error code of a page fault. */
export const PF_PROT = 1 << 0;
export const PF_WRITE = 1 << 1;
export const PF_USER = 1 << 2;
export const PF_RSVD = 1 << 3;
export const PF_INSTR = 1 << 4;

/** What the control registers say about paging. */
export interface PagingMode {
  /** Bytes; the page of the top-level table. */
  readonly cr3: number;
  readonly writeProtect: boolean;
  readonly globalPages: boolean;
  readonly smep: boolean;
  readonly smap: boolean;
  readonly noExecute: boolean;
}

export function pagingMode(read: (name: string) => bigint): PagingMode {
  const cr4 = read('cr4');
  return {
    cr3: Number(read('cr3') & 0xff_ffff_f000n),
    writeProtect: (read('cr0') & CR0_WP) !== 0n,
    globalPages: (cr4 & CR4_PGE) !== 0n,
    smep: (cr4 & CR4_SMEP) !== 0n,
    smap: (cr4 & CR4_SMAP) !== 0n,
    noExecute: (read('efer') & EFER_NXE) !== 0n,
  };
}
