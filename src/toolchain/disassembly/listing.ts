/** Text of code for people: a listing with symbols and a mark, and a hexdump. Pure functions. */

import type { Addr } from '../../base/address.js';
import { checkOptionNames, type OptionNames } from '../../base/options.js';
import {
  aBigint,
  aMap,
  aText,
  bytes,
  checkShape,
  listOf,
  objectOf,
  optional,
} from '../../base/shape.js';
import type { Instruction } from './disassembler.js';

export interface ListingOptions {
  /** The instruction here is marked with `=>`. */
  readonly mark?: Addr;
  readonly symbols?: ReadonlyMap<string, Addr>;
}

const OPTIONS: OptionNames<ListingOptions> = { mark: true, symbols: true };

const INSTRUCTIONS = listOf(
  objectOf({ address: aBigint, bytes, text: aText }),
  'what disassemble gives',
);

/** One line per instruction: mark, address, bytes (padded to the longest), text, and labels on lines of their own. */
export function formatListing(
  instructions: readonly Instruction[],
  options: ListingOptions = {},
): string[] {
  checkShape('formatListing: the instructions', instructions, INSTRUCTIONS);
  checkOptionNames('formatListing', options, OPTIONS);
  const { mark, symbols = new Map<string, Addr>() } = options;
  checkShape('formatListing: the mark', mark, optional(aBigint));
  checkShape('formatListing: the symbols', symbols, aMap);
  const byAddress = new Map<Addr, string>();
  for (const [name, address] of symbols) byAddress.set(address, name);
  let width = 0;
  let digits = 1;
  for (const { bytes, address } of instructions) {
    width = Math.max(width, bytes.length * 3 - 1);
    digits = Math.max(digits, address.toString(16).length);
  }
  return instructions.flatMap(({ address, bytes, text }) => {
    const label = byAddress.get(address);
    const shown = text.replace(/0x[0-9a-f]+/g, (hex) => {
      const name = byAddress.get(BigInt(hex));
      return name === undefined ? hex : `${hex} <${name}>`;
    });
    const where = address.toString(16).padStart(digits);
    const line = `${address === mark ? '=>' : '  '} ${where}:  ${hexOf(bytes).padEnd(width)}  ${shown}`;
    return label === undefined ? [line] : [`${label}:`, line];
  });
}

const ROW = 16;

/** Rows of 16 bytes with their text; the byte at `mark` stands in brackets. */
export function hexdump(shown: Uint8Array, address: Addr, mark?: Addr): string[] {
  checkShape('hexdump: the bytes', shown, bytes);
  checkShape('hexdump: the address', address, aBigint);
  checkShape('hexdump: the mark', mark, optional(aBigint));
  const rows: string[] = [];
  for (let at = 0; at < shown.length; at += ROW) {
    const row = shown.subarray(at, at + ROW);
    const marked = mark === undefined ? -1 : Number(mark - address) - at;
    const cells = [...row].map((byte, index) => {
      const hex = byte.toString(16).padStart(2, '0');
      return index === marked ? `[${hex}]` : ` ${hex} `;
    });
    const text = [...row].map((byte) =>
      byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.',
    );
    const where = (address + BigInt(at)).toString(16).padStart(8, '0');
    rows.push(`${where} ${cells.join('').padEnd(ROW * 4)} ${text.join('')}`);
  }
  return rows;
}

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
