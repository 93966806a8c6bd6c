/**
 * PE files as the loader reads them: headers and sections of 32- and 64-bit executables and DLLs. Anything that
 * does not add up is a reason in words, which the host sees; a guest sees STATUS_INVALID_IMAGE_FORMAT.
 * Layout: Microsoft, "PE Format". What is refused follows the checks that the page names for a loader.
 */
import type { Addr, Arch } from '../../base/address.js';
import { PAGE_SIZE } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import { decodeText } from '../../base/text.js';

export const IMAGE_FILE_RELOCS_STRIPPED = 0x0001;
export const IMAGE_FILE_LARGE_ADDRESS_AWARE = 0x0020;
export const IMAGE_FILE_DLL = 0x2000;

export const DLL_HIGH_ENTROPY_VA = 0x0020;
export const DLL_DYNAMIC_BASE = 0x0040;
export const DLL_NX_COMPAT = 0x0100;
export const DLL_NO_SEH = 0x0400;

export const SCN_UNINITIALIZED = 0x0000_0080;
export const SCN_EXECUTE = 0x2000_0000;
export const SCN_READ = 0x4000_0000;
export const SCN_WRITE = 0x8000_0000;

/** Places of the data directories. */
export const DIRECTORY = {
  export: 0,
  import: 1,
  exception: 3,
  relocation: 5,
  tls: 9,
  loadConfig: 10,
  delayImport: 13,
} as const;

const DIRECTORIES = 16;
const MAX_SECTIONS = 96;
const MAX_IMAGE = 0x7fff_0000;

export interface PeDirectory {
  readonly rva: number;
  readonly size: number;
}

export interface PeSection {
  readonly name: string;
  readonly rva: number;
  readonly virtualSize: number;
  readonly fileOffset: number;
  readonly fileSize: number;
  /** IMAGE_SCN_*. */
  readonly characteristics: number;
}

export interface PeImage {
  readonly arch: Arch;
  /** IMAGE_FILE_*. */
  readonly characteristics: number;
  /** IMAGE_DLLCHARACTERISTICS_*. */
  readonly dllCharacteristics: number;
  /** RVA of the entry point, 0 for none. */
  readonly entry: number;
  readonly base: Addr;
  readonly sectionAlignment: number;
  readonly fileAlignment: number;
  /** Bytes in memory, a multiple of the page size. */
  readonly size: number;
  readonly headerSize: number;
  readonly subsystem: number;
  readonly subsystemVersion: readonly [number, number];
  readonly stack: { readonly reserve: bigint; readonly commit: bigint };
  readonly heap: { readonly reserve: bigint; readonly commit: bigint };
  readonly directories: readonly PeDirectory[];
  readonly sections: readonly PeSection[];
}

export type ParsedPe =
  | { readonly ok: true; readonly image: PeImage }
  | { readonly ok: false; readonly reason: string };

/** True for anything that begins as a DOS or Windows program does. */
export function isPe(bytes: Uint8Array): boolean {
  return bytes[0] === 0x4d && bytes[1] === 0x5a;
}

const MACHINES: Readonly<Record<number, { arch: Arch; magic: number; optional: number }>> = {
  332: { arch: 'i386', magic: 0x10b, optional: 96 },
  34404: { arch: 'x86-64', magic: 0x20b, optional: 112 },
};

function bad(reason: string): ParsedPe {
  return { ok: false, reason };
}

export function parsePe(bytes: Uint8Array): ParsedPe {
  if (!isPe(bytes)) return bad('it does not begin with MZ');
  if (bytes.length < 64) return bad('its DOS header is cut off');
  const file = new Struct(bytes);
  const at = file.u32(60);
  if (at % 4 !== 0 || at + 24 > bytes.length) return bad('its PE header lies outside the file');
  if (file.u32(at) !== 0x4550) return bad('it is a program for DOS: no PE signature');
  const machine = MACHINES[file.u16(at + 4)];
  if (machine === undefined) {
    return bad(`it is for another machine (0x${file.u16(at + 4).toString(16)})`);
  }
  const optional = at + 24;
  const optionalSize = file.u16(at + 20);
  if (optionalSize < machine.optional || optional + optionalSize > bytes.length) {
    return bad('its optional header is cut off');
  }
  if (file.u16(optional) !== machine.magic) {
    return bad(`its optional header is of kind 0x${file.u16(optional).toString(16)}`);
  }
  return parseHeaders(file, { ...machine, at, optional, optionalSize });
}

interface Place {
  readonly arch: Arch;
  /** Bytes of the optional header before the directories. */
  readonly at: number;
  readonly optional: number;
  readonly optionalSize: number;
}

