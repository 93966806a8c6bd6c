/**
 * Relocatable ELF files (ET_REL) of x86-64 and i386: System V ABI, chapter 4. Only what takes part in the
 * image is kept; debug information is not.
 */
import type { Arch } from '../../base/address.js';
import { FileReader } from '../file-reader.js';
import {
  constructorOrder,
  type InitializerOrder,
  LAST_PRIORITY,
  type ObjectFile,
  type ObjectSection,
  type ObjectSymbol,
  type Relocation,
  type RelocationKind,
  type SymbolPlace,
} from '../object-file.js';
import { elfRelocationKind, GOT32X_WITHOUT_BASE, isThreadLocal, R_NONE } from './relocations.js';

const ET_REL = 1;
const MACHINES: Readonly<Record<number, string>> = {
  8: 'MIPS',
  20: 'PowerPC',
  21: 'PowerPC64',
  22: 'S/390',
  40: 'ARM',
  183: 'AArch64',
  243: 'RISC-V',
  258: 'LoongArch',
};

const SHT_SYMTAB = 2;
const SHT_RELA = 4;
const SHT_NOBITS = 8;
const SHT_REL = 9;
const SHT_INIT_ARRAY = 14;
const SHT_PREINIT_ARRAY = 16;
const SHT_SYMTAB_SHNDX = 18;
const SHF_WRITE = 1;
const SHF_ALLOC = 2;
const SHF_EXECINSTR = 4;
const SHF_GROUP = 0x200;
const SHF_TLS = 0x400;

const SHN_UNDEF = 0;
const SHN_LORESERVE = 0xff00;
const SHN_ABS = 0xfff1;
const SHN_COMMON = 0xfff2;
/** The number does not fit: it is elsewhere. */
const SHN_XINDEX = 0xffff;
const STB_LOCAL = 0;
const STB_WEAK = 2;
const STT_SECTION = 3;
const STT_GNU_IFUNC = 10;

interface Header {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entrySize: number;
}

interface Elf {
  readonly file: FileReader;
  readonly arch: Arch;
  readonly word: 4 | 8;
  readonly headers: readonly Header[];
}

export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/** @throws MayexecError with the file's name: cut off, of another machine, or using what is not supported. */
export function readElfObject(name: string, bytes: Uint8Array): ObjectFile {
  const elf = readHeaders(new FileReader(name, bytes));
  // Sections of the image, by their number in the file.
  const kept = new Map<number, number>();
  for (const [index, { flags }] of elf.headers.entries()) {
    if (flags & SHF_ALLOC) kept.set(index, kept.size);
  }
  const symbols = readSymbols(elf, kept);
  const tables = relocationTables(elf);
  const sections = [...kept.keys()].map((index) =>
    readSection(elf, index, tables.get(index) ?? [], symbols.length),
  );
  return { name, arch: elf.arch, sections, symbols };
}

function readHeaders(file: FileReader): Elf {
  const { arch, word } = machineOf(file);
  const type = file.u16(16, 'the ELF header');
  if (type !== ET_REL) {
    const what = ({ 2: 'an executable', 3: 'a shared object', 4: 'a core file' } as const)[type];
    throw file.error(
      `is ${what ?? `of ELF type ${type}`}, and no relocatable object (.o, made by 'cc -c')`,
    );
  }
  const wide = word === 8;
  const at = file.word(wide ? 40 : 32, word, 'the ELF header');
  const entry = wide ? 64 : 40;
  // What does not fit into the header stands in the first section's (gABI, "Section Header Table Index").
  const first = () => sectionHeader(file, at, word);
  const few = file.u16(wide ? 60 : 48, 'the ELF header');
  const count = few === 0 && at !== 0 ? first().size : few;
  const low = file.u16(wide ? 62 : 50, 'the ELF header');
  const names = low === SHN_XINDEX ? first().link : low;
  file.check(at, count * entry, 'the table of sections');
  const raw = Array.from({ length: count }, (_, index) =>
    sectionHeader(file, at + index * entry, word),
  );
  const strings = raw[names];
  if (strings === undefined) {
    throw file.error(`section ${names} shall hold the names of sections, but there are ${count}`);
  }
  const headers = raw.map(({ nameAt, ...rest }) => ({
    ...rest,
    name: stringAt(file, strings, nameAt),
  }));
  return { file, arch, word, headers };
}

