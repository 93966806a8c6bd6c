/**
 * Which extension an instruction without a VEX prefix is of, and whether the processor has it. LZCNT is BSR without; that
 * the engine looks up itself, by what CPUID says.
 */
import type { Encoding, Mandatory } from './encoding.js';
import type { Extension, Extensions } from './extensions.js';

/** First and last opcode, mandatory prefixes, and whose they are. */
type Row = readonly [number, number, readonly Mandatory[], Extension];

const MAP_0F: readonly Row[] = [
  [0x12, 0x12, [2, 3], 'sse3'],
  [0x16, 0x16, [2], 'sse3'],
  [0x7c, 0x7d, [1, 3], 'sse3'],
  [0xb8, 0xb8, [2], 'popcnt'],
  [0xd0, 0xd0, [1, 3], 'sse3'],
  [0xf0, 0xf0, [3], 'sse3'],
];
const MAP_0F38: readonly Row[] = [
  [0x00, 0x0b, [0, 1], 'ssse3'],
  [0x1c, 0x1e, [0, 1], 'ssse3'],
  [0x10, 0x17, [1], 'sse4_1'],
  [0x20, 0x35, [1], 'sse4_1'],
  [0x37, 0x37, [1], 'sse4_2'],
  [0x38, 0x41, [1], 'sse4_1'],
  [0xdb, 0xdf, [1], 'aes'],
  [0xf0, 0xf1, [0, 1], 'movbe'],
  [0xf0, 0xf1, [3], 'sse4_2'],
  [0xf6, 0xf6, [1, 2], 'adx'],
];
const MAP_0F3A: readonly Row[] = [
  [0x08, 0x0e, [1], 'sse4_1'],
  [0x0f, 0x0f, [0, 1], 'ssse3'],
  [0x14, 0x22, [1], 'sse4_1'],
  [0x40, 0x42, [1], 'sse4_1'],
  [0x44, 0x44, [1], 'pclmul'],
  [0x60, 0x63, [1], 'sse4_2'],
  [0xdf, 0xdf, [1], 'aes'],
];
const MAPS: readonly (readonly Row[])[] = [[], MAP_0F, MAP_0F38, MAP_0F3A];

export function isLacking(e: Encoding, extensions: Extensions): boolean {
  const { map, opcode, pp, wide } = e;
  // LAHF and SAHF.
  if (map === 0 && wide && (opcode === 0x9e || opcode === 0x9f)) return !extensions.has('lahf_lm');
  // FISTTP.
  if (map === 0 && e.group === 1 && e.memory !== undefined && [0xdb, 0xdd, 0xdf].includes(opcode))
    return !extensions.has('sse3');
  // CMPXCHG16B.
  if (map === 1 && opcode === 0xc7 && e.group === 1 && e.w) return !extensions.has('cx16');
  const row = MAPS[map]?.find(
    ([first, last, prefixes]) => opcode >= first && opcode <= last && prefixes.includes(pp),
  );
  return row !== undefined && !extensions.has(row[3]);
}
