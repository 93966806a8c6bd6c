/** Guest addresses are bigint (a raw register may hold any 64-bit value); page numbers are number (48 - 12 bits). */
export type Addr = bigint;

export const PAGE_SHIFT = 12;
export const PAGE_SIZE = 4096;
export const PAGE_SIZE_N = 4096n;
export const HUGE_PAGE_SIZE = 2 << 20;

/** Half-open, page-aligned. */
export interface AddrRange {
  readonly start: Addr;
  readonly end: Addr;
}

export type Arch = 'i386' | 'x86-64';

/** Number of the page that holds `addr`. Exact below 2^65. */
export function pageOf(addr: Addr): number {
  return Number(addr >> 12n);
}

export function pageDown(addr: Addr): Addr {
  return addr & ~0xfffn;
}

/** Rounds up to a page boundary; does not wrap (the caller compares with its word size). */
export function pageUp(addr: Addr): Addr {
  return (addr + 0xfffn) & ~0xfffn;
}
