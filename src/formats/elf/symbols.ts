/** Symbol tables of ELF files: names with the addresses that they stand for. */
import type { Addr, Arch } from '../../base/address.js';
import { contentOf, type ElfSection, elfSections, nameAt } from './sections.js';
import {
  ELF_CLASS,
  type ElfClass,
  SHN_UNDEF,
  SHT_DYNSYM,
  SHT_SYMTAB,
  symbolEntry,
} from './structures.js';

export interface ElfSymbol {
  readonly name: string;
  /** As in the file; exact below 2^53. */
  readonly value: number;
  /** The same, exact. */
  readonly address: Addr;
  /** Bytes; 0 of a label that nobody gave a size. */
  readonly size: number;
  /** st_shndx: the section that it lies in. */
  readonly section: number;
}

const MAX_SYMBOLS = 1 << 20;
/** Of all names together: many symbols may point at one long name. */
const MOST_CHARACTERS = 16 << 20;

/** STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_COMMON, STT_GNU_IFUNC: of the others the value is no address of the name. */
const NAMES_OF_ADDRESSES = new Set([0, 1, 2, 5, 10]);

/** What has an address, of the symbol table, else of the dynamic one; empty when there is none or it is damaged. */
export function readSymbols(
  bytes: Uint8Array,
  arch: Arch,
  sections: readonly ElfSection[] = elfSections(bytes, arch),
): ElfSymbol[] {
  const table =
    sections.find(({ type }) => type === SHT_SYMTAB) ??
    sections.find(({ type }) => type === SHT_DYNSYM);
  const entries = table && contentOf(bytes, table);
  const names = table && sections[table.link];
  const text = names && contentOf(bytes, names);
  if (entries === undefined || text === undefined) return [];
  return readTable(entries, text, ELF_CLASS[arch]);
}

/** Undefined symbols and those without a name are nobody's labels. */
function readTable(entries: Uint8Array, text: Uint8Array, shape: ElfClass): ElfSymbol[] {
  const count = Math.min(Math.floor(entries.length / shape.symbol), MAX_SYMBOLS);
  const symbols: ElfSymbol[] = [];
  let characters = 0;
  for (let index = 1; index < count && characters < MOST_CHARACTERS; index++) {
    const {
      type,
      section,
      nameAt: at,
      value,
      size,
    } = symbolEntry(entries, index * shape.symbol, shape);
    if (section === SHN_UNDEF || !NAMES_OF_ADDRESSES.has(type)) continue;
    const name = nameAt(text, at);
    if (name === '') continue;
    characters += name.length;
    symbols.push({ name, value: Number(value), address: value, size, section });
  }
  return symbols;
}

/** Names with their addresses, moved by `bias`. */
export function elfSymbols(bytes: Uint8Array, arch: Arch, bias: Addr): Map<string, Addr> {
  return new Map(readSymbols(bytes, arch).map(({ name, address }) => [name, address + bias]));
}
