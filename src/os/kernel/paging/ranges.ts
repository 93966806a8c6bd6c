/** All that the page tables map, as ranges: what the kernel's ptdump walks (Linux mm/ptdump.c). */
import {
  type PagingMode,
  PTE_GLOBAL,
  PTE_NX_HIGH,
  PTE_PRESENT,
  PTE_PSE,
  PTE_RW,
  PTE_USER,
  SPAN,
} from './entry.js';

/** Whole tables at once. */
export interface ReadableMemory {
  /** Bytes within one page of physical memory. */
  read(address: number, length: number): Uint8Array;
}

/** Neighbouring leaf entries with the same bits, or entries that are not present. Pages are linear, `end` exclusive. */
export interface TableRange {
  readonly start: number;
  readonly end: number;
  /** Of the entries: 0 pte, 1 pmd, 2 pud, 3 pgd. */
  readonly level: number;
  readonly present: boolean;
  /** The bits that matter, of the leaf alone. */
  readonly low: number;
  readonly noExecute: boolean;
  /** What the entries on the way allow together. */
  readonly write: boolean;
  readonly user: boolean;
  readonly execute: boolean;
  /** First page frame; those of a range need not follow each other. */
  readonly frame: number;
  /** Which of the `marks` it begins behind, if it is the first one there. */
  readonly mark: number | undefined;
}

const PTE_PWT = 1 << 3;
const PTE_PCD = 1 << 4;
const SHOWN = PTE_PRESENT | PTE_RW | PTE_USER | PTE_PWT | PTE_PCD | PTE_PSE | PTE_GLOBAL;
/** Tables that are looked at: a table that maps itself would have as many as there are addresses. */
const MOST_TABLES = 1024;
/** The page of the first address of the upper half, and of the last of the lower. */
const HALF_ENTRIES = 256;
const UPPER_START = 2 ** 52 - 2 ** 35;
/** Entries of the hole for hypervisors, which Linux leaves out (GUARD_HOLE_BASE_ADDR). */
const GUARD_HOLE = { first: 256, end: 272 };

export interface TableRanges {
  readonly ranges: readonly TableRange[];
  /** False: there were more tables than are looked at. */
  readonly whole: boolean;
}

type OpenRange = { -readonly [Key in keyof TableRange]: TableRange[Key] };

interface Above {
  readonly write: boolean;
  readonly user: boolean;
  readonly execute: boolean;
}

/** `marks`: pages at which a range begins in any case, one for each entry that is passed. */
export function tableRanges(
  memory: ReadableMemory,
  mode: PagingMode,
  marks: readonly number[] = [],
): TableRanges {
  const ranges: OpenRange[] = [];
  let tables = 0;
  let next = 0;
  const note = (range: Omit<TableRange, 'mark'>): void => {
    const last = ranges.at(-1);
    const passed = next < marks.length && range.start >= marks[next]!;
    if (last !== undefined && !passed && sameBits(last, range)) {
      last.end = range.end;
      return;
    }
    // What lies between is not mapped.
    if (last !== undefined && !last.present) last.end = range.start;
    ranges.push({ ...range, mark: passed ? next++ : undefined });
  };
  const visit = (table: number, level: number, first: number, above: Above): void => {
    tables++;
    const span = SPAN[level]!;
    const entries = new DataView(memory.read(table, 4096).buffer);
    for (let index = 0; index < 512; index++) {
      const low = entries.getUint32(8 * index, true);
      const high = entries.getUint32(8 * index + 4, true);
      const upper = level === 3 && index >= HALF_ENTRIES;
      const start = upper ? UPPER_START + (index - HALF_ENTRIES) * span : first + index * span;
      const noExecute = mode.noExecute && (high & PTE_NX_HIGH) !== 0;
      const rights = {
        write: above.write && (low & PTE_RW) !== 0,
        user: above.user && (low & PTE_USER) !== 0,
        execute: above.execute && !noExecute,
      };
      const frame = (high & 0xff) * 0x10_0000 + (low >>> 12);
      const present = (low & PTE_PRESENT) !== 0;
      if (!present && level === 3 && index >= GUARD_HOLE.first && index < GUARD_HOLE.end) continue;
      const isTable = present && level > 0 && (low & PTE_PSE) === 0;
      if (isTable && tables < MOST_TABLES) visit(frame * 4096, level - 1, start, rights);
      else if (!isTable) {
        const shown = present ? low & SHOWN & (level > 0 ? -1 : ~PTE_PSE) : 0;
        note({ start, end: start + span, level, present, low: shown, noExecute, ...rights, frame });
      }
    }
  };
  visit(mode.cr3, 3, 0, { write: true, user: true, execute: true });
  return { ranges, whole: tables < MOST_TABLES };
}

function sameBits(a: TableRange, b: Omit<TableRange, 'mark'>): boolean {
  if (a.present !== b.present || a.level !== b.level) return false;
  if (!a.present) return true;
  return (
    a.low === b.low &&
    a.noExecute === b.noExecute &&
    a.write === b.write &&
    a.user === b.user &&
    a.execute === b.execute &&
    a.end === b.start
  );
}