function parseHeaders(file: Struct, place: Place): ParsedPe {
  const { arch, at, optional, optionalSize } = place;
  const wide = arch === 'x86-64';
  const word = wide ? 8 : 4;
  const base = wide ? file.u64(optional + 24) : BigInt(file.u32(optional + 28));
  const sectionAlignment = file.u32(optional + 32);
  const fileAlignment = file.u32(optional + 36);
  const size = file.u32(optional + 56);
  const headerSize = file.u32(optional + 60);
  const wrong = wrongSizes({ base, sectionAlignment, fileAlignment, size, headerSize, wide });
  if (wrong !== undefined) return bad(wrong);
  const tail = optional + 72 + 4 * word;
  const listed = Math.min(file.u32(tail + 4), DIRECTORIES);
  if (tail + 8 + listed * 8 > optional + optionalSize)
    return bad('its data directories are cut off');
  const directories = Array.from({ length: DIRECTORIES }, (_, index) => {
    if (index >= listed) return { rva: 0, size: 0 };
    const entry = tail + 8 + index * 8;
    return { rva: file.u32(entry), size: file.u32(entry + 4) };
  });
  const sections = sectionsOf(file, optional + optionalSize, file.u16(at + 6), {
    sectionAlignment,
    size,
    headerSize,
  });
  if (typeof sections === 'string') return bad(sections);
  const sizes = (index: number): bigint => file.word(optional + 72 + index * word, word);
  const image: PeImage = {
    arch,
    characteristics: file.u16(at + 22),
    dllCharacteristics: file.u16(optional + 70),
    entry: file.u32(optional + 16),
    base,
    sectionAlignment,
    fileAlignment,
    size: roundUp(size, PAGE_SIZE),
    headerSize,
    subsystem: file.u16(optional + 68),
    subsystemVersion: [file.u16(optional + 48), file.u16(optional + 50)],
    stack: { reserve: sizes(0), commit: sizes(1) },
    heap: { reserve: sizes(2), commit: sizes(3) },
    directories,
    sections,
  };
  if (image.entry >= image.size) return bad('its entry point lies outside the image');
  return { ok: true, image };
}

interface Sizes {
  readonly base: Addr;
  readonly sectionAlignment: number;
  readonly fileAlignment: number;
  readonly size: number;
  readonly headerSize: number;
  readonly wide: boolean;
}

function wrongSizes(sizes: Sizes): string | undefined {
  const { base, sectionAlignment, fileAlignment, size, headerSize, wide } = sizes;
  if (!isPowerOfTwo(fileAlignment) || fileAlignment < 0x200 || fileAlignment > 0x10000) {
    return `its file alignment 0x${fileAlignment.toString(16)} is no power of two from 0x200 to 0x10000`;
  }
  if (!isPowerOfTwo(sectionAlignment) || sectionAlignment < PAGE_SIZE) {
    return `its section alignment 0x${sectionAlignment.toString(16)} is no power of two from 0x1000`;
  }
  if (sectionAlignment < fileAlignment) return 'its section alignment is below its file alignment';
  if (size === 0 || size > MAX_IMAGE) return `its image size 0x${size.toString(16)} is impossible`;
  if (headerSize === 0 || headerSize > size) return 'its headers are larger than the image';
  const top = wide ? 1n << 47n : 1n << 32n;
  if (base % 0x10000n !== 0n || base + BigInt(size) > top) {
    return `its base 0x${base.toString(16)} is no multiple of 64 KiB, or leaves no room`;
  }
  return undefined;
}

function sectionsOf(
  file: Struct,
  table: number,
  count: number,
  sizes: { sectionAlignment: number; size: number; headerSize: number },
): PeSection[] | string {
  if (count > MAX_SECTIONS) return `it has ${count} sections, more than ${MAX_SECTIONS}`;
  if (table + count * 40 > file.bytes.length) return 'its section table is cut off';
  const sections: PeSection[] = [];
  let next = roundUp(sizes.headerSize, sizes.sectionAlignment);
  for (let index = 0; index < count; index++) {
    const section = sectionAt(file, table + index * 40);
    const name = JSON.stringify(section.name);
    if (section.rva % sizes.sectionAlignment !== 0 || section.rva !== next) {
      return `its section ${name} does not follow the one before it`;
    }
    const length = section.virtualSize || section.fileSize;
    next = roundUp(section.rva + length, sizes.sectionAlignment);
    if (length === 0) return `its section ${name} is empty`;
    if (next > roundUp(sizes.size, sizes.sectionAlignment)) {
      return `its section ${name} lies outside the image`;
    }
    if (section.fileSize > 0 && section.fileOffset + section.fileSize > file.bytes.length) {
      return `its section ${name} lies outside the file`;
    }
    sections.push(section);
  }
  return sections;
}

function sectionAt(file: Struct, at: number): PeSection {
  const name = file.slice(at, 8);
  const end = name.indexOf(0);
  const fileSize = file.u32(at + 16);
  return {
    name: decodeText(end < 0 ? name : name.subarray(0, end)),
    virtualSize: file.u32(at + 8),
    rva: file.u32(at + 12),
    fileSize: file.u32(at + 20) === 0 ? 0 : fileSize,
    fileOffset: file.u32(at + 20),
    characteristics: file.u32(at + 36),
  };
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}

export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
