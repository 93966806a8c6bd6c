/**
 * The structures of ELF files in both classes, field by field (include/uapi/linux/elf.h; System V ABI, chapter 4).
 * Who reads a file decides what is wrong with it: the loader as the kernel does, the linker with words, debuggers
 * and policies not at all. A field outside of the bytes is a RangeError.
 */
import type { Addr, Arch } from '../../base/address.js';
import { Struct } from '../../base/struct.js';

export const ET_REL = 1;
export const ET_EXEC = 2;
export const ET_DYN = 3;

export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_INTERP = 3;
export const PT_GNU_STACK = 0x6474e551;
export const PT_GNU_RELRO = 0x6474e552;
export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;
export const SHT_DYNSYM = 11;
export const SHT_INIT_ARRAY = 14;
export const SHT_PREINIT_ARRAY = 16;
export const SHT_SYMTAB_SHNDX = 18;
export const SHF_WRITE = 1;
export const SHF_ALLOC = 2;
export const SHF_EXECINSTR = 4;
export const SHF_GROUP = 0x200;
export const SHF_TLS = 0x400;
export const SHF_COMPRESSED = 0x800;

export const SHN_UNDEF = 0;
export const SHN_LORESERVE = 0xff00;
export const SHN_ABS = 0xfff1;
export const SHN_COMMON = 0xfff2;
/** The number does not fit: it is elsewhere. */
export const SHN_XINDEX = 0xffff;

/** Bytes of the structures of a class, and the e_machine that goes with it. */
export interface ElfClass {
  readonly arch: Arch;
  readonly word: 4 | 8;
  /** e_ident[EI_CLASS]. */
  readonly number: 1 | 2;
  readonly machine: number;
  readonly header: number;
  readonly program: number;
  readonly section: number;
  readonly symbol: number;
  readonly dynamic: number;
}

export const ELF_CLASS: Readonly<Record<Arch, ElfClass>> = {
  i386: {
    ...{ arch: 'i386', word: 4, number: 1, machine: 3 },
    ...{ header: 52, program: 32, section: 40, symbol: 16, dynamic: 8 },
  },
  'x86-64': {
    ...{ arch: 'x86-64', word: 8, number: 2, machine: 62 },
    ...{ header: 64, program: 56, section: 64, symbol: 24, dynamic: 16 },
  },
};

export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/** Elf_Ehdr. */
export interface ElfHeader {
  readonly type: number;
  readonly machine: number;
  readonly entry: Addr;
  readonly phoff: bigint;
  readonly shoff: bigint;
  readonly phentsize: number;
  readonly phnum: number;
  readonly shentsize: number;
  readonly shnum: number;
  readonly shstrndx: number;
}

export function elfHeader(bytes: Uint8Array, { word }: ElfClass): ElfHeader {
  const file = new Struct(bytes);
  const sizes = 28 + 3 * word;
  return {
    type: file.u16(16),
    machine: file.u16(18),
    entry: file.word(24, word),
    phoff: file.word(24 + word, word),
    shoff: file.word(24 + 2 * word, word),
    phentsize: file.u16(sizes + 2),
    phnum: file.u16(sizes + 4),
    shentsize: file.u16(sizes + 6),
    shnum: file.u16(sizes + 8),
    shstrndx: file.u16(sizes + 10),
  };
}

/** Elf_Phdr. */
export interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: bigint;
  readonly address: Addr;
  readonly fileSize: bigint;
  readonly memorySize: bigint;
  readonly align: bigint;
}

export function programHeader(bytes: Uint8Array, at: number, { word }: ElfClass): ProgramHeader {
  const file = new Struct(bytes);
  // p_flags stands in front of the offsets in the 64-bit layout.
  const first = word === 8 ? 8 : 4;
  const field = (index: number): bigint => file.word(at + first + index * word, word);
  return {
    type: file.u32(at),
    flags: file.u32(at + (word === 8 ? 4 : 24)),
    offset: field(0),
    address: field(1),
    fileSize: field(3),
    memorySize: field(4),
    align: word === 8 ? field(5) : file.word(at + 28, 4),
  };
}

/** Elf_Shdr. Numbers beyond 2^53 lose digits: no file is as large. */
export interface SectionHeader {
  /** sh_name: where it stands in the table of names. */
  readonly nameAt: number;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entrySize: number;
}

export function sectionHeader(bytes: Uint8Array, at: number, { word }: ElfClass): SectionHeader {
  const file = new Struct(bytes);
  const number = (offset: number): number => Number(file.word(at + offset, word));
  const after = 8 + 4 * word;
  return {
    nameAt: file.u32(at),
    type: file.u32(at + 4),
    flags: number(8),
    address: number(8 + word),
    offset: number(8 + 2 * word),
    size: number(8 + 3 * word),
    link: file.u32(at + after),
    info: file.u32(at + after + 4),
    align: number(after + 8),
    entrySize: number(after + 8 + word),
  };
}

/** Elf_Sym. */
export interface SymbolEntry {
  /** st_name. */
  readonly nameAt: number;
  /** ELF_ST_TYPE and ELF_ST_BIND of st_info. */
  readonly type: number;
  readonly binding: number;
  /** st_shndx. */
  readonly section: number;
  readonly value: bigint;
  readonly size: number;
}

export function symbolEntry(bytes: Uint8Array, at: number, { word }: ElfClass): SymbolEntry {
  const file = new Struct(bytes);
  const wide = word === 8;
  const info = file.u8(at + (wide ? 4 : 12));
  return {
    nameAt: file.u32(at),
    type: info & 15,
    binding: info >> 4,
    section: file.u16(at + (wide ? 6 : 14)),
    value: file.word(at + (wide ? 8 : 4), word),
    size: Number(file.word(at + (wide ? 16 : 8), word)),
  };
}

/** Elf_Dyn. */
export function dynamicEntry(
  bytes: Uint8Array,
  at: number,
  { word }: ElfClass,
): { readonly tag: bigint; readonly value: bigint } {
  const file = new Struct(bytes);
  return { tag: file.word(at, word), value: file.word(at + word, word) };
}
