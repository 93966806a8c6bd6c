/**
 * COFF objects (.obj) of x86-64 and i386: Microsoft PE and COFF Specification, sections 3 to 5. Only what takes
 * part in the image is kept.
 */
import type { Arch } from '../../base/address.js';
import { signedAt } from '../elf/object.js';
import { FileReader } from '../file-reader.js';
import type {
  ObjectFile,
  ObjectSection,
  ObjectSymbol,
  Relocation,
  RelocationFormula,
  RelocationKind,
  SymbolPlace,
} from '../object-file.js';

const MACHINE_AMD64 = 0x8664;
const MACHINE_I386 = 0x14c;
const MACHINES: Readonly<Record<number, string>> = {
  448: 'ARM',
  452: 'ARM (Thumb-2)',
  43620: 'AArch64',
};

const HEADER = 20;
const SECTION = 40;
const SYMBOL = 18;
const RELOCATION = 10;

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
const SECTION_ABSOLUTE = 0xffff;
const SECTION_DEBUG = 0xfffe;

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
  readonly arch: Arch;
  readonly headers: readonly Header[];
  readonly symbolsAt: number;
  readonly symbolCount: number;
}

/** The format has no magic number: the machine stands first. */
export function isCoff(bytes: Uint8Array): boolean {
  const machine = (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8);
  return machine === MACHINE_AMD64 || machine === MACHINE_I386 || machine in MACHINES;
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
  const machine = file.u16(0, 'the COFF header');
  const arch = ({ [MACHINE_AMD64]: 'x86-64', [MACHINE_I386]: 'i386' } as const)[machine];
  if (arch === undefined) {
    const known = MACHINES[machine] ?? `machine 0x${machine.toString(16)}`;
    throw file.error(`is an object file for ${known}: expected x86-64 or i386`);
  }
  const count = file.u16(2, 'the COFF header');
  const symbolsAt = file.u32(8, 'the COFF header');
  const symbolCount = file.u32(12, 'the COFF header');
  const first = HEADER + file.u16(16, 'the COFF header');
  file.check(first, count * SECTION, 'the table of sections');
  file.check(symbolsAt, symbolCount * SYMBOL, 'the symbol table');
  const strings = symbolsAt + symbolCount * SYMBOL;
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
  return { file, arch, headers, symbolsAt, symbolCount };
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
  const { file, symbolsAt, symbolCount } = coff;
  const strings = symbolsAt + symbolCount * SYMBOL;
  const symbols: ObjectSymbol[] = [];
  while (symbols.length < symbolCount) {
    const at = symbolsAt + symbols.length * SYMBOL;
    const storage = file.u8(at + 16, 'a symbol');
    const section = file.u16(at + 12, 'a symbol');
    const name = symbolName(file, at, strings);
    if (storage === CLASS_WEAK_EXTERNAL && section === SECTION_UNDEFINED) {
      throw file.error(`symbol '${name}' is a weak external, which cannot be linked here`);
    }
    const comdat = ((coff.headers[section - 1]?.flags ?? 0) & LNK_COMDAT) !== 0;
    const global = comdat ? ('weak' as const) : ('global' as const);
    const binding = storage === CLASS_EXTERNAL ? global : ('local' as const);
    const place = placeOf(section, file.u32(at + 8, 'a symbol'), storage, kept);
    symbols.push({ name, binding, place, size: 0 });
    const auxiliary = file.u8(at + 17, 'a symbol');
    for (let index = 0; index < auxiliary; index++) {
      symbols.push({ name: '', binding: 'local', place: { kind: 'undefined' }, size: 0 });
    }
  }
  return symbols;
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
  };
}

function readRelocations(coff: Coff, header: Header, bytes: Uint8Array): Relocation[] {
  const { file, arch, symbolCount } = coff;
  const what = `relocations of ${header.name}`;
  const extended = (header.flags & LNK_NRELOC_OVFL) !== 0;
  // The first record of an overlong table holds its length, itself included.
  const count = extended ? file.u32(header.relocationsAt, what) : header.relocations;
  file.check(header.relocationsAt, count * RELOCATION, what);
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
