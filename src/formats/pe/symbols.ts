/**
 * The COFF symbol table that linkers leave in an image (mingw's do, unless they strip it): functions and labels by
 * their RVA. Microsoft, "PE Format", COFF Symbol Table. A table that is cut off has the symbols before the cut.
 */
import { Struct } from '../../base/struct.js';
import { decodeText } from '../../base/text.js';
import type { PeImage, PeSection } from './image.js';

export interface PeSymbol {
  readonly name: string;
  readonly rva: number;
}

const SYMBOL = 18;
const MOST_SYMBOLS = 1 << 20;
const CLASS_EXTERNAL = 2;
const CLASS_STATIC = 3;
const CLASS_LABEL = 6;
const TYPE_FUNCTION = 0x20;
const LONGEST_NAME = 4096;

/** Where the table lies: fields of the COFF header. */
interface Table {
  readonly at: number;
  readonly count: number;
  /** Names of more than eight bytes lie behind it. */
  readonly strings: number;
}

function tableOf(bytes: Uint8Array): Table | undefined {
  const file = new Struct(bytes);
  const header = file.u32(60) + 4;
  if (header + 20 > bytes.length) return undefined;
  const [at, listed] = [file.u32(header + 8), file.u32(header + 12)];
  if (at === 0 || at >= bytes.length) return undefined;
  const count = Math.min(listed, MOST_SYMBOLS, Math.floor((bytes.length - at) / SYMBOL));
  return { at, count, strings: at + listed * SYMBOL };
}

/** In the order of the file. 32-bit names are without the underscore that C compilers put before them. */
export function peSymbols(bytes: Uint8Array, { arch, sections }: PeImage): PeSymbol[] {
  const table = tableOf(bytes);
  if (table === undefined) return [];
  const file = new Struct(bytes);
  const found: PeSymbol[] = [];
  for (let index = 0; index < table.count; index++) {
    const at = table.at + index * SYMBOL;
    const section = sections[file.u16(at + 12) - 1];
    const kind = bytes[at + 16] ?? 0;
    const auxiliary = bytes[at + 17] ?? 0;
    if (section !== undefined && isLabel(kind, auxiliary, file.u16(at + 14))) {
      const name = nameAt(bytes, at, table.strings);
      const rva = section.rva + file.u32(at + 8);
      if (name !== '' && !name.startsWith('.') && within(section, rva)) {
        found.push({ name: arch === 'i386' ? name.replace(/^_/, '') : name, rva });
      }
    }
    index += auxiliary;
  }
  return found;
}

/** Sections have symbols of their own, static ones with an auxiliary record. */
function isLabel(kind: number, auxiliary: number, type: number): boolean {
  if (kind === CLASS_EXTERNAL || kind === CLASS_LABEL) return true;
  return kind === CLASS_STATIC && (auxiliary === 0 || type === TYPE_FUNCTION);
}

function within({ rva, virtualSize, fileSize }: PeSection, address: number): boolean {
  return address >= rva && address <= rva + Math.max(virtualSize, fileSize);
}

function nameAt(bytes: Uint8Array, at: number, strings: number): string {
  const file = new Struct(bytes);
  if (file.u32(at) !== 0) return textAt(bytes, at, 8);
  return textAt(bytes, strings + file.u32(at + 4), LONGEST_NAME);
}

function textAt(bytes: Uint8Array, at: number, most: number): string {
  const part = bytes.subarray(at, at + most);
  const end = part.indexOf(0);
  return decodeText(end < 0 ? part : part.subarray(0, end));
}

/** A section by its name, which may be longer than its eight bytes ('.debug_line' as '/29'). */
export function namedSection(
  bytes: Uint8Array,
  { sections }: PeImage,
  wanted: string,
): PeSection | undefined {
  const strings = tableOf(bytes)?.strings;
  return sections.find(({ name }) => {
    const [, offset] = /^\/(\d+)$/.exec(name) ?? [];
    if (offset === undefined || strings === undefined) return name === wanted;
    return textAt(bytes, strings + Number(offset), LONGEST_NAME) === wanted;
  });
}

/** A label of a section, which are counted from 1. */
export interface PeLabel {
  readonly name: string;
  readonly section: number;
  readonly offset: number;
}

/** A table for the end of a file, whose header says where it begins. Names stand in it as they are given. */
export function symbolTable(labels: readonly PeLabel[]): Uint8Array {
  const encoder = new TextEncoder();
  const strings: number[] = [];
  const table = new Struct(labels.length * SYMBOL);
  for (const [index, { name, section, offset }] of labels.entries()) {
    const at = index * SYMBOL;
    const text = encoder.encode(name);
    if (text.length <= 8) table.set(at, text);
    else {
      table.setU32(at + 4, 4 + strings.length);
      strings.push(...text, 0);
    }
    table
      .setU32(at + 8, offset)
      .setU16(at + 12, section)
      .setU8(at + 16, CLASS_EXTERNAL);
  }
  const size = new Struct(4).setU32(0, 4 + strings.length).bytes;
  return Uint8Array.of(...table.bytes, ...size, ...strings);
}
