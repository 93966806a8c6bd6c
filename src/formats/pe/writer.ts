/**
 * Writes PE files: executables and DLLs of sections, imports, exports and relocations. What it writes is a file that
 * Windows and Wine load as well.
 */
import { type Addr, type Arch, PAGE_SIZE } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import {
  DIRECTORY,
  DLL_DYNAMIC_BASE,
  DLL_NX_COMPAT,
  IMAGE_FILE_DLL,
  IMAGE_FILE_RELOCS_STRIPPED,
  roundUp,
  SCN_EXECUTE,
  SCN_READ,
  SCN_WRITE,
} from './image.js';

import { type PeLabel, symbolTable } from './symbols.js';

/** One section. `rva` is a multiple of the page size; `memoryLength` beyond the bytes reads as zeros. */
export interface PeSectionInit {
  readonly name: string;
  readonly rva: number;
  readonly bytes: Uint8Array;
  readonly memoryLength?: number;
  readonly write?: boolean;
  readonly exec?: boolean;
}

export interface PeProgram {
  readonly arch: Arch;
  readonly base: Addr;
  /** RVA. */
  readonly entry?: number;
  readonly sections: readonly PeSectionInit[];
  readonly dll?: boolean;
  /** IMAGE_DLLCHARACTERISTICS_*; default NX_COMPAT, and DYNAMIC_BASE when there are relocations. */
  readonly dllCharacteristics?: number;
  /** Directories by place (DIRECTORY), of tables that lie in the sections. */
  readonly directories?: ReadonlyMap<number, { readonly rva: number; readonly size: number }>;
  readonly fileAlignment?: number;
  readonly stackReserve?: number;
  /** IMAGE_FILE_* besides those that follow from the rest. */
  readonly characteristics?: number;
  /** RVAs of labels, for the COFF symbol table. */
  readonly labels?: ReadonlyMap<string, number>;
}

const PE_AT = 0x80;

export function writePe(program: PeProgram): Uint8Array {
  const { arch, sections, directories = new Map(), fileAlignment = 0x200 } = program;
  const wide = arch === 'x86-64';
  const word = wide ? 8 : 4;
  const optionalSize = 72 + 4 * word + 8 + 16 * 8;
  const headers = roundUp(PE_AT + 24 + optionalSize + 40 * sections.length, fileAlignment);
  const places: number[] = [];
  let end = headers;
  for (const { bytes } of sections) {
    places.push(end);
    end += roundUp(bytes.length, fileAlignment);
  }
  const out = new Struct(end);
  out.setU16(0, 0x5a4d).setU32(60, PE_AT).setU32(PE_AT, 0x4550);
  const relocatable = directories.has(DIRECTORY.relocation);
  out
    .setU16(PE_AT + 4, wide ? 0x8664 : 0x14c)
    .setU16(PE_AT + 6, sections.length)
    .setU16(PE_AT + 20, optionalSize)
    .setU16(PE_AT + 22, fileFlags(program, relocatable));
  const optional = PE_AT + 24;
  out.setU16(optional, wide ? 0x20b : 0x10b).setU32(optional + 16, program.entry ?? 0);
  if (wide) out.setU64(optional + 24, program.base);
  else out.setU32(optional + 28, Number(program.base));
  const last = sections.at(-1);
  const size = last === undefined ? PAGE_SIZE : roundUp(last.rva + lengthOf(last), PAGE_SIZE);
  out
    .setU32(optional + 32, PAGE_SIZE)
    .setU32(optional + 36, fileAlignment)
    .setU16(optional + 40, 6)
    .setU16(optional + 48, 6)
    .setU32(optional + 56, size)
    .setU32(optional + 60, headers)
    .setU16(optional + 68, 3)
    .setU16(
      optional + 70,
      program.dllCharacteristics ?? DLL_NX_COMPAT | (relocatable ? DLL_DYNAMIC_BASE : 0),
    );
  const limits = [program.stackReserve ?? 0x100000, 0x1000, 0x100000, 0x1000];
  for (const [index, value] of limits.entries()) {
    out.setWord(optional + 72 + index * word, word, BigInt(value));
  }
  const tail = optional + 72 + 4 * word;
  out.setU32(tail + 4, 16);
  for (const [index, { rva, size: length }] of directories) {
    out.setU32(tail + 8 + index * 8, rva).setU32(tail + 12 + index * 8, length);
  }
  for (const [index, section] of sections.entries()) {
    writeSection(out, optional + optionalSize + index * 40, section, places[index]!, fileAlignment);
  }
  const labels = labelsOf(program);
  if (labels.length === 0) return out.bytes;
  out.setU32(PE_AT + 12, end).setU32(PE_AT + 16, labels.length);
  const table = symbolTable(labels);
  const whole = new Uint8Array(end + table.length);
  whole.set(out.bytes);
  whole.set(table, end);
  return whole;
}

/** Those that lie in a section. */
function labelsOf({ labels = new Map(), sections }: PeProgram): PeLabel[] {
  return [...labels].flatMap(([name, rva]) => {
    const index = sections.findIndex(
      (section) => rva >= section.rva && rva <= section.rva + lengthOf(section),
    );
    return index < 0 ? [] : [{ name, section: index + 1, offset: rva - sections[index]!.rva }];
  });
}

