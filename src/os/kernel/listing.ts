/** The kernel's own listing of its memory: /sys/kernel/debug/page_tables/kernel (Linux arch/x86/mm/dump_pagetables.c). */
import { PAGE_SIZE_N } from '../../base/address.js';
import {
  type ListedMapping,
  type Mapping,
  RIGHT_EXEC,
  RIGHT_READ,
  RIGHT_WRITE,
} from '../../memory/mapping.js';
import {
  KERNEL_MAP,
  MODULES_END,
  MODULES_VADDR,
  PAGE_OFFSET,
  VMALLOC_END,
  VMALLOC_START,
} from './boot/layout.js';
import { PTE_GLOBAL, PTE_PSE, PTE_RW, PTE_USER } from './paging/entry.js';
import type { TableRange, TableRanges } from './paging/ranges.js';

const LEVELS = ['pte', 'pmd', 'pud', 'pgd'];
const MARKERS: readonly (readonly [address: bigint, name: string])[] = [
  [0n, 'User Space'],
  [0xffff_8000_0000_0000n, 'Kernel Space'],
  [0xffff_8800_0000_0000n, 'LDT remap'],
  [PAGE_OFFSET, 'Low Kernel Mapping'],
  [VMALLOC_START, 'vmalloc() Area'],
  [0xffff_ea00_0000_0000n, 'Vmemmap'],
  [0xffff_fe00_0000_0000n, 'CPU entry Area'],
  [0xffff_ff00_0000_0000n, 'ESPfix Area'],
  [0xffff_ffef_0000_0000n, 'EFI Runtime Services'],
  [KERNEL_MAP, 'High Kernel Mapping'],
  [MODULES_VADDR, 'Modules'],
  [MODULES_END, 'End Modules'],
];
const UNITS = ['K', 'M', 'G', 'T', 'P', 'E'];

/** Pages at which the listing has a heading. */
export const LISTING_MARKS = MARKERS.slice(1).map(([address]) => Number(address >> 12n));

/** `ranges` with `LISTING_MARKS`. */
export function pageTablesText({ ranges, whole }: TableRanges): string {
  const heading = (index: number): string => `---[ ${MARKERS[index]![1]} ]---`;
  const lines = ranges.flatMap((range) => [
    ...(range.mark === undefined ? [] : [heading(range.mark + 1)]),
    rangeLine(range),
  ]);
  const end = whole ? [] : ['(more page tables than are listed)'];
  return `${[heading(0), ...lines, ...end].join('\n')}\n`;
}

function addressOf(page: number): bigint {
  return BigInt.asUintN(64, BigInt(page) * PAGE_SIZE_N);
}

function rangeLine(range: TableRange): string {
  const hex = (page: number): string => `0x${addressOf(page).toString(16).padStart(16, '0')}`;
  let size = (BigInt(range.end) - BigInt(range.start)) * 4n;
  let unit = 0;
  while (size % 1024n === 0n && size > 0n && unit < UNITS.length - 1) {
    size /= 1024n;
    unit++;
  }
  const amount = `${String(size).padStart(9)}${UNITS[unit]}`;
  return `${hex(range.start)}-${hex(range.end)}   ${amount} ${rightsText(range)} ${LEVELS[range.level]}`;
}

/** USR RW PWT PCD PSE PAT GLB NX. */
function rightsText({ present, low, noExecute }: TableRange): string {
  if (!present) return ' '.repeat(29);
  const when = (bit: number, name: string): string => ((low & bit) === 0 ? '    ' : name.padEnd(4));
  return [
    when(PTE_USER, 'USR'),
    low & PTE_RW ? 'RW ' : 'ro ',
    when(1 << 3, 'PWT'),
    when(1 << 4, 'PCD'),
    when(PTE_PSE, 'PSE'),
    '    ',
    when(PTE_GLOBAL, 'GLB'),
    noExecute ? 'NX' : 'x ',
  ].join('');
}

/** The page of an address, by the entries on the way to it; undefined where it is not mapped. */
export function mappingAt(
  address: bigint,
  entries: readonly { readonly entry: bigint }[],
): Mapping | undefined {
  const leaf = entries.at(-1)?.entry ?? 0n;
  if ((leaf & 1n) === 0n) return undefined;
  const start = address & ~0xfffn;
  const write = entries.every(({ entry }) => (entry & BigInt(PTE_RW)) !== 0n);
  const execute = entries.every(({ entry }) => entry >> 63n === 0n);
  return {
    start,
    end: start + PAGE_SIZE_N,
    rights: RIGHT_READ | (write ? RIGHT_WRITE : 0) | (execute ? RIGHT_EXEC : 0),
    may: RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC,
    shared: false,
    growsDown: false,
    name: regionOf(address),
    object: undefined,
    offset: 0n,
    history: [],
    native: leaf,
  };
}

/** What is mapped, for whoever looks from outside; each range that the listing has, with what its rights come to. */
export function mappingsOf({ ranges }: TableRanges): ListedMapping[] {
  return ranges
    .filter(({ present }) => present)
    .map((range) => ({
      start: addressOf(range.start),
      end: addressOf(range.end),
      rights: RIGHT_READ | (range.write ? RIGHT_WRITE : 0) | (range.execute ? RIGHT_EXEC : 0),
      may: RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC,
      shared: false,
      growsDown: false,
      name: regionOf(addressOf(range.start)),
      object: undefined,
      offset: 0n,
      history: [],
      native: range,
      attributes: attributesOf(range),
    }));
}

function attributesOf({ level, low, user }: TableRange): string[] {
  return [LEVELS[level]!, ...(low & PTE_GLOBAL ? ['GLB'] : []), ...(user ? ['USR'] : [])];
}

const REGIONS: readonly (readonly [start: bigint, end: bigint, name: string])[] = [
  [PAGE_OFFSET, VMALLOC_START, '[linear map]'],
  [VMALLOC_START, VMALLOC_END, '[vmalloc]'],
  [KERNEL_MAP, MODULES_VADDR, '[kernel]'],
  [MODULES_VADDR, MODULES_END, '[modules]'],
];

export function regionOf(address: bigint): string {
  return REGIONS.find(([start, end]) => address >= start && address < end)?.[2] ?? '';
}
