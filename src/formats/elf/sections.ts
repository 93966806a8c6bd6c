/**
 * Sections of an ELF file, as debuggers read them: the loader does without. A table that points out of
 * the file ends the list; nothing here throws, whatever the file holds.
 */
import type { Arch } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import { decodeText } from '../../base/text.js';

export interface ElfSection {
  readonly name: string;
  /** SHT_*. */
  readonly type: number;
  /** SHF_*. */
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  /** Bytes, in memory; of SHT_NOBITS none in the file. */
  readonly size: number;
  /** The section that this one refers to: of a symbol table that of its names. */
  readonly link: number;
}

const SHT_NOBITS = 8;
const SHF_COMPRESSED = 0x800;
const LONGEST_NAME = 256;

export function wordOf(arch: Arch): 4 | 8 {
  return arch === 'x86-64' ? 8 : 4;
}

/** In the order of the file, the empty first one included. */
export function elfSections(bytes: Uint8Array, arch: Arch): ElfSection[] {
  const sections: Omit<ElfSection, 'name'>[] = [];
  const names: number[] = [];
  const file = new Struct(bytes);
  const word = wordOf(arch);
  try {
    const shoff = Number(file.word(24 + 2 * word, word));
    const [size, count, strings] =
      word === 8
        ? [file.u16(58), file.u16(60), file.u16(62)]
        : [file.u16(46), file.u16(48), file.u16(50)];
    for (let index = 0; index < count && shoff !== 0; index++) {
      const { name, ...section } = readSection(file, shoff + index * size, word);
      names.push(name);
      sections.push(section);
    }
    const table = sections[strings];
    const text = table === undefined ? undefined : contentOf(bytes, table);
    return sections.map((section, index) => ({
      ...section,
      name: text === undefined ? '' : nameAt(text, names[index] ?? 0),
    }));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return [];
  }
}

function readSection(
  file: Struct,
  at: number,
  word: 4 | 8,
): Omit<ElfSection, 'name'> & { readonly name: number } {
  const field = (index: number): number => Number(file.word(at + 8 + index * word, word));
  return {
    name: file.u32(at),
    type: file.u32(at + 4),
    flags: field(0),
    address: field(1),
    offset: field(2),
    size: field(3),
    link: file.u32(at + 8 + 4 * word),
  };
}

/** Undefined where it has no bytes in the file, lies outside of it, or is compressed. */
export function contentOf(
  bytes: Uint8Array,
  { type, flags, offset, size }: Omit<ElfSection, 'name'>,
): Uint8Array | undefined {
  if (type === SHT_NOBITS || flags & SHF_COMPRESSED) return undefined;
  return offset + size <= bytes.length ? bytes.subarray(offset, offset + size) : undefined;
}

/** Up to its NUL; empty for one that is not there. */
export function nameAt(table: Uint8Array, offset: number): string {
  const rest = table.subarray(offset, offset + LONGEST_NAME);
  const end = rest.indexOf(0);
  return decodeText(rest.subarray(0, end < 0 ? rest.length : end));
}
