/** BUG() and WARN(): entries of the table that asm/lib/kernel.inc makes (Linux lib/bug.c, include/asm-generic/bug.h). */
import type { ReportMemory } from './memory.js';

export interface BugEntry {
  readonly file: string;
  readonly line: number;
  readonly isWarning: boolean;
  /** What a warning says first. */
  readonly text: string;
}

/** Address, file, line, flags, text; 8 bytes each. */
const ENTRY_BYTES = 40n;
const MOST_ENTRIES = 4096;
const WARNING = 1n;

export function bugAt(
  memory: ReportMemory,
  { start, end }: { readonly start: bigint; readonly end: bigint },
  address: bigint,
): BugEntry | undefined {
  for (let n = 0n; n < MOST_ENTRIES && start + (n + 1n) * ENTRY_BYTES <= end; n++) {
    const at = start + n * ENTRY_BYTES;
    if (memory.word(at) !== address) continue;
    const text = memory.word(at + 32n);
    return {
      file: memory.text(memory.word(at + 8n), 128),
      line: Number(memory.word(at + 16n) & 0xffff_ffffn),
      isWarning: memory.word(at + 24n) === WARNING,
      text: text === 0n ? '' : memory.text(text, 256),
    };
  }
  return undefined;
}