function machineOf(file: FileReader): { arch: Arch; word: 4 | 8 } {
  const bits = file.u8(4, 'the ELF header') === 2 ? 64 : 32;
  if (file.u8(5, 'the ELF header') !== 1) throw file.error('is a big-endian ELF file');
  const machine = file.u16(18, 'the ELF header');
  if (machine === 62 && bits === 64) return { arch: 'x86-64', word: 8 };
  if (machine === 3 && bits === 32) return { arch: 'i386', word: 4 };
  const known = machine === 62 ? 'x32' : (MACHINES[machine] ?? `machine ${machine}`);
  throw file.error(`is an object file for ${known}: expected x86-64 or i386`);
}

function sectionHeader(
  file: FileReader,
  at: number,
  word: 4 | 8,
): Omit<Header, 'name'> & { readonly nameAt: number } {
  const what = 'a section header';
  const wordAt = (index: number): number => file.word(at + 8 + index * word, word, what);
  const after = at + 8 + 4 * word;
  return {
    nameAt: file.u32(at, what),
    type: file.u32(at + 4, what),
    flags: wordAt(0),
    offset: wordAt(2),
    size: wordAt(3),
    link: file.u32(after, what),
    info: file.u32(after + 4, what),
    align: file.word(after + 8, word, what),
    entrySize: file.word(after + 8 + word, word, what),
  };
}

function stringAt(file: FileReader, { offset, size }: Omit<Header, 'name'>, at: number): string {
  if (at >= size && at !== 0)
    throw file.error(`a name at ${at} of a string table of ${size} bytes`);
  return size === 0 ? '' : file.text(offset + at, offset + size, 'a name');
}

function readSymbols(
  { file, word, headers }: Elf,
  kept: ReadonlyMap<number, number>,
): ObjectSymbol[] {
  const table = headers.find(({ type }) => type === SHT_SYMTAB);
  if (table === undefined) return [];
  const strings = headers[table.link];
  if (strings === undefined)
    throw file.error(`its symbols' names shall be in section ${table.link}`);
  const entry = word === 8 ? 24 : 16;
  file.check(table.offset, table.size, 'the symbol table');
  file.records(Math.floor(table.size / entry), 'the symbol table');
  const high = headers.find(
    ({ type, link }) => type === SHT_SYMTAB_SHNDX && headers[link] === table,
  );
  return Array.from({ length: Math.floor(table.size / entry) }, (_, index) => {
    const at = table.offset + index * entry;
    const raw = withSection(file, rawSymbol(file, at, word), high, index);
    const named = stringAt(file, strings, raw.nameAt);
    const isSection = (raw.info & 15) === STT_SECTION;
    const name = isSection && named === '' ? (headers[raw.section]?.name ?? '') : named;
    const grouped = ((headers[raw.section]?.flags ?? 0) & SHF_GROUP) !== 0;
    const place = placeOf(file, name, raw, kept);
    return { name, binding: bindingOf(raw.info >> 4, grouped), place, size: raw.size };
  });
}

/** The section's number, where it is too large for the symbol. */
function withSection(
  file: FileReader,
  raw: RawSymbol,
  high: Header | undefined,
  index: number,
): RawSymbol {
  if (raw.section !== SHN_XINDEX || high === undefined) return raw;
  const section = file.u32(high.offset + 4 * index, 'numbers of sections');
  return { ...raw, section, reserved: false };
}

interface RawSymbol {
  readonly nameAt: number;
  readonly info: number;
  readonly section: number;
  /** The number has a meaning of its own: absolute, common. */
  readonly reserved: boolean;
  readonly value: bigint;
  readonly size: number;
}

function rawSymbol(file: FileReader, at: number, word: 4 | 8): RawSymbol {
  const what = 'a symbol';
  const nameAt = file.u32(at, what);
  if (word === 8) {
    const info = file.u8(at + 4, what);
    const section = file.u16(at + 6, what);
    const reserved = section >= SHN_LORESERVE;
    const value = file.u64(at + 8, what);
    return { nameAt, info, section, reserved, value, size: file.word(at + 16, 8, what) };
  }
  const value = BigInt(file.u32(at + 4, what));
  const size = file.u32(at + 8, what);
  const section = file.u16(at + 14, what);
  const reserved = section >= SHN_LORESERVE;
  return { nameAt, info: file.u8(at + 12, what), section, reserved, value, size };
}

