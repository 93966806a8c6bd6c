/**
 * Line tables: which source line an instruction comes from. DWARF 2 to 5, section 6.2 of the standards.
 * One pass over the section looks for all addresses asked for; nothing else of it is kept. Work is
 * bounded by the section's length, as each operation takes a byte at least.
 */
import { Cursor } from './cursor.js';
import { fileText, type LineSections, readHeader, type UnitHeader } from './line-header.js';

export interface LineEntry {
  /** As the compiler was given it; below a folder that was named relative to the one compiled in, with that. */
  readonly file: string;
  readonly line: number;
}

/** A section that is larger takes longer than a report is worth. */
const MOST_BYTES = 32 << 20;

/** Half-open, as addresses of the file. */
export interface CodeRange {
  readonly start: number;
  readonly end: number;
}

/**
 * @param addresses As in the file, before it was moved.
 * @param code Where the file has code: sequences elsewhere are those of functions that the linker left out.
 */
export function sourceLines(
  sections: LineSections,
  addresses: readonly number[],
  code: readonly CodeRange[],
): ReadonlyMap<number, LineEntry> {
  const search = new Search(addresses, code);
  if (sections.line.length > MOST_BYTES || addresses.length === 0) return search.found;
  try {
    const units = new Cursor(sections.line);
    while (!units.atEnd && !search.done) {
      const { body, offsetSize } = units.unit();
      readUnit(body, offsetSize, sections, search);
    }
  } catch (error) {
    // Damaged from here on: what was found stands.
    if (!(error instanceof RangeError)) throw error;
  }
  return search.found;
}

interface Row {
  readonly address: number;
  readonly file: number;
  readonly line: number;
}

class Search {
  readonly found = new Map<number, LineEntry>();
  readonly #wanted: readonly number[];
  readonly #least: number;
  readonly #most: number;
  readonly #code: readonly CodeRange[];

  constructor(addresses: readonly number[], code: readonly CodeRange[]) {
    this.#wanted = [...new Set(addresses)];
    this.#least = Math.min(...addresses);
    this.#most = Math.max(...addresses);
    this.#code = code;
  }

  get done(): boolean {
    return this.found.size === this.#wanted.length;
  }

  isCode(address: number): boolean {
    return this.#code.some(({ start, end }) => start <= address && address < end);
  }

  /** A row holds up to the next one. */
  between({ address, file, line }: Row, end: number, files: UnitHeader['files']): void {
    if (end <= this.#least || address > this.#most || line <= 0) return;
    for (const wanted of this.#wanted) {
      if (wanted < address || wanted >= end || this.found.has(wanted)) continue;
      const entry = files[file];
      const name = entry && fileText(entry);
      if (name !== undefined) this.found.set(wanted, { file: name, line });
    }
  }
}

/** A unit of a version that is not known, or whose header does not add up, is passed over. */
function readUnit(body: Cursor, offsetSize: 4 | 8, sections: LineSections, search: Search): void {
  let header: UnitHeader | undefined;
  try {
    header = readHeader(body, offsetSize, sections);
    if (header !== undefined) runProgram(body, header, search);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
}

const DW_LNS = {
  copy: 1,
  advancePc: 2,
  advanceLine: 3,
  setFile: 4,
  constAddPc: 8,
  fixedAdvancePc: 9,
} as const;
const DW_LNE = { endSequence: 1, setAddress: 2, defineFile: 3 } as const;

/** The state machine of 6.2.2: `body` stands at the program. */
function runProgram(body: Cursor, header: UnitHeader, search: Search): void {
  const { opcodeBase, lineBase, lineRange, unit, lengths } = header;
  const files = [...header.files];
  let row: Row = { address: 0, file: 1, line: 1 };
  let last: Row | undefined;
  let real = false;
  const append = (): void => {
    if (last !== undefined && real) search.between(last, row.address, files);
    if (last === undefined) real = search.isCode(row.address);
    last = row;
  };
  const advance = (operations: number): void => {
    row = { ...row, address: row.address + operations * unit };
  };
  while (!body.atEnd && !search.done) {
    const opcode = body.u8();
    if (opcode >= opcodeBase) {
      const adjusted = opcode - opcodeBase;
      advance(Math.floor(adjusted / lineRange));
      row = { ...row, line: row.line + lineBase + (adjusted % lineRange) };
      append();
      continue;
    }
    switch (opcode) {
      case 0: {
        const part = body.part(body.uleb());
        const kind = part.u8();
        if (kind === DW_LNE.endSequence) {
          append();
          last = undefined;
          row = { address: 0, file: 1, line: 1 };
        } else if (kind === DW_LNE.setAddress) {
          row = { ...row, address: part.word(part.end - part.at === 4 ? 4 : 8) };
        } else if (kind === DW_LNE.defineFile) {
          files.push({ name: part.text(), folder: undefined });
        }
        break;
      }
      case DW_LNS.copy:
        append();
        break;
      case DW_LNS.advancePc:
        advance(body.uleb());
        break;
      case DW_LNS.advanceLine:
        row = { ...row, line: row.line + body.sleb() };
        break;
      case DW_LNS.setFile:
        row = { ...row, file: body.uleb() };
        break;
      case DW_LNS.constAddPc:
        advance(Math.floor((255 - opcodeBase) / lineRange));
        break;
      case DW_LNS.fixedAdvancePc:
        row = { ...row, address: row.address + body.u16() };
        break;
      default:
        // Columns, basic blocks, prologues: operands that the header says how many there are of.
        for (let count = lengths[opcode] ?? 0; count > 0; count--) body.uleb();
    }
  }
}
