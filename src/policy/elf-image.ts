/**
 * The little of an ELF file that policies read out of a mapped object: type, program headers, and
 * whether it has text relocations. Anything malformed reads as "no ELF file".
 * Layouts: include/uapi/linux/elf.h (Elf32_Ehdr, Elf64_Ehdr and their Phdr and Dyn).
 */
import type { Arch } from '../base/address.js';
import type { MemoryObject } from '../memory/object.js';

export const PT_DYNAMIC = 2;
export const PT_GNU_STACK = 0x6474e551;
export const PT_GNU_RELRO = 0x6474e552;
export const PF_X = 1;
const ET_EXEC = 2;
const ET_DYN = 3;
const DT_NULL = 0n;
const DT_TEXTREL = 22n;
const DT_FLAGS = 30n;
const DF_TEXTREL = 4n;
const MAX_DYNAMIC = 4096;

export interface ImageSegment {
  readonly type: number;
  readonly flags: number;
  readonly offset: bigint;
  readonly fileSize: bigint;
  readonly memorySize: bigint;
}

export interface ElfFile {
  readonly type: 'ET_EXEC' | 'ET_DYN';
  readonly segments: readonly ImageSegment[];
}

interface Shape {
  readonly machine: number;
  readonly class: number;
  readonly phoff: number;
  readonly phentsize: number;
  readonly phnum: number;
  readonly segmentSize: number;
  readonly wide: boolean;
}

const SHAPES: Readonly<Record<Arch, Shape>> = {
  i386: { machine: 3, class: 1, phoff: 28, phentsize: 42, phnum: 44, segmentSize: 32, wide: false },
  'x86-64': {
    machine: 62,
    class: 2,
    phoff: 32,
    phentsize: 54,
    phnum: 56,
    segmentSize: 56,
    wide: true,
  },
};

/** The ELF file for `arch` behind an object, as elf_check_arch() and its callers accept it. */
export function readElf(object: MemoryObject, arch: Arch): ElfFile | undefined {
  const shape = SHAPES[arch];
  const header = view(object, 0, 64);
  if (header === undefined || header.getUint32(0) !== 0x7f454c46) return undefined;
  const type = header.getUint16(16, true);
  if (header.getUint8(4) !== shape.class || header.getUint16(18, true) !== shape.machine) {
    return undefined;
  }
  if (type !== ET_EXEC && type !== ET_DYN) return undefined;
  if (header.getUint16(shape.phentsize, true) !== shape.segmentSize) return undefined;
  const count = header.getUint16(shape.phnum, true);
  const table = view(object, Number(word(header, shape.phoff, shape)), count * shape.segmentSize);
  if (table === undefined) return undefined;
  const segments = Array.from({ length: count }, (_, index) =>
    segmentAt(table, index * shape.segmentSize, shape),
  );
  return { type: type === ET_EXEC ? 'ET_EXEC' : 'ET_DYN', segments };
}

/** DT_TEXTREL, or DF_TEXTREL in DT_FLAGS, before DT_NULL. */
export function hasTextRelocations(object: MemoryObject, file: ElfFile, arch: Arch): boolean {
  const dynamic = file.segments.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined) return false;
  const shape = SHAPES[arch];
  const size = shape.wide ? 16 : 8;
  const count = Math.min(Math.floor(Number(dynamic.fileSize) / size), MAX_DYNAMIC);
  const table = view(object, Number(dynamic.offset), count * size);
  if (table === undefined) return false;
  for (let index = 0; index < count; index++) {
    const tag = word(table, index * size, shape);
    if (tag === DT_NULL) return false;
    if (tag === DT_TEXTREL) return true;
    if (tag === DT_FLAGS && word(table, index * size + size / 2, shape) & DF_TEXTREL) return true;
  }
  return false;
}

function segmentAt(table: DataView, at: number, shape: Shape): ImageSegment {
  const at32 = (offset: number): bigint => word(table, at + offset, shape);
  const type = table.getUint32(at, true);
  // p_flags moved in front of the offsets in the 64-bit layout.
  return shape.wide
    ? {
        type,
        flags: table.getUint32(at + 4, true),
        offset: at32(8),
        fileSize: at32(32),
        memorySize: at32(40),
      }
    : {
        type,
        flags: table.getUint32(at + 24, true),
        offset: at32(4),
        fileSize: at32(16),
        memorySize: at32(20),
      };
}

function word(bytes: DataView, at: number, { wide }: Shape): bigint {
  return wide ? bytes.getBigUint64(at, true) : BigInt(bytes.getUint32(at, true));
}

function view(object: MemoryObject, offset: number, length: number): DataView | undefined {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset + length > object.size)
    return undefined;
  const bytes = object.read(offset, length);
  if (bytes.length < length) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
