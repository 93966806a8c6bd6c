/**
 * Relocatable ELF files (ET_REL) of x86-64 and i386: System V ABI, chapter 4. Only what takes part in the
 * image is kept; debug information is not.
 */
import { FileReader } from '../file-reader.js';
import {
  constructorOrder,
  type InitializerOrder,
  LAST_PRIORITY,
  type ObjectFile,
  type ObjectSection,
} from '../object-file.js';
import { type ElfObject, type NamedSection, readObjectHeaders } from './object-headers.js';
import { readRelocations } from './object-relocations.js';
import { readObjectSymbols } from './object-symbols.js';
import {
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_TLS,
  SHF_WRITE,
  SHT_INIT_ARRAY,
  SHT_NOBITS,
  SHT_PREINIT_ARRAY,
  SHT_REL,
  SHT_RELA,
} from './structures.js';

/** @throws MayexecError with the file's name: cut off, of another machine, or using what is not supported. */
export function readElfObject(name: string, bytes: Uint8Array): ObjectFile {
  const elf = readObjectHeaders(new FileReader(name, bytes));
  // Sections of the image, by their number in the file.
  const kept = new Map<number, number>();
  for (const [index, { flags }] of elf.headers.entries()) {
    if (flags & SHF_ALLOC) kept.set(index, kept.size);
  }
  const symbols = readObjectSymbols(elf, kept);
  const tables = relocationTables(elf);
  const sections = [...kept.keys()].map((index) =>
    readSection(elf, index, tables.get(index) ?? [], symbols.length),
  );
  return { name, arch: elf.shape.arch, sections, symbols };
}

/** By the section that each is for. */
function relocationTables({ headers }: ElfObject): ReadonlyMap<number, readonly NamedSection[]> {
  const tables = new Map<number, NamedSection[]>();
  for (const header of headers) {
    if (header.type !== SHT_RELA && header.type !== SHT_REL) continue;
    const known = tables.get(header.info);
    if (known === undefined) tables.set(header.info, [header]);
    else known.push(header);
  }
  return tables;
}

function readSection(
  elf: ElfObject,
  index: number,
  tables: readonly NamedSection[],
  symbols: number,
): ObjectSection {
  const { file } = elf;
  const { name, type, flags, offset, size, align } = elf.headers[index]!;
  if (!isPowerOfTwo(align)) throw file.error(`section ${name} is aligned to ${align} bytes`);
  const zeroFilled = type === SHT_NOBITS;
  const bytes = zeroFilled ? new Uint8Array() : file.slice(offset, size, `section ${name}`);
  return {
    name,
    bytes,
    size,
    align: Math.max(1, align),
    write: (flags & SHF_WRITE) !== 0,
    exec: (flags & SHF_EXECINSTR) !== 0,
    relocations: tables.flatMap((table) => readRelocations(elf, table, { name, bytes }, symbols)),
    threadLocal: (flags & SHF_TLS) !== 0,
    initializers: initializerOrder(name, type),
  };
}

/** As GNU ld sorts them: .init_array.N by N, without a number last. */
function initializerOrder(name: string, type: number): InitializerOrder | undefined {
  const [, number] = /\.(\d+)$/.exec(name) ?? [];
  if (type === SHT_PREINIT_ARRAY) return { priority: -1, backwards: false };
  if (type === SHT_INIT_ARRAY || /^\.init_array(\.\d+)?$/.test(name)) {
    return { priority: number === undefined ? LAST_PRIORITY : Number(number), backwards: false };
  }
  return constructorOrder(name);
}

/** Or 0, which means 1; larger than a huge page no compiler asks for. */
function isPowerOfTwo(align: number): boolean {
  return align <= 2 << 20 && (align & (align - 1)) === 0;
}
