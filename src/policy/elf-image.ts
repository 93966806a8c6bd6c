/**
 * The little of an ELF file that policies read out of a mapped object: type, program headers, and
 * whether it has text relocations. Anything malformed reads as "no ELF file".
 */
import type { Arch } from '../base/address.js';
import {
  dynamicEntry,
  ELF_CLASS,
  ET_DYN,
  ET_EXEC,
  elfHeader,
  isElf,
  type ProgramHeader,
  PT_DYNAMIC,
  programHeader,
} from '../formats/elf/structures.js';
import type { MemoryObject } from '../memory/object.js';

const DT_NULL = 0n;
const DT_TEXTREL = 22n;
const DT_FLAGS = 30n;
const DF_TEXTREL = 4n;
const MAX_DYNAMIC = 4096;

export interface ElfFile {
  readonly type: 'ET_EXEC' | 'ET_DYN';
  readonly segments: readonly ProgramHeader[];
}

/** The ELF file for `arch` behind an object, as elf_check_arch() and its callers accept it. */
export function readElf(object: MemoryObject, arch: Arch): ElfFile | undefined {
  const shape = ELF_CLASS[arch];
  const start = bytesOf(object, 0, shape.header);
  if (start === undefined || !isElf(start)) return undefined;
  const { machine, type, phoff, phentsize, phnum } = elfHeader(start, shape);
  const known = type === ET_EXEC || type === ET_DYN;
  if (machine !== shape.machine || !known || phentsize !== shape.program) return undefined;
  const table = bytesOf(object, Number(phoff), phnum * phentsize);
  if (table === undefined) return undefined;
  const segments = Array.from({ length: phnum }, (_, index) =>
    programHeader(table, index * phentsize, shape),
  );
  return { type: type === ET_EXEC ? 'ET_EXEC' : 'ET_DYN', segments };
}

/** DT_TEXTREL, or DF_TEXTREL in DT_FLAGS, before DT_NULL. */
export function hasTextRelocations(object: MemoryObject, file: ElfFile, arch: Arch): boolean {
  const dynamic = file.segments.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined) return false;
  const shape = ELF_CLASS[arch];
  const size = shape.dynamic;
  const count = Math.min(Math.floor(Number(dynamic.fileSize) / size), MAX_DYNAMIC);
  const table = bytesOf(object, Number(dynamic.offset), count * size);
  if (table === undefined) return false;
  for (let index = 0; index < count; index++) {
    const { tag, value } = dynamicEntry(table, index * size, shape);
    if (tag === DT_NULL) return false;
    if (tag === DT_TEXTREL || (tag === DT_FLAGS && (value & DF_TEXTREL) !== 0n)) return true;
  }
  return false;
}

function bytesOf(object: MemoryObject, offset: number, length: number): Uint8Array | undefined {
  const inside = Number.isSafeInteger(offset) && offset >= 0 && offset + length <= object.size;
  const bytes = inside ? object.read(offset, length) : undefined;
  return bytes?.length === length ? bytes : undefined;
}
