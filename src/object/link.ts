/**
 * Links objects in memory, as a loader of a code generator's output would: every section gets a place after
 * `base`, every name an address, every relocation its value. There is no PLT: what is called lies within
 * reach, or the error says that it does not.
 */
import type { Addr, Arch } from '../base/address.js';
import { MayexecError } from '../base/errors.js';
import { visible } from '../base/text.js';
import type {
  ObjectFile,
  ObjectSection,
  ObjectSymbol,
  Relocation,
} from '../formats/object-file.js';
import { type ImageLayout, layOut, type PlacedSegment, wordOf } from './image-layout.js';
import { initializersOf } from './initializers.js';
import { type Definition, type Externals, SymbolTable } from './symbol-table.js';
import { threadBlock } from './thread-block.js';

export interface LinkOptions {
  /** Where the image begins; page-aligned. */
  readonly base: Addr;
  /** Addresses of names that no object defines: the host's stubs, the code's run-time functions. */
  readonly externals?: Externals;
}

export interface LinkedSegment extends PlacedSegment {
  /** As long as the segment. */
  readonly bytes: Uint8Array;
}

export interface LinkedImage {
  readonly arch: Arch;
  readonly segments: readonly LinkedSegment[];
  /** Global symbols, and local ones whose name only one object has. */
  readonly symbols: ReadonlyMap<string, Addr>;
  /** To be called first, in this order. */
  readonly initializers: readonly Addr[];
  /** Of the one thread, when something is thread-local: its block is part of the image. */
  readonly threadPointer: Addr | undefined;
  readonly end: Addr;
}

const INT3 = 0xcc;
const GOT_SYMBOL = '_GLOBAL_OFFSET_TABLE_';
/** The start of the image: what a COFF linker defines for RVA arithmetic. */
const IMAGE_BASE = ['__ImageBase', '___ImageBase'];

/**
 * @throws MayexecError for objects of two architectures, a name defined twice or nowhere, and a value that does
 * not fit its field.
 */
export function link(files: readonly ObjectFile[], options: LinkOptions): LinkedImage {
  return new Linker(files, options).image();
}

/** A relocation with what it needs to say where it is. */
interface Place {
  readonly file: ObjectFile;
  readonly section: ObjectSection;
  readonly relocation: Relocation;
}

class Linker {
  readonly #arch: Arch;
  readonly #files: readonly ObjectFile[];
  readonly #base: Addr;
  readonly #symbols: SymbolTable;
  readonly #layout: ImageLayout;

  constructor(files: readonly ObjectFile[], { base, externals = {} }: LinkOptions) {
    this.#files = files;
    this.#base = base;
    this.#arch = onlyArch(files);
    if (base % 4096n !== 0n) {
      throw new MayexecError(`base is 0x${base.toString(16)}: expected a multiple of 4096`);
    }
    this.#symbols = new SymbolTable(files, externals);
    this.#layout = layOut(files, this.#symbols, this.#slotNames(), base);
  }

