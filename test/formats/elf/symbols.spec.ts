/** Symbol tables: which names stand for an address, and tables that lie. */
import { describe, expect, it } from 'vitest';
import { Struct } from '../../../src/base/struct.js';
import { elfSymbols, readSymbols } from '../../../src/formats/elf/symbols.js';

interface Entry {
  readonly name: number;
  readonly type: number;
  readonly section: number;
  readonly value: number;
  readonly size: number;
}

const HEADER = 64;
const SECTION = 64;

/** An x86-64 file of nothing but a symbol table and its names. */
function fileOf(entries: readonly Entry[], names: Uint8Array): Uint8Array {
  const table = HEADER + 3 * SECTION;
  const text = table + entries.length * 24;
  const file = new Struct(text + names.length).setU64(40, BigInt(HEADER)).setU16(58, SECTION);
  file.setU16(60, 3).set(text, names);
  const section = (index: number, type: number, at: number, size: number, link: number): void => {
    const start = HEADER + index * SECTION;
    file.setU32(start + 4, type).setU64(start + 24, BigInt(at));
    file.setU64(start + 32, BigInt(size)).setU32(start + 40, link);
  };
  section(1, 2, table, entries.length * 24, 2);
  section(2, 3, text, names.length, 0);
  for (const [index, entry] of entries.entries()) {
    const at = table + index * 24;
    file
      .setU32(at, entry.name)
      .setU8(at + 4, entry.type)
      .setU16(at + 6, entry.section);
    file.setU64(at + 8, BigInt(entry.value)).setU64(at + 16, BigInt(entry.size));
  }
  return file.bytes;
}

const NULL: Entry = { name: 0, type: 0, section: 0, value: 0, size: 0 };
const NAMES = new TextEncoder().encode('\0crt1.o\0main\0data\0later\0');

describe('a symbol table', () => {
  it('gives what has an address: no file, no section, no thread-local name, nothing undefined', () => {
    const bytes = fileOf(
      [
        NULL,
        { name: 1, type: 4, section: 0xfff1, value: 0, size: 0 },
        { name: 0, type: 3, section: 1, value: 0x1000, size: 0 },
        { name: 8, type: 2, section: 1, value: 0x1000, size: 32 },
        { name: 13, type: 1, section: 2, value: 0x2000, size: 8 },
        { name: 13, type: 6, section: 2, value: 0x10, size: 8 },
        { name: 18, type: 2, section: 0, value: 0, size: 0 },
      ],
      NAMES,
    );
    expect(readSymbols(bytes, 'x86-64')).toEqual([
      { name: 'main', value: 0x1000, address: 0x1000n, size: 32, section: 1 },
      { name: 'data', value: 0x2000, address: 0x2000n, size: 8, section: 2 },
    ]);
    expect([...elfSymbols(bytes, 'x86-64', 0x400000n)]).toEqual([
      ['main', 0x401000n],
      ['data', 0x402000n],
    ]);
  });

  it('whose names point out of the file has none', () => {
    const far = { name: 0xffff_ffff, type: 2, section: 1, value: 1, size: 1 };
    expect(readSymbols(fileOf([NULL, far], NAMES), 'x86-64')).toEqual([]);
  });

  it('of many symbols that share one long name is read as far as names have room', () => {
    const shared = { name: 1, type: 2, section: 1, value: 1, size: 1 };
    const names = new Uint8Array(1000).fill(65);
    names[0] = 0;
    const symbols = readSymbols(fileOf(Array(100_000).fill(shared), names), 'x86-64');
    expect(symbols.length).toBeGreaterThan(10_000);
    expect(symbols.length).toBeLessThan(70_000);
  });
});
