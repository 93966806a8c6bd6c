/** Debugging information is read however a linker has compressed it; what is damaged is not there. */
import { zlibSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { debugSection } from '../../../src/formats/elf/debug-section.js';
import type { ElfSection } from '../../../src/formats/elf/sections.js';

const SHF_COMPRESSED = 0x800;
const CONTENT = new TextEncoder().encode('lines and lines and lines'.repeat(2000));

function sectionOf(name: string, content: Uint8Array, flags = 0): ElfSection {
  return {
    name,
    type: 1,
    flags,
    address: 0,
    offset: 0,
    size: content.length,
    link: 0,
    info: 0,
    entrySize: 0,
  } as unknown as ElfSection;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function header64(type: number, size: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(24));
  view.setUint32(0, type, true);
  view.setBigUint64(8, BigInt(size), true);
  return new Uint8Array(view.buffer);
}

function header32(size: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint32(0, 1, true);
  view.setUint32(4, size, true);
  return new Uint8Array(view.buffer);
}

function oldHeader(size: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint32(0, 0x5a4c4942);
  view.setBigUint64(4, BigInt(size));
  return new Uint8Array(view.buffer);
}

/** Frames of RFC 8878: of one segment with four bytes of size, then blocks that are raw (0) or a byte repeated (1). */
function zstandard(
  size: number,
  blocks: readonly (readonly [kind: 0 | 1, length: number, content: Uint8Array])[],
) {
  const view = new DataView(new ArrayBuffer(9));
  view.setUint32(0, 0xfd2fb528, true);
  view.setUint8(4, 0xa0);
  view.setUint32(5, size, true);
  const parts = blocks.flatMap(([kind, length, content], index) => {
    const word = (length << 3) | (kind << 1) | (index === blocks.length - 1 ? 1 : 0);
    return [Uint8Array.of(word, word >> 8, word >> 16), content];
  });
  return joined(new Uint8Array(view.buffer), ...parts);
}

const raw = zstandard(CONTENT.length, [
  [0, 10, CONTENT.subarray(0, 10)],
  [0, CONTENT.length - 10, CONTENT.subarray(10)],
]);
const zlib = zlibSync(CONTENT);
const size = CONTENT.length;

describe('a section of debugging information', () => {
  it.each([
    ['plain', 'x86-64', '.debug_line', CONTENT, 0],
    [
      'compressed, 64 bits',
      'x86-64',
      '.debug_line',
      joined(header64(1, size), zlib),
      SHF_COMPRESSED,
    ],
    ['compressed, 32 bits', 'i386', '.debug_line', joined(header32(size), zlib), SHF_COMPRESSED],
    [
      'compressed by Zstandard',
      'x86-64',
      '.debug_line',
      joined(header64(2, size), raw),
      SHF_COMPRESSED,
    ],
    ['compressed as it was before', 'x86-64', '.zdebug_line', joined(oldHeader(size), zlib), 0],
  ] as const)('%s', (_what, arch, name, bytes, flags) => {
    const read = debugSection(bytes, [sectionOf(name, bytes, flags)], arch, '.debug_line');
    expect(read).toEqual(CONTENT);
  });

  it.each([
    ['compressed in another way', joined(header64(3, size), zlib)],
    ['that is no Zstandard', joined(header64(2, size), zlib)],
    ['that Zstandard makes longer', joined(header64(2, size - 1), raw)],
    ['that Zstandard makes shorter', joined(header64(2, size + 1), raw)],
    [
      'that is a bomb of Zstandard',
      joined(
        header64(2, 1000),
        zstandard(
          0x7fff_0000,
          Array.from({ length: 4000 }, () => [1, 0x1_ffff, Uint8Array.of(7)] as const),
        ),
      ),
    ],
    ['of a header that is cut off', header64(1, size).subarray(0, 9)],
    ['that is cut off', joined(header64(1, size), zlib.subarray(0, 40))],
    ['whose size is too small', joined(header64(1, 10), zlib)],
    ['whose size is too large', joined(header64(1, size + 1), zlib)],
    ['whose size is absurd', joined(header64(1, 2 ** 52), zlib)],
    ['that is no zlib', joined(header64(1, size), CONTENT)],
    ['that is a bomb', joined(header64(1, 1000), zlibSync(new Uint8Array(32 << 20)))],
  ])('%s is not there', (_what, bytes) => {
    const section = sectionOf('.debug_line', bytes, SHF_COMPRESSED);
    expect(debugSection(bytes, [section], 'x86-64', '.debug_line')).toBeUndefined();
  });
});
