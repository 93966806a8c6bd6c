/**
 * COFF objects (.obj) of x86-64 and i386: Microsoft PE and COFF Specification, sections 3 to 5. Only what takes
 * part in the image is kept.
 */
import type { Arch } from '../../base/address.js';
import { signedAt } from '../elf/object-relocations.js';
import { FileReader } from '../file-reader.js';
import {
  constructorOrder,
  type ObjectFile,
  type ObjectSection,
  type ObjectSymbol,
  type Relocation,
  type RelocationFormula,
  type RelocationKind,
  type SymbolPlace,
} from '../object-file.js';

const MACHINE_AMD64 = 0x8664;
const MACHINE_I386 = 0x14c;
const MACHINES: Readonly<Record<number, string>> = {
  448: 'ARM',
  452: 'ARM (Thumb-2)',
  43620: 'AArch64',
};

const SECTION = 40;
const RELOCATION = 10;

/** Where the header and the symbols have their fields. */
interface Shape {
  readonly header: number;
  /** Bytes of the optional header that follows; undefined when there is none. */
  readonly optionalAt: number | undefined;
  readonly machineAt: number;
  readonly sectionsAt: number;
  readonly symbolsAt: number;
  readonly symbolCountAt: number;
  readonly symbol: number;
  /** Bytes of a section's number in a symbol; what follows it moves with it. */
  readonly number: 2 | 4;
}

const USUAL: Shape = {
  header: 20,
  optionalAt: 16,
  machineAt: 0,
  sectionsAt: 2,
  symbolsAt: 8,
  symbolCountAt: 12,
  symbol: 18,
  number: 2,
};
/** ANON_OBJECT_HEADER_BIGOBJ of winnt.h, for more than 65,279 sections. */
const BIG: Shape = {
  header: 56,
  optionalAt: undefined,
  machineAt: 6,
  sectionsAt: 44,
  symbolsAt: 48,
  symbolCountAt: 52,
  symbol: 20,
  number: 4,
};
const BIG_CLASS = 'c7a1bad1eebaa94baf20faf66aa4dcb8';

const CNT_UNINITIALIZED_DATA = 0x80;
const LNK_INFO = 0x200;
const LNK_REMOVE = 0x800;
const LNK_COMDAT = 0x1000;
const LNK_NRELOC_OVFL = 0x0100_0000;
const MEM_DISCARDABLE = 0x0200_0000;
const MEM_EXECUTE = 0x2000_0000;
const MEM_WRITE = 0x8000_0000;
const DEFAULT_ALIGN = 16;

const CLASS_EXTERNAL = 2;
const CLASS_WEAK_EXTERNAL = 105;
const SECTION_UNDEFINED = 0;
const SECTION_ABSOLUTE = -1;
const SECTION_DEBUG = -2;

type Row = readonly [
  type: number,
  name: string,
  formula: RelocationFormula,
  width: RelocationKind['width'],
  range: RelocationKind['range'],
  /** What the format adds to the field: the distance to the next instruction. */
  bias: bigint,
];

const AMD64: readonly Row[] = [
  [1, 'IMAGE_REL_AMD64_ADDR64', 'absolute', 8, 'any', 0n],
  [2, 'IMAGE_REL_AMD64_ADDR32', 'absolute', 4, 'unsigned', 0n],
  [3, 'IMAGE_REL_AMD64_ADDR32NB', 'image', 4, 'unsigned', 0n],
  [4, 'IMAGE_REL_AMD64_REL32', 'relative', 4, 'signed', -4n],
  [5, 'IMAGE_REL_AMD64_REL32_1', 'relative', 4, 'signed', -5n],
  [6, 'IMAGE_REL_AMD64_REL32_2', 'relative', 4, 'signed', -6n],
  [7, 'IMAGE_REL_AMD64_REL32_3', 'relative', 4, 'signed', -7n],
  [8, 'IMAGE_REL_AMD64_REL32_4', 'relative', 4, 'signed', -8n],
  [9, 'IMAGE_REL_AMD64_REL32_5', 'relative', 4, 'signed', -9n],
  [10, 'IMAGE_REL_AMD64_SECTION', 'section-number', 2, 'unsigned', 0n],
  [11, 'IMAGE_REL_AMD64_SECREL', 'section-offset', 4, 'unsigned', 0n],
];

const I386: readonly Row[] = [
  [6, 'IMAGE_REL_I386_DIR32', 'absolute', 4, 'any', 0n],
  [7, 'IMAGE_REL_I386_DIR32NB', 'image', 4, 'any', 0n],
  [10, 'IMAGE_REL_I386_SECTION', 'section-number', 2, 'unsigned', 0n],
  [11, 'IMAGE_REL_I386_SECREL', 'section-offset', 4, 'unsigned', 0n],
  [20, 'IMAGE_REL_I386_REL32', 'relative', 4, 'any', -4n],
];

const ROWS: Readonly<Record<Arch, readonly Row[]>> = { 'x86-64': AMD64, i386: I386 };
/** IMAGE_REL_AMD64_ABSOLUTE and IMAGE_REL_I386_ABSOLUTE: nothing to do. */
const NOTHING = 0;