function fileFlags({ arch, dll, characteristics = 0 }: PeProgram, relocatable: boolean): number {
  return (
    0x0002 |
    (arch === 'x86-64' ? 0x20 : 0x100) |
    (dll ? IMAGE_FILE_DLL : 0) |
    (relocatable ? 0 : IMAGE_FILE_RELOCS_STRIPPED) |
    characteristics
  );
}

function lengthOf({ bytes, memoryLength }: PeSectionInit): number {
  return Math.max(memoryLength ?? 0, bytes.length);
}

function writeSection(
  out: Struct,
  at: number,
  section: PeSectionInit,
  place: number,
  alignment: number,
): void {
  out.set(at, new TextEncoder().encode(section.name).subarray(0, 8));
  const rights =
    SCN_READ + (section.write ? SCN_WRITE : 0) + (section.exec ? SCN_EXECUTE | 0x20 : 0x40);
  out
    .setU32(at + 8, lengthOf(section))
    .setU32(at + 12, section.rva)
    .setU32(at + 16, roundUp(section.bytes.length, alignment))
    .setU32(at + 20, section.bytes.length === 0 ? 0 : place)
    .setU32(at + 36, rights)
    .set(place, section.bytes);
}

/** A DLL and the functions that a program wants of it. */
export interface WantedDll {
  readonly dll: string;
  readonly names: readonly string[];
}

/** An import table that lies at `rva`: its bytes, and for each function the RVA of its slot. */
export function importTable(
  arch: Arch,
  rva: number,
  wanted: readonly WantedDll[],
): { bytes: Uint8Array; slots: Map<string, number>; size: number } {
  const word = arch === 'x86-64' ? 8 : 4;
  const parts = new Parts(rva);
  const size = 20 * (wanted.length + 1);
  parts.reserve(size);
  const slots = new Map<string, number>();
  wanted.forEach(({ dll, names }, index) => {
    const hints = names.map((name) => parts.add(Uint8Array.of(0, 0, ...text(name)), 2));
    const table = new Struct((names.length + 1) * word);
    for (const [at, hint] of hints.entries()) table.setWord(at * word, word, BigInt(hint));
    const lookup = parts.add(table.bytes, word);
    const addresses = parts.add(table.bytes.slice(), word);
    for (const [at, name] of names.entries()) slots.set(`${dll}!${name}`, addresses + at * word);
    const entry = new Struct(20)
      .setU32(0, lookup)
      .setU32(12, parts.add(text(dll)))
      .setU32(16, addresses);
    parts.put(index * 20, entry.bytes);
  });
  return { bytes: parts.bytes, slots, size };
}

/** An export table that lies at `rva`, of functions and data by name. Ordinals begin at 1, in the order of names. */
export function exportTable(
  rva: number,
  dll: string,
  exported: ReadonlyMap<string, number>,
): { bytes: Uint8Array; size: number } {
  const names = [...exported.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const parts = new Parts(rva);
  parts.reserve(40);
  const count = names.length;
  const addresses = new Struct(count * 4);
  const nameRvas = new Struct(count * 4);
  const ordinals = new Struct(count * 2);
  for (const [index, name] of names.entries()) {
    addresses.setU32(index * 4, exported.get(name)!);
    nameRvas.setU32(index * 4, parts.add(text(name)));
    ordinals.setU16(index * 2, index);
  }
  const table = new Struct(40)
    .setU32(12, parts.add(text(dll)))
    .setU32(16, 1)
    .setU32(20, count)
    .setU32(24, count)
    .setU32(28, parts.add(addresses.bytes, 4))
    .setU32(32, parts.add(nameRvas.bytes, 4))
    .setU32(36, parts.add(ordinals.bytes, 4));
  parts.put(0, table.bytes);
  return { bytes: parts.bytes, size: parts.bytes.length };
}

/** A relocation table for words (HIGHLOW or DIR64, by architecture) at these RVAs. */
export function relocationTable(arch: Arch, rvas: readonly number[]): Uint8Array {
  const type = arch === 'x86-64' ? 10 : 3;
  const pages = new Map<number, number[]>();
  for (const rva of [...rvas].sort((a, b) => a - b)) {
    const page = rva - (rva % PAGE_SIZE);
    const list = pages.get(page) ?? [];
    list.push(rva % PAGE_SIZE);
    pages.set(page, list);
  }
  const blocks = [...pages].map(([page, offsets]) => {
    const block = new Struct(8 + roundUp(offsets.length * 2, 4));
    block.setU32(0, page).setU32(4, block.bytes.length);
    for (const [index, offset] of offsets.entries()) {
      block.setU16(8 + index * 2, (type << 12) | offset);
    }
    return block.bytes;
  });
  return Uint8Array.from(blocks.flatMap((block) => [...block]));
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(`${value}\0`);
}

/** Bytes one after the other, from an RVA on. */
class Parts {
  readonly #rva: number;
  #bytes: number[] = [];

  constructor(rva: number) {
    this.#rva = rva;
  }

  get bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  reserve(length: number): void {
    this.add(new Uint8Array(length));
  }

  /** The RVA at which they lie. */
  add(bytes: Uint8Array, alignment = 1): number {
    while (this.#bytes.length % alignment !== 0) this.#bytes.push(0);
    const at = this.#rva + this.#bytes.length;
    for (const byte of bytes) this.#bytes.push(byte);
    return at;
  }

  put(at: number, bytes: Uint8Array): void {
    for (const [index, byte] of bytes.entries()) this.#bytes[at + index] = byte;
  }
}