function bindingOf(binding: number, grouped: boolean): ObjectSymbol['binding'] {
  if (binding === STB_LOCAL) return 'local';
  return binding === STB_WEAK || grouped ? 'weak' : 'global';
}

function placeOf(
  file: FileReader,
  name: string,
  { info, section, reserved, value, size }: RawSymbol,
  kept: ReadonlyMap<number, number>,
): SymbolPlace {
  if (section !== SHN_UNDEF && (info & 15) === STT_GNU_IFUNC) {
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

/** By the section that each is for. */
function relocationTables({ headers }: Elf): ReadonlyMap<number, readonly Header[]> {
  const tables = new Map<number, Header[]>();
  for (const header of headers) {
    if (header.type !== SHT_RELA && header.type !== SHT_REL) continue;
    const known = tables.get(header.info);
    if (known === undefined) tables.set(header.info, [header]);
    else known.push(header);
  }
  return tables;
}

function readSection(
  elf: Elf,
  index: number,
  tables: readonly Header[],
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

function readRelocations(
  { file, arch, word }: Elf,
  table: Header,
  section: Pick<ObjectSection, 'name' | 'bytes'>,
  symbols: number,
): Relocation[] {
  const explicit = table.type === SHT_RELA;
  const entry = word * (explicit ? 3 : 2);
  const what = `relocations of ${section.name}`;
  file.check(table.offset, table.size, what);
  file.records(Math.floor(table.size / entry), what);
  const target = new FileReader(`${file.name}: ${section.name}`, section.bytes);
  const found: Relocation[] = [];
  for (let at = table.offset; at + entry <= table.offset + table.size; at += entry) {
    const offset = file.word(at, word, what);
    const type = word === 8 ? file.u32(at + 8, what) : file.u8(at + 4, what);
    const symbol = word === 8 ? file.u32(at + 12, what) : file.u32(at + 4, what) >>> 8;
    if (type === R_NONE) continue;
    const kind = kindAt(file, arch, type, target, offset);
    target.check(offset, kind.width, `${kind.name} at offset 0x${offset.toString(16)}`);
    if (symbol >= symbols) {
      throw file.error(`a relocation of ${section.name} names symbol ${symbol} of ${symbols}`);
    }
    const implicit = (): bigint => signedAt(section.bytes, offset, kind.width);
    const own = (): bigint =>
      word === 8 ? file.i64(at + 16, what) : BigInt(file.i32(at + 8, what));
    found.push({ kind, offset, symbol, addend: explicit ? own() : implicit() });
  }
  return found;
}

function kindAt(
  file: FileReader,
  arch: Arch,
  type: number,
  target: FileReader,
  offset: number,
): RelocationKind {
  const kind = elfRelocationKind(arch, type);
  if (kind === undefined) {
    const why = isThreadLocal(arch, type)
      ? 'concerns thread-local storage in a model for shared objects: compile with -ftls-model=initial-exec or local-exec'
      : 'is not one that can be linked here';
    throw file.error(
      `relocation type ${type} at ${target.name.split(': ')[1]}+0x${offset.toString(16)} ${why}`,
    );
  }
  if (kind.name !== GOT32X_WITHOUT_BASE.name || offset === 0) return kind;
  // ModRM with mod 0 and r/m 5 is an address without a register.
  const modrm = target.u8(offset - 1, 'an instruction');
  return (modrm & 0xc7) === 5 ? GOT32X_WITHOUT_BASE : kind;
}

/** Or 0, which means 1; larger than a huge page no compiler asks for. */
function isPowerOfTwo(align: number): boolean {
  return align <= 2 << 20 && (align & (align - 1)) === 0;
}

/** The addend that a REL relocation finds in its field. */
export function signedAt(bytes: Uint8Array, offset: number, width: number): bigint {
  let value = 0n;
  for (let index = width - 1; index >= 0; index--) {
    value = (value << 8n) | BigInt(bytes[offset + index] ?? 0);
  }
  return BigInt.asIntN(width * 8, value);
}