interface Header {
  readonly name: string;
  readonly size: number;
  readonly at: number;
  readonly relocationsAt: number;
  readonly relocations: number;
  readonly flags: number;
}

interface Coff {
  readonly file: FileReader;
  readonly shape: Shape;
  readonly arch: Arch;
  readonly headers: readonly Header[];
  readonly symbolsAt: number;
  readonly symbolCount: number;
}

/** The format has no magic number: the machine stands first. */
export function isCoff(bytes: Uint8Array): boolean {
  const machine = (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8);
  return (
    isBig(bytes) || machine === MACHINE_AMD64 || machine === MACHINE_I386 || machine in MACHINES
  );
}

function isBig(bytes: Uint8Array): boolean {
  const id = [...bytes.subarray(12, 28)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return (
    bytes[0] === 0 && bytes[1] === 0 && bytes[2] === 0xff && bytes[3] === 0xff && id === BIG_CLASS
  );
}

/** @throws MayexecError with the file's name: cut off, of another machine, or using what is not supported. */
export function readCoffObject(name: string, bytes: Uint8Array): ObjectFile {
  const coff = readHeaders(new FileReader(name, bytes));
  const kept = new Map<number, number>();
  for (const [index, { flags }] of coff.headers.entries()) {
    if (!(flags & (LNK_INFO | LNK_REMOVE | MEM_DISCARDABLE))) kept.set(index, kept.size);
  }
  const symbols = readSymbols(coff, kept);
  const sections = [...kept.keys()].map((index) => readSection(coff, coff.headers[index]!));
  return { name, arch: coff.arch, sections, symbols };
}

function readHeaders(file: FileReader): Coff {
  const shape = isBig(file.bytes) ? BIG : USUAL;
  const machine = file.u16(shape.machineAt, 'the COFF header');
  const arch = ({ [MACHINE_AMD64]: 'x86-64', [MACHINE_I386]: 'i386' } as const)[machine];
  if (arch === undefined) {
    const known = MACHINES[machine] ?? `machine 0x${machine.toString(16)}`;
    throw file.error(`is an object file for ${known}: expected x86-64 or i386`);
  }
  const { sectionsAt, optionalAt, symbol } = shape;
  const count =
    shape.number === 2
      ? file.u16(sectionsAt, 'the COFF header')
      : file.u32(sectionsAt, 'the COFF header');
  const symbolsAt = file.u32(shape.symbolsAt, 'the COFF header');
  const symbolCount = file.u32(shape.symbolCountAt, 'the COFF header');
  const optional = optionalAt === undefined ? 0 : file.u16(optionalAt, 'the COFF header');
  const first = shape.header + optional;
  file.check(first, count * SECTION, 'the table of sections');
  file.check(symbolsAt, symbolCount * symbol, 'the symbol table');
  file.records(symbolCount, 'the symbol table');
  const strings = symbolsAt + symbolCount * symbol;
  const headers = Array.from({ length: count }, (_, index) => {
    const at = first + index * SECTION;
    const header = 'a section header';
    return {
      name: sectionName(file, at, strings),
      size: file.u32(at + 16, header),
      at: file.u32(at + 20, header),
      relocationsAt: file.u32(at + 24, header),
      relocations: file.u16(at + 32, header),
      flags: file.u32(at + 36, header),
    };
  });
  return { file, shape, arch, headers, symbolsAt, symbolCount };
}

/** Eight bytes, or `/N`: at N of the string table. */
function sectionName(file: FileReader, at: number, strings: number): string {
  const short = shortName(file, at);
  return /^\/\d+$/.test(short) ? longName(file, strings, Number(short.slice(1))) : short;
}

function symbolName(file: FileReader, at: number, strings: number): string {
  if (file.u32(at, 'a symbol') !== 0) return shortName(file, at);
  return longName(file, strings, file.u32(at + 4, 'a symbol'));
}

function shortName(file: FileReader, at: number): string {
  const bytes = file.slice(at, 8, 'a name');
  const nul = bytes.indexOf(0);
  return new TextDecoder().decode(nul < 0 ? bytes : bytes.subarray(0, nul));
}

function longName(file: FileReader, strings: number, offset: number): string {
  const size = file.u32(strings, 'the string table');
  file.check(strings, size, 'the string table');
  return file.text(strings + offset, strings + size, 'a name');
}

/** An entry for each record, auxiliary ones too, so that relocations find theirs by number. */
function readSymbols(coff: Coff, kept: ReadonlyMap<number, number>): ObjectSymbol[] {
  const { file, shape, symbolsAt, symbolCount } = coff;
  const { symbol, number } = shape;
  const strings = symbolsAt + symbolCount * symbol;
  const symbols: ObjectSymbol[] = [];
  while (symbols.length < symbolCount) {
    const at = symbolsAt + symbols.length * symbol;
    // Behind the section's number: the type, two bytes, then the storage class.
    const after = at + 12 + number;
    const storage = file.u8(after + 2, 'a symbol');
    const section = sectionNumber(file, at + 12, number);
    const name = symbolName(file, at, strings);
    if (storage === CLASS_WEAK_EXTERNAL && section === SECTION_UNDEFINED) {
      throw file.error(`symbol '${name}' is a weak external, which cannot be linked here`);
    }
    const comdat = ((coff.headers[section - 1]?.flags ?? 0) & LNK_COMDAT) !== 0;
    const global = comdat ? ('weak' as const) : ('global' as const);
    const binding = storage === CLASS_EXTERNAL ? global : ('local' as const);
    const place = placeOf(section, file.u32(at + 8, 'a symbol'), storage, kept);
    symbols.push({ name, binding, place, size: 0 });
    const auxiliary = file.u8(after + 3, 'a symbol');
    for (let index = 0; index < auxiliary; index++) {
      symbols.push({ name: '', binding: 'local', place: { kind: 'undefined' }, size: 0 });
    }
  }
  return symbols;
}

/** Negative ones have meanings of their own; of the short ones that is all above 0xfeff. */
function sectionNumber(file: FileReader, at: number, size: 2 | 4): number {
  if (size === 4) return file.i32(at, 'a symbol');
  const number = file.u16(at, 'a symbol');
  return number > 0xfeff ? number - 0x1_0000 : number;
}

function placeOf(
  section: number,
  value: number,
  storage: number,
  kept: ReadonlyMap<number, number>,
): SymbolPlace {
  if (section === SECTION_UNDEFINED) {
    const common = storage === CLASS_EXTERNAL && value !== 0;
    return common ? { kind: 'common', size: value, align: DEFAULT_ALIGN } : { kind: 'undefined' };
  }
  if (section === SECTION_ABSOLUTE) return { kind: 'absolute', value: BigInt(value) };
  const index = section === SECTION_DEBUG ? undefined : kept.get(section - 1);
  return index === undefined
    ? { kind: 'undefined' }
    : { kind: 'section', section: index, offset: value };
}

function readSection(coff: Coff, header: Header): ObjectSection {
  const { name, size, at, flags } = header;
  if (/^\.tls(\$|$)/.test(name)) {
    throw coff.file.error(`section ${name} is thread-local, which cannot be linked here`);
  }
  const zeroFilled = (flags & CNT_UNINITIALIZED_DATA) !== 0;
  const bytes = zeroFilled ? new Uint8Array() : coff.file.slice(at, size, `section ${name}`);
  const align = (flags >>> 20) & 15;
  return {
    name,
    bytes,
    size,
    align: align === 0 ? DEFAULT_ALIGN : 2 ** (align - 1),
    write: (flags & MEM_WRITE) !== 0,
    exec: (flags & MEM_EXECUTE) !== 0,
    relocations: readRelocations(coff, header, bytes),
    group: groupOf(name),
    initializers: initializerOrder(name),
  };
}

/** `.text$b`: part of .text, sorted by what is behind the dollar sign. */
function groupOf(name: string): ObjectSection['group'] {
  const at = name.indexOf('$');
  const [whole, order] = at < 0 ? [name, ''] : [name.slice(0, at), name.slice(at + 1)];
  return whole === '' ? undefined : { name: whole, order };
}

/** Microsoft's C and then its C++ initializers, and MinGW's constructors. */
function initializerOrder(name: string): ObjectSection['initializers'] {
  const kind = /^\.CRT\$X([IC])/.exec(name)?.[1];
  if (kind === undefined) return constructorOrder(name);
  return { priority: kind === 'I' ? -2 : -1, backwards: false };
}

function readRelocations(coff: Coff, header: Header, bytes: Uint8Array): Relocation[] {
  const { file, arch, symbolCount } = coff;
  const what = `relocations of ${header.name}`;
  const extended = (header.flags & LNK_NRELOC_OVFL) !== 0;
  // The first record of an overlong table holds its length, itself included.
  const count = extended ? file.u32(header.relocationsAt, what) : header.relocations;
  file.check(header.relocationsAt, count * RELOCATION, what);
  file.records(count, what);
  const target = new FileReader(`${file.name}: ${header.name}`, bytes);
  const found: Relocation[] = [];
  for (let index = extended ? 1 : 0; index < count; index++) {
    const at = header.relocationsAt + index * RELOCATION;
    const offset = file.u32(at, what);
    const symbol = file.u32(at + 4, what);
    const type = file.u16(at + 8, what);
    if (type === NOTHING) continue;
    const row = ROWS[arch].find(([known]) => known === type);
    const place = `${header.name}+0x${offset.toString(16)}`;
    if (row === undefined) {
      throw file.error(`relocation type ${type} at ${place} is not one that can be linked here`);
    }
    const [, name, formula, width, range, bias] = row;
    target.check(offset, width, `${name} at offset 0x${offset.toString(16)}`);
    if (symbol >= symbolCount) {
      throw file.error(`the relocation at ${place} names symbol ${symbol} of ${symbolCount}`);
    }
    const addend = signedAt(bytes, offset, width) + bias;
    found.push({ kind: { name, formula, width, range }, offset, symbol, addend });
  }
  return found;
}