  image(): LinkedImage {
    const segments = this.#layout.segments.map((segment) => ({
      ...segment,
      // Between functions: whatever runs there traps.
      bytes: new Uint8Array(segment.length).fill(segment.rights.includes('x') ? INT3 : 0),
    }));
    for (const { section, address } of this.#layout.sections.values()) {
      bytesAt(segments, address, section.size).fill(0);
      bytesAt(segments, address, section.bytes.length).set(section.bytes);
    }
    this.#refuseUndefined();
    for (const place of this.#places()) this.#relocate(place, segments);
    this.#fillSlots(segments);
    const { threadPointer, end } = this.#layout;
    if (threadPointer !== undefined) {
      const block = threadBlock(this.#arch, threadPointer);
      bytesAt(segments, threadPointer, block.length).set(block);
    }
    const initializers = initializersOf(this.#layout, this.#arch, segments);
    const symbols = this.#names();
    return { arch: this.#arch, segments, symbols, initializers, threadPointer, end };
  }

  *#places(): Generator<Place> {
    for (const file of this.#files) {
      for (const section of file.sections) {
        for (const relocation of section.relocations) yield { file, section, relocation };
      }
    }
  }

  /** Names that a relocation reaches through a slot of the GOT. */
  #slotNames(): string[] {
    const names = new Set<string>();
    for (const { file, relocation } of this.#places()) {
      if (isInSlot(relocation)) names.add(slotName(file, relocation));
    }
    return [...names];
  }

  #refuseUndefined(): void {
    const missing = new Map<string, string>();
    for (const place of this.#places()) {
      const symbol = symbolOf(place);
      if (this.#addressOf(place.file, symbol) !== undefined || missing.has(symbol.name)) continue;
      missing.set(symbol.name, whereText(place));
    }
    if (missing.size > 0) throw this.#symbols.undefinedError(missing);
  }

  #addressOf(file: ObjectFile, symbol: ObjectSymbol): Addr | undefined {
    const { name } = symbol;
    const definition = this.#symbols.definitionOf(file, symbol);
    if (definition !== undefined && definition.symbol.place.kind !== 'undefined') {
      return this.#placed(definition);
    }
    const external = this.#symbols.externalOf(name);
    if (external !== undefined) return external;
    if (name === GOT_SYMBOL) return this.#layout.got;
    if (IMAGE_BASE.includes(name)) return this.#base;
    return symbol.binding === 'weak' ? 0n : undefined;
  }

  #placed(definition: Definition): Addr | undefined {
    const { place } = definition.symbol;
    switch (place.kind) {
      case 'absolute':
        return place.value;
      case 'common':
        return this.#layout.commons.get(definition);
      case 'section': {
        const section = definition.file.sections[place.section]!;
        return this.#layout.sections.get(section)!.address + BigInt(place.offset);
      }
      default:
        return undefined;
    }
  }

  #relocate(place: Place, segments: readonly LinkedSegment[]): void {
    const { section, relocation } = place;
    const { kind, offset } = relocation;
    const at = this.#layout.sections.get(section)!.address + BigInt(offset);
    const value = this.#valueOf(place, at);
    if (!fits(value, kind.width * 8, kind.range)) {
      const hex = value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
      throw new MayexecError(
        `${whereText(place)} against '${visible(symbolOf(place).name)}' does not fit: ${hex} needs more than ${kind.width * 8} ${kind.range === 'either' ? '' : `${kind.range} `}bits`,
      );
    }
    const field = bytesAt(segments, at, kind.width);
    for (let index = 0; index < kind.width; index++) {
      field[index] = Number((value >> BigInt(index * 8)) & 0xffn);
    }
  }

  #valueOf({ file, relocation }: Place, at: Addr): bigint {
    const { kind, addend } = relocation;
    const symbol = file.symbols[relocation.symbol]!;
    const target = this.#addressOf(file, symbol)!;
    const { got } = this.#layout;
    const slot = this.#layout.slots.get(slotName(file, relocation)) ?? 0n;
    switch (kind.formula) {
      case 'absolute':
        return target + addend;
      case 'relative':
        return target + addend - at;
      case 'image':
        return target + addend - this.#base;
      case 'section-offset':
        return target + addend - (this.#sectionOf(file, symbol)?.address ?? 0n);
      case 'section-number':
        return BigInt(this.#sectionOf(file, symbol)?.number ?? 0);
      case 'size':
        return BigInt(symbol.size) + addend;
      case 'slot-relative':
        return slot + addend - at;
      case 'slot-offset':
        return slot + addend - got;
      case 'slot':
        return slot + addend;
      case 'got-offset':
        return target + addend - got;
      case 'got-relative':
        return got + addend - at;
      case 'thread-offset':
        return target + addend - this.#threadPointer();
      case 'thread-slot':
        return slot + addend;
      case 'thread-slot-relative':
        return slot + addend - at;
      case 'thread-slot-offset':
        return slot + addend - got;
    }
  }

  #threadPointer(): Addr {
    return this.#layout.threadPointer ?? 0n;
  }

  #sectionOf(file: ObjectFile, symbol: ObjectSymbol) {
    const definition = this.#symbols.definitionOf(file, symbol);
    if (definition?.symbol.place.kind !== 'section') return undefined;
    return this.#layout.sections.get(definition.file.sections[definition.symbol.place.section]!);
  }

  #fillSlots(segments: readonly LinkedSegment[]): void {
    const word = wordOf(this.#arch);
    for (const { file, relocation } of this.#places()) {
      const slot = this.#layout.slots.get(slotName(file, relocation));
      if (slot === undefined) continue;
      const address = this.#addressOf(file, file.symbols[relocation.symbol]!)!;
      const value = isThreadSlot(relocation) ? address - this.#threadPointer() : address;
      const field = bytesAt(segments, slot, word);
      for (let index = 0; index < word; index++) {
        field[index] = Number((value >> BigInt(index * 8)) & 0xffn);
      }
    }
  }

  #names(): Map<string, Addr> {
    const names = new Map<string, Addr>();
    const twice = new Set<string>();
    for (const file of this.#files) {
      for (const symbol of file.symbols) {
        if (symbol.binding !== 'local' || symbol.place.kind !== 'section') continue;
        if (symbol.name === '' || symbol.name.startsWith('.')) continue;
        if (names.has(symbol.name)) twice.add(symbol.name);
        names.set(symbol.name, this.#placed({ file, symbol })!);
      }
    }
    for (const name of twice) names.delete(name);
    for (const [name, definition] of this.#symbols.globals) {
      const address = this.#placed(definition);
      if (address !== undefined) names.set(name, BigInt.asUintN(64, address));
    }
    return names;
  }
}

