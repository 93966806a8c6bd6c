/** Symbols of a relocatable ELF file, and where each lies in the image. */
import type { FileReader } from '../file-reader.js';
import type { ObjectSymbol, SymbolPlace } from '../object-file.js';
import { type ElfObject, type NamedSection, stringAt } from './object-headers.js';
import {
  SHF_GROUP,
  SHN_ABS,
  SHN_COMMON,
  SHN_LORESERVE,
  SHN_UNDEF,
  SHN_XINDEX,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
  type SymbolEntry,
  symbolEntry,
} from './structures.js';

const STB_LOCAL = 0;
const STB_WEAK = 2;
const STT_SECTION = 3;
const STT_GNU_IFUNC = 10;

/** @param kept sections of the image, by their number in the file. */
export function readObjectSymbols(
  { file, shape, headers }: ElfObject,
  kept: ReadonlyMap<number, number>,
): ObjectSymbol[] {
  const table = headers.find(({ type }) => type === SHT_SYMTAB);
  if (table === undefined) return [];
  const strings = headers[table.link];
  if (strings === undefined)
    throw file.error(`its symbols' names shall be in section ${table.link}`);
  const entry = shape.symbol;
  file.check(table.offset, table.size, 'the symbol table');
  file.records(Math.floor(table.size / entry), 'the symbol table');
  const high = headers.find(
    ({ type, link }) => type === SHT_SYMTAB_SHNDX && headers[link] === table,
  );
  return Array.from({ length: Math.floor(table.size / entry) }, (_, index) => {
    const at = table.offset + index * entry;
    const raw = withSection(file, symbolEntry(file.bytes, at, shape), high, index);
    const named = stringAt(file, strings, raw.nameAt);
    const isSection = raw.type === STT_SECTION;
    const name = isSection && named === '' ? (headers[raw.section]?.name ?? '') : named;
    const grouped = ((headers[raw.section]?.flags ?? 0) & SHF_GROUP) !== 0;
    const place = placeOf(file, name, raw, kept);
    return { name, binding: bindingOf(raw.binding, grouped), place, size: raw.size };
  });
}

/** The section's number, where it is too large for the symbol. */
function withSection(
  file: FileReader,
  raw: SymbolEntry,
  high: NamedSection | undefined,
  index: number,
): PlacedSymbol {
  if (raw.section !== SHN_XINDEX || high === undefined) {
    return { ...raw, reserved: raw.section >= SHN_LORESERVE };
  }
  const section = file.u32(high.offset + 4 * index, 'numbers of sections');
  return { ...raw, section, reserved: false };
}

interface PlacedSymbol extends SymbolEntry {
  /** The number has a meaning of its own: absolute, common. */
  readonly reserved: boolean;
}

function bindingOf(binding: number, grouped: boolean): ObjectSymbol['binding'] {
  if (binding === STB_LOCAL) return 'local';
  return binding === STB_WEAK || grouped ? 'weak' : 'global';
}

function placeOf(
  file: FileReader,
  name: string,
  { type, section, reserved, value, size }: PlacedSymbol,
  kept: ReadonlyMap<number, number>,
): SymbolPlace {
  if (section !== SHN_UNDEF && type === STT_GNU_IFUNC) {
    throw file.error(
      `symbol '${name}' is an indirect function (STT_GNU_IFUNC), which cannot be linked here`,
    );
  }
  if (section === SHN_UNDEF) return { kind: 'undefined' };
  if (reserved && section === SHN_ABS) return { kind: 'absolute', value };
  if (reserved && section === SHN_COMMON) {
    return { kind: 'common', size, align: Math.max(1, Number(value)) };
  }
  if (reserved) {
    throw file.error(`symbol '${name}' is in the reserved section 0x${section.toString(16)}`);
  }
  const index = kept.get(section);
  // Of debug information and the like: nothing in the image refers to it.
  return index === undefined
    ? { kind: 'undefined' }
    : { kind: 'section', section: index, offset: Number(value) };
}
