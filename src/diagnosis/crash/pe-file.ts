/** What a PE image tells of its addresses: exports and COFF symbols, DWARF lines, unwind tables. */
import { MayexecError } from '../../base/errors.js';
import { type CallFrame, CallFrames } from '../../formats/dwarf/call-frames.js';
import { type LineEntry, sourceLines } from '../../formats/dwarf/line-table.js';
import { PeContent } from '../../formats/pe/content.js';
import { exportsOf } from '../../formats/pe/directories.js';
import { type PeImage, parsePe, SCN_EXECUTE } from '../../formats/pe/image.js';
import { namedSection, type PeSymbol, peSymbols } from '../../formats/pe/symbols.js';
import { frameAt } from '../../formats/pe/unwind.js';
import { type CodeFile, type FunctionStart, lastUpTo } from './code-file.js';

export class PeCodeFile implements CodeFile {
  readonly image: PeImage;
  readonly #bytes: Uint8Array;
  readonly #content: PeContent;
  #symbols: { readonly starts: readonly number[]; readonly all: readonly PeSymbol[] } | undefined;
  #frames: CallFrames | undefined;

  private constructor(bytes: Uint8Array, image: PeImage) {
    this.#bytes = bytes;
    this.image = image;
    this.#content = new PeContent(bytes, image);
  }

  /** Undefined for what is no PE file. */
  static open(bytes: Uint8Array): PeCodeFile | undefined {
    const parsed = parsePe(bytes);
    return parsed.ok ? new PeCodeFile(bytes, parsed.image) : undefined;
  }

  symbolAt(address: number): FunctionStart | undefined {
    const rva = this.#rva(address);
    const section = this.image.sections.find(
      ({ rva: start, virtualSize, fileSize }) =>
        rva >= start && rva < start + Math.max(virtualSize, fileSize),
    );
    this.#symbols ??= this.#sorted();
    const { starts, all } = this.#symbols;
    const symbol = all[lastUpTo(starts, rva)];
    if (section === undefined || symbol === undefined || symbol.rva < section.rva) return undefined;
    return { name: symbol.name, start: symbol.rva + Number(this.image.base) };
  }

  linesOf(addresses: readonly number[]): ReadonlyMap<number, LineEntry> {
    const line = this.#named('.debug_line');
    if (line === undefined || addresses.length === 0) return new Map();
    const [lineStrings, strings] = [this.#named('.debug_line_str'), this.#named('.debug_str')];
    const code = this.image.sections
      .filter(({ characteristics }) => characteristics & SCN_EXECUTE)
      .map(({ rva, virtualSize, fileSize }) => {
        const start = rva + Number(this.image.base);
        return { start, end: start + (virtualSize || fileSize) };
      });
    return sourceLines({ line, lineStrings, strings }, addresses, code);
  }

  frameAt(address: number): CallFrame | undefined {
    if (this.image.arch === 'x86-64') return frameAt(this.#content, this.#rva(address));
    const section = namedSection(this.#bytes, this.image, '.eh_frame');
    const base = Number(this.image.base);
    this.#frames ??= new CallFrames(
      this.#named('.eh_frame') ?? new Uint8Array(),
      base + (section?.rva ?? 0),
      4,
    );
    return this.#frames.at(address);
  }

  #rva(address: number): number {
    return address - Number(this.image.base);
  }

  #named(name: string): Uint8Array | undefined {
    const section = namedSection(this.#bytes, this.image, name);
    if (section === undefined) return undefined;
    const length = Math.min(section.fileSize, section.virtualSize || section.fileSize);
    return this.#bytes.subarray(section.fileOffset, section.fileOffset + length);
  }

  /** By address; of several at one place the last of the file, an export before a label. */
  #sorted(): { readonly starts: readonly number[]; readonly all: readonly PeSymbol[] } {
    const all = [...peSymbols(this.#bytes, this.image), ...this.#exported()].sort(
      (a, b) => a.rva - b.rva,
    );
    return { starts: all.map(({ rva }) => rva), all };
  }

  #exported(): PeSymbol[] {
    try {
      return [...exportsOf(this.#content).byName].flatMap(([name, entry]) =>
        entry.rva === undefined ? [] : [{ name, rva: entry.rva }],
      );
    } catch (error) {
      if (error instanceof MayexecError) return [];
      throw error;
    }
  }
}
