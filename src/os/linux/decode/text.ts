/** strace's ways to write strings, numbers and flags. Compare strace's src/util.c. */

/** strace's option -s. */
export const STRING_LIMIT = 32;

/** A character for each byte, and the right one for ASCII. */
const ONE_EACH = new TextDecoder('latin1');

const ESCAPES: Readonly<Record<number, string>> = {
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
};

/** Octal as short as the next character allows. */
function octal(byte: number, next: number | undefined): string {
  const digitFollows = next !== undefined && next >= 0x30 && next <= 0x39;
  return `\\${byte.toString(8).padStart(digitFollows ? 3 : 1, '0')}`;
}

export function quoted(bytes: Uint8Array): string {
  // Nearly always plain. Adding to a text byte by byte takes 32 bytes for each, and much time.
  const escaped = ONE_EACH.decode(bytes).replace(/[^ !#-[\]-~]/g, (_, index: number) => {
    const byte = bytes[index]!;
    return ESCAPES[byte] ?? octal(byte, bytes[index + 1]);
  });
  return `"${escaped}"`;
}

/** Every byte as `\x5a`: what strace does for random bytes. */
export function quotedHex(bytes: Uint8Array): string {
  return `"${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}"`;
}

/** The first 32 of `length` bytes, with `...` when there are more. */
export function shortened(bytes: Uint8Array, length: number, quote = quoted): string {
  return quote(bytes.subarray(0, STRING_LIMIT)) + (length > STRING_LIMIT ? '...' : '');
}

export function hex(value: bigint): string {
  return value === 0n ? '0' : `0x${value.toString(16)}`;
}

export function pointer(value: bigint): string {
  return value === 0n ? 'NULL' : `0x${value.toString(16)}`;
}

export type NameTable = readonly (readonly [value: number, name: string])[];

/**
 * Names of the bits that are set, in the table's order, then what has no name in hex. Values of more
 * than one bit come before their parts. `none` is for no bits at all; `family` marks a word of which
 * nothing is known.
 */
export function flags(value: number, table: NameTable, none = '0', family?: string): string {
  let left = value >>> 0;
  if (left === 0) return none;
  const names: string[] = [];
  for (const [bits, name] of table) {
    const wanted = bits >>> 0;
    if (wanted === 0 || (left & wanted) >>> 0 !== wanted) continue;
    names.push(name);
    left = (left & ~wanted) >>> 0;
  }
  if (left !== 0) names.push(`0x${left.toString(16)}`);
  if (left === value >>> 0 && family !== undefined) names.push(`/* ${family} */`);
  return names.join('|').replace('|/*', ' /*');
}

/** The name of one value; else the number with `???`, as strace marks what it does not know. */
export function named(value: number, table: NameTable, family: string): string {
  const found = table.find(([known]) => known === value);
  return found?.[1] ?? `0x${(value >>> 0).toString(16)} /* ${family} */`;
}
