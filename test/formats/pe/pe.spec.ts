import { describe, expect, it } from 'vitest';
import type { Arch } from '../../../src/base/address.js';
import { MayexecError } from '../../../src/base/errors.js';
import { Random } from '../../../src/base/random.js';
import { Struct } from '../../../src/base/struct.js';
import { PeContent } from '../../../src/formats/pe/content.js';
import {
  delayImportsOf,
  exportsOf,
  importsOf,
  relocate,
  tlsOf,
} from '../../../src/formats/pe/directories.js';
import { DIRECTORY, type PeImage, parsePe } from '../../../src/formats/pe/image.js';
import {
  exportTable,
  importTable,
  relocationTable,
  writePe,
} from '../../../src/formats/pe/writer.js';

const ARCHES: readonly Arch[] = ['x86-64', 'i386'];
const BASE = 0x1_0000_0000n;

/** A DLL with code, a pointer that is relocated, imports, exports and TLS. */
function sample(arch: Arch): Uint8Array {
  const word = arch === 'x86-64' ? 8 : 4;
  const base = baseOf(arch);
  const imports = importTable(arch, 0x3000, [
    { dll: 'KERNEL32.dll', names: ['VirtualAlloc', 'ExitProcess'] },
  ]);
  const exported = exportTable(
    0x4000,
    'sample.dll',
    new Map([
      ['run', 0x1000],
      ['data', 0x2000],
    ]),
  );
  const tls = new Struct(5 * word + 8)
    .setWord(0, word, base + 0x2010n)
    .setWord(word, word, base + 0x2018n)
    .setWord(2 * word, word, base + 0x2020n)
    .setWord(3 * word, word, base + 0x2030n);
  const data = new Struct(0x100)
    .setWord(0, word, base + 0x1000n)
    .setWord(0x30, word, base + 0x1000n)
    .set(0x80, tls.bytes);
  const relocated = [0x2000, 0x2030, ...[0, 1, 2, 3].map((index) => 0x2080 + index * word)];
  const relocations = relocationTable(arch, relocated);
  return writePe({
    arch,
    base,
    entry: 0x1000,
    dll: true,
    sections: [
      { name: '.text', rva: 0x1000, bytes: Uint8Array.of(0xc3), exec: true },
      { name: '.data', rva: 0x2000, bytes: data.bytes, write: true, memoryLength: 0x800 },
      { name: '.idata', rva: 0x3000, bytes: imports.bytes, write: true },
      { name: '.edata', rva: 0x4000, bytes: exported.bytes },
      { name: '.reloc', rva: 0x5000, bytes: relocations },
    ],
    directories: new Map([
      [DIRECTORY.import, { rva: 0x3000, size: imports.size }],
      [DIRECTORY.export, { rva: 0x4000, size: exported.size }],
      [DIRECTORY.relocation, { rva: 0x5000, size: relocations.length }],
      [DIRECTORY.tls, { rva: 0x2080, size: tls.bytes.length }],
    ]),
  });
}

function baseOf(arch: Arch): bigint {
  return arch === 'x86-64' ? BASE : 0x1000_0000n;
}

function opened(bytes: Uint8Array): { image: PeImage; content: PeContent } {
  const parsed = parsePe(bytes);
  if (!parsed.ok) throw new Error(parsed.reason);
  return { image: parsed.image, content: new PeContent(bytes, parsed.image) };
}

function reasonOf(bytes: Uint8Array): string {
  const parsed = parsePe(bytes);
  return parsed.ok ? '' : parsed.reason;
}

