/** What a file of code tells of its addresses, whatever its format: the function, the source line, the caller. */
import type { CallFrame } from '../../formats/dwarf/call-frames.js';
import type { LineEntry } from '../../formats/dwarf/line-table.js';

export interface FunctionStart {
  readonly name: string;
  /** Where it begins, as in the file. */
  readonly start: number;
}

/** Addresses are those of the file. */
export interface CodeFile {
  /** The function or object that an address lies in; or the label that it lies behind. */
  symbolAt(address: number): FunctionStart | undefined;
  /** Source lines of addresses, as far as the file has debugging information that is not compressed. */
  linesOf(addresses: readonly number[]): ReadonlyMap<number, LineEntry>;
  /** How the caller is found from there; undefined: nothing is said of it. */
  frameAt(address: number): CallFrame | undefined;
}

/** Of rows sorted by their start the last that begins at or before an address; -1 where none does. */
export function lastUpTo(starts: readonly number[], address: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle]! <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
