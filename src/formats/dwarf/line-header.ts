/** The header of a unit of `.debug_line`: how its program is to be read, and the names of its files. */
import { Cursor } from './cursor.js';

export interface LineSections {
  /** `.debug_line` */
  readonly line: Uint8Array;
  /** `.debug_line_str` and `.debug_str`, where version 5 has its names. */
  readonly lineStrings?: Uint8Array | undefined;
  readonly strings?: Uint8Array | undefined;
}

/** A name that stands in the header, or in a section of names: read when it is wanted. */
export type Name = string | { readonly section: Uint8Array; readonly offset: number } | undefined;

export interface FileName {
  readonly name: Name;
  /** Undefined: the one that the compiler ran in. */
  readonly folder: Name;
}

const MOST_FILES = 1 << 16;

export interface UnitHeader {
  /** minimum_instruction_length */
  readonly unit: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** Operands of each standard opcode, by its number. */
  readonly lengths: readonly number[];
  /** By the number that the program uses: from 1 before version 5, from 0 since. */
  readonly files: readonly (FileName | undefined)[];
}

/** With the folder, unless that is the one compiled in; undefined for a name that is not there. */
export function fileText({ name, folder }: FileName): string | undefined {
  const [text, before] = [nameText(name), nameText(folder)];
  if (text === undefined || text.startsWith('/') || !before) return text;
  return `${before}/${text}`;
}

function nameText(name: Name): string | undefined {
  if (name === undefined || typeof name === 'string') return name;
  try {
    return new Cursor(name.section, name.offset).text();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
}

/** Undefined for a version that is not known; `body` is then left anywhere, else at the program. */
export function readHeader(
  body: Cursor,
  offsetSize: 4 | 8,
  sections: LineSections,
): UnitHeader | undefined {
  const version = body.u16();
  if (version < 2 || version > 5) return undefined;
  // address_size and segment_selector_size.
  if (version === 5) body.skip(2);
  const header = body.part(body.word(offsetSize));
  const unit = header.u8();
  if (version >= 4) header.skip(1);
  header.skip(1);
  const lineBase = header.i8();
  const lineRange = header.u8();
  const opcodeBase = header.u8();
  if (lineRange === 0 || opcodeBase === 0) throw new RangeError('a line program without lines');
  const lengths = [0, ...Array.from({ length: opcodeBase - 1 }, () => header.u8())];
  const files =
    version === 5 ? filesOfVersion5(header, offsetSize, sections) : filesBeforeVersion5(header);
  return { unit, lineBase, lineRange, opcodeBase, lengths, files };
}

/** Folder 0 is where the compiler ran. */
function filesBeforeVersion5(header: Cursor): UnitHeader['files'] {
  const folders: Name[] = [undefined];
  for (let name = header.text(); name !== ''; name = header.text()) folders.push(name);
  const files: (FileName | undefined)[] = [undefined];
  for (let name = header.text(); name !== ''; name = header.text()) {
    files.push({ name, folder: folders[header.uleb()] });
    // Time and length.
    header.uleb();
    header.uleb();
  }
  return files;
}

function filesOfVersion5(
  header: Cursor,
  offsetSize: 4 | 8,
  sections: LineSections,
): UnitHeader['files'] {
  const folders = entries(header, offsetSize, sections);
  return entries(header, offsetSize, sections).map(({ name, folder }) => ({
    name,
    folder: folder === 0 ? undefined : folders[folder]?.name,
  }));
}

interface Entry {
  readonly name: Name;
  readonly folder: number;
}

const DW_LNCT_PATH = 1;
const DW_LNCT_DIRECTORY_INDEX = 2;

/** entry_format_count and what follows, for folders as for files. */
function entries(header: Cursor, offsetSize: 4 | 8, sections: LineSections): Entry[] {
  const formats = Array.from({ length: header.u8() }, () => ({
    type: header.uleb(),
    form: header.uleb(),
  }));
  const count = header.uleb();
  if ((formats.length === 0 && count > 0) || count > MOST_FILES) {
    throw new RangeError('more entries than there can be');
  }
  const list: Entry[] = [];
  for (let index = 0; index < count; index++) {
    let name: Name;
    let folder = 0;
    for (const { type, form } of formats) {
      const value = formValue(header, form, offsetSize, sections);
      if (type === DW_LNCT_PATH && typeof value !== 'number') name = value;
      if (type === DW_LNCT_DIRECTORY_INDEX && typeof value === 'number') folder = value;
    }
    list.push({ name, folder });
  }
  return list;
}

/** The forms that 6.2.4.1 allows, and those of producers that keep their strings elsewhere. */
function formValue(
  header: Cursor,
  form: number,
  offsetSize: 4 | 8,
  { lineStrings, strings }: LineSections,
): Name | number {
  switch (form) {
    case 0x05: // DW_FORM_data2
      return header.u16();
    case 0x06: // DW_FORM_data4
      return header.u32();
    case 0x07: // DW_FORM_data8
      return header.u64();
    case 0x08: // DW_FORM_string
      return header.text();
    case 0x09: // DW_FORM_block
      header.skip(header.uleb());
      return undefined;
    case 0x0b: // DW_FORM_data1
      return header.u8();
    case 0x0e: // DW_FORM_strp
      return nameAt(strings, header.word(offsetSize));
    case 0x0f: // DW_FORM_udata
      return header.uleb();
    case 0x1e: // DW_FORM_data16: a checksum
      header.skip(16);
      return undefined;
    case 0x1f: // DW_FORM_line_strp
      return nameAt(lineStrings, header.word(offsetSize));
    default:
      throw new RangeError(`a form that line tables do not have: ${form}`);
  }
}

function nameAt(section: Uint8Array | undefined, offset: number): Name {
  return section && { section, offset };
}
