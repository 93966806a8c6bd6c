/** A relocatable ELF file as its header and section headers show it, for whoever reads what is in the sections. */
import type { FileReader } from '../file-reader.js';
import {
  ELF_CLASS,
  type ElfClass,
  ET_REL,
  elfHeader,
  type SectionHeader,
  SHN_XINDEX,
  sectionHeader,
} from './structures.js';

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

export interface NamedSection extends SectionHeader {
  readonly name: string;
}

export interface ElfObject {
  readonly file: FileReader;
  readonly shape: ElfClass;
  readonly headers: readonly NamedSection[];
}

/** @throws MayexecError with the file's name. */
export function readObjectHeaders(file: FileReader): ElfObject {
  const shape = classOf(file);
  file.check(0, shape.header, 'the ELF header');
  const header = elfHeader(file.bytes, shape);
  if (header.type !== ET_REL) {
    const what = ({ 2: 'an executable', 3: 'a shared object', 4: 'a core file' } as const)[
      header.type
    ];
    throw file.error(
      `is ${what ?? `of ELF type ${header.type}`}, and no relocatable object (.o, made by 'cc -c')`,
    );
  }
  const at = Number(header.shoff);
  const sectionAt = (index: number): SectionHeader => {
    const place = at + index * shape.section;
    file.check(place, shape.section, 'a section header');
    return sectionHeader(file.bytes, place, shape);
  };
  // What does not fit into the header stands in the first section's (gABI, "Section Header Table Index").
  const count = header.shnum === 0 && at !== 0 ? sectionAt(0).size : header.shnum;
  const names = header.shstrndx === SHN_XINDEX ? sectionAt(0).link : header.shstrndx;
  file.check(at, count * shape.section, 'the table of sections');
  const raw = Array.from({ length: count }, (_, index) => sectionAt(index));
  const strings = raw[names];
  if (strings === undefined) {
    throw file.error(`section ${names} shall hold the names of sections, but there are ${count}`);
  }
  const headers = raw.map((section) => ({
    ...section,
    name: stringAt(file, strings, section.nameAt),
  }));
  return { file, shape, headers };
}

function classOf(file: FileReader): ElfClass {
  const bits = file.u8(4, 'the ELF header') === 2 ? 64 : 32;
  if (file.u8(5, 'the ELF header') !== 1) throw file.error('is a big-endian ELF file');
  const machine = file.u16(18, 'the ELF header');
  if (machine === 62 && bits === 64) return ELF_CLASS['x86-64'];
  if (machine === 3 && bits === 32) return ELF_CLASS.i386;
  const known = machine === 62 ? 'x32' : (MACHINES[machine] ?? `machine ${machine}`);
  throw file.error(`is an object file for ${known}: expected x86-64 or i386`);
}

/** A string of a table of names. */
export function stringAt(
  file: FileReader,
  { offset, size }: Pick<SectionHeader, 'offset' | 'size'>,
  at: number,
): string {
  if (at >= size && at !== 0)
    throw file.error(`a name at ${at} of a string table of ${size} bytes`);
  return size === 0 ? '' : file.text(offset + at, offset + size, 'a name');
}