function onlyArch(files: readonly ObjectFile[]): Arch {
  const [first, ...others] = files;
  if (first === undefined) throw new MayexecError('nothing to link: expected at least one object');
  const other = others.find(({ arch }) => arch !== first.arch);
  if (other === undefined) return first.arch;
  throw new MayexecError(
    visible(`${first.name} is for ${first.arch}, but ${other.name} is for ${other.arch}`),
  );
}

function symbolOf({ file, relocation }: Place): ObjectSymbol {
  return file.symbols[relocation.symbol]!;
}

/** Does it reach its symbol through a slot of the GOT? */
function isInSlot({ kind }: Relocation): boolean {
  return kind.formula.startsWith('slot') || kind.formula.startsWith('thread-slot');
}

/** The slot holds the distance from the thread pointer instead of the address. */
function isThreadSlot({ kind }: Relocation): boolean {
  return kind.formula.startsWith('thread-slot');
}

/** Local symbols of two files may share a name. */
function slotName(file: ObjectFile, relocation: Relocation): string {
  const { name, binding } = file.symbols[relocation.symbol]!;
  const unique = binding === 'local' ? `${file.name}#${relocation.symbol}` : name;
  return isThreadSlot(relocation) ? `${unique}@tpoff` : unique;
}

function whereText({ file, section, relocation: { kind, offset } }: Place): string {
  return visible(`${kind.name} at ${file.name}: ${section.name}+0x${offset.toString(16)}`);
}

/** Addresses count modulo 2^64, so that the highest ones are also small negative numbers. */
function fits(value: bigint, bits: number, range: Relocation['kind']['range']): boolean {
  const signed = BigInt.asIntN(bits, value) === BigInt.asIntN(64, value);
  const unsigned = BigInt.asUintN(bits, value) === BigInt.asUintN(64, value);
  return range === 'any' || (range !== 'unsigned' && signed) || (range !== 'signed' && unsigned);
}

/** In place. */
function bytesAt(segments: readonly LinkedSegment[], address: Addr, length: number): Uint8Array {
  const segment = segments.find(
    ({ start, bytes }) => address >= start && address < start + BigInt(bytes.length),
  );
  const offset = segment === undefined ? 0 : Number(address - segment.start);
  return segment === undefined ? new Uint8Array() : segment.bytes.subarray(offset, offset + length);
}