describe.each(ARCHES)('a PE file for %s', (arch) => {
  it('is read as it was written', () => {
    const { image, content } = opened(sample(arch));
    expect(image).toMatchObject({ arch, base: baseOf(arch), entry: 0x1000, size: 0x6000 });
    expect(image.sections.map(({ name }) => name)).toEqual([
      '.text',
      '.data',
      '.idata',
      '.edata',
      '.reloc',
    ]);
    expect(importsOf(content)).toMatchObject([
      { dll: 'KERNEL32.dll', imports: [{ name: 'VirtualAlloc' }, { name: 'ExitProcess' }] },
    ]);
    expect([...exportsOf(content).byName]).toEqual([
      ['data', { rva: 0x2000 }],
      ['run', { rva: 0x1000 }],
    ]);
    expect(tlsOf(content)).toEqual({
      dataRva: 0x2010,
      dataLength: 8,
      zeroFill: 0,
      indexRva: 0x2020,
      callbacks: [0x1000],
    });
  });

  it('can be moved to another base', () => {
    const { content } = opened(sample(arch));
    const base = 0x2000_0000n;
    relocate(content, base);
    expect(content.word(0x2000)).toBe(base + 0x1000n);
    expect(tlsOf(content, base)?.callbacks).toEqual([0x1000]);
  });

  it('without a directory of relocations has nothing to relocate, unless they were stripped', () => {
    const move = (characteristics: number): void => {
      const bytes = writePe({
        arch,
        base: baseOf(arch),
        entry: 0x1000,
        sections: [{ name: '.text', rva: 0x1000, bytes: Uint8Array.of(0xc3), exec: true }],
      });
      // Characteristics of the COFF header behind 'PE\0\0'.
      const at = new Struct(bytes).u32(0x3c) + 22;
      new Struct(bytes).setU16(at, characteristics);
      const { content } = opened(bytes);
      relocate(content, 0x2000_0000n);
      expect(content.read(0x1000, 1)).toEqual(Uint8Array.of(0xc3));
    };
    expect(() => move(0x22)).not.toThrow();
    expect(() => move(0x23)).toThrow('stripped');
  });

  it('takes no memory for pages that the file says nothing of', () => {
    const { content } = opened(sample(arch));
    expect(content.page(2)?.length).toBe(4096);
    expect(
      opened(
        writePe({
          arch,
          base: baseOf(arch),
          sections: [
            {
              name: '.bss',
              rva: 0x1000,
              bytes: new Uint8Array(),
              memoryLength: 1 << 30,
              write: true,
            },
          ],
        }),
      ).content.page(1000),
    ).toBe(undefined);
  });
});

describe('a damaged PE file', () => {
  const change = (at: number, value: number, size: 2 | 4 = 4): Uint8Array => {
    const file = new Struct(sample('x86-64').slice());
    if (size === 2) file.setU16(at, value);
    else file.setU32(at, value);
    return file.bytes;
  };
  const PE = 0x80;
  const OPTIONAL = PE + 24;

  it.each([
    ['cut off', sample('x86-64').slice(0, 100), 'outside the file'],
    ['without a signature', change(PE, 0), 'program for DOS'],
    ['of another machine', change(PE + 4, 0x1c0, 2), 'another machine'],
    ['with a wrong optional header', change(OPTIONAL, 0x10b, 2), 'optional header is of kind'],
    ['with an odd file alignment', change(OPTIONAL + 36, 0x300), 'file alignment 0x300'],
    ['with a base inside a block', change(OPTIONAL + 24, 0x1000), 'no multiple of 64 KiB'],
    ['as large as the address space', change(OPTIONAL + 56, 0xffff_f000), 'image size 0xfffff000'],
    ['with overlapping sections', change(OPTIONAL + 240 + 40 + 12, 0x1000), 'does not follow'],
    [
      'with a section past the end of the file',
      change(OPTIONAL + 240 + 16, 0x7fff_ffff),
      'outside the file',
    ],
    ['with an entry point outside', change(OPTIONAL + 16, 0x10_0000), 'entry point'],
  ])('%s is refused', (_what, bytes, reason) => {
    expect(reasonOf(bytes)).toContain(reason);
  });

  it('whose relocations would be read for ever is refused', () => {
    const { content } = opened(sample('x86-64'));
    content.write(0x5004, new Struct(4).setU32(0, 0).bytes);
    expect(() => relocate(content, 0n)).toThrow('a block of 0 bytes');
  });

  it('never makes the reader do more than say so', () => {
    const random = new Random(7);
    let refused = 0;
    for (const arch of ARCHES) {
      const valid = sample(arch);
      for (let round = 0; round < 20_000; round++) {
        const bytes = valid.slice();
        for (let count = random.next32() % 4; count >= 0; count--) mutate(bytes, random);
        refused += isRefused(bytes) ? 1 : 0;
      }
    }
    expect(refused).toBeGreaterThan(1000);
  });
});

/** Headers and tables are hit more often than anything else. */
function mutate(bytes: Uint8Array, random: Random): void {
  const at = random.next32() % (random.next32() % 2 === 0 ? 0x400 : bytes.length);
  const values = [0, 0xff, 0x7f, 0x80, random.next32() & 0xff];
  bytes[at] = values[random.next32() % values.length]!;
}

function isRefused(bytes: Uint8Array): boolean {
  const parsed = parsePe(bytes);
  if (!parsed.ok) return true;
  const content = new PeContent(bytes, parsed.image);
  try {
    relocate(content, 0x4000_0000n);
    importsOf(content);
    delayImportsOf(content);
    exportsOf(content);
    tlsOf(content, 0x4000_0000n);
    return false;
  } catch (error) {
    if (error instanceof MayexecError) return true;
    throw error;
  }
}
