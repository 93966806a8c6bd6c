/** What an ELF file tells of its addresses: the function, the source line, how to find the caller. */
import type { Arch } from '../../base/address.js';
import { type CallFrame, CallFrames } from '../../formats/dwarf/call-frames.js';
import { type CodeRange, type LineEntry, sourceLines } from '../../formats/dwarf/line-table.js';
import { debugSection } from '../../formats/elf/debug-section.js';
import { type ElfImage, parseElf } from '../../formats/elf/image.js';
import { contentOf, type ElfSection, elfSections } from '../../formats/elf/sections.js';
import { ELF_CLASS, PF_X, PT_LOAD } from '../../formats/elf/structures.js';
import { type ElfSymbol, readSymbols } from '../../formats/elf/symbols.js';
import { type CodeFile, type FunctionStart, lastUpTo } from './code-file.js';

export class ElfCodeFile implements CodeFile {
  readonly image: ElfImage;
  readonly #bytes: Uint8Array;
  readonly #arch: Arch;
  readonly #sections: readonly ElfSection[];
  #symbols: readonly ElfSymbol[] | undefined;
  #starts: readonly number[] | undefined;
  #frames: CallFrames | undefined;

  private constructor(bytes: Uint8Array, image: ElfImage) {
    this.#bytes = bytes;
    this.#arch = image.arch;
    this.image = image;
    this.#sections = elfSections(bytes, image.arch);
  }

  /** Undefined for what is no ELF file. */
  static open(bytes: Uint8Array): ElfCodeFile | undefined {
    const parsed = parseElf(bytes);
    return parsed.ok ? new ElfCodeFile(bytes, parsed.image) : undefined;
  }

  symbolAt(address: number): FunctionStart | undefined {
    this.#symbols ??= sorted(readSymbols(this.#bytes, this.#arch, this.#sections));
    const symbols = this.#symbols;
    this.#starts ??= symbols.map(({ value }) => value);
    const symbol = symbols[lastUpTo(this.#starts, address)];
    if (symbol === undefined) return undefined;
    const { name, value: start, size } = symbol;
    const end = size > 0 ? start + size : this.#endOfLabel(symbol);
    return address < end ? { name, start } : undefined;
  }

  /** A label without a size is good for the rest of its section; without a section (SHN_ABS), of its segment. */
  #endOfLabel({ value, section }: ElfSymbol): number {
    const place = this.#sections[section];
    if (place !== undefined) return place.address + place.size;
    const segment = this.image.headers.find(
      ({ type, address, memorySize }) =>
        type === PT_LOAD && address <= value && value < address + memorySize,
    );
    return segment === undefined ? 0 : Number(segment.address + segment.memorySize);
  }

  linesOf(addresses: readonly number[]): ReadonlyMap<number, LineEntry> {
    const line = this.#content('.debug_line');
    if (line === undefined || addresses.length === 0) return new Map();
    const lineStrings = this.#content('.debug_line_str');
    const strings = this.#content('.debug_str');
    return sourceLines({ line, lineStrings, strings }, addresses, this.#code);
  }

  frameAt(address: number): CallFrame | undefined {
    const section = this.#sections.find(({ name }) => name === '.eh_frame');
    const bytes = (section && contentOf(this.#bytes, section)) ?? new Uint8Array();
    this.#frames ??= new CallFrames(bytes, section?.address ?? 0, ELF_CLASS[this.#arch].word);
    return this.#frames.at(address);
  }

  get #code(): CodeRange[] {
    return this.image.headers
      .filter(({ type, flags }) => type === PT_LOAD && flags & PF_X)
      .map(({ address, fileSize }) => ({
        start: Number(address),
        end: Number(address + fileSize),
      }));
  }

  #content(wanted: string): Uint8Array | undefined {
    return debugSection(this.#bytes, this.#sections, this.#arch, wanted);
  }
}

/** By address; of several at one place the largest last, which is the one looked at. */
function sorted(symbols: readonly ElfSymbol[]): ElfSymbol[] {
  return symbols.toSorted((a, b) => a.value - b.value || a.size - b.size);
}
