/**
 * Writes static ELF executables: ELF64 for x86-64, ELF32 for i386 (System V ABI, chapter 4 and 5). What it
 * writes runs on a real Linux kernel as well, so that the sandbox and the kernel judge the same file.
 */
import type { Addr, Arch } from '../../base/address.js';
import { InvariantError } from '../../base/errors.js';
import {
  ELF_CLASS,
  ET_DYN,
  ET_EXEC,
  PF_R,
  PF_W,
  PF_X,
  PT_GNU_STACK,
  PT_LOAD,
  SHN_ABS,
  SHT_STRTAB,
  SHT_SYMTAB,
} from './structures.js';

/** One PT_LOAD. `address` is page-aligned; `memoryLength` beyond the bytes reads as zeros. */
export interface ElfSegment {
  readonly address: Addr;
  readonly bytes: Uint8Array;
  readonly memoryLength: number;
  readonly write: boolean;
  readonly exec: boolean;
}

/** A program header that says something of the program: notes lie in a segment, a mark has no bytes. */
export interface ElfMark {
  readonly type: number;
  readonly address?: Addr;
  readonly length?: number;
}

export interface ElfProgram {
  readonly arch: Arch;
  readonly entry: Addr;
  readonly segments: readonly ElfSegment[];
  readonly symbols?: ReadonlyMap<string, Addr>;
  /** Flags of PT_GNU_STACK: 'rw' (default), 'rwx', or 'none' for a file without that header. */
  readonly stack?: 'rw' | 'rwx' | 'none';
  readonly headers?: readonly ElfMark[];
  /** ET_DYN instead of ET_EXEC: the kernel chooses the base, `address`es are relative to it. */
  readonly pie?: boolean;
}

const PAGE = 4096;
const STB_GLOBAL_NOTYPE = 0x10;

export function writeElf(program: ElfProgram): Uint8Array {
  const sizes = ELF_CLASS[program.arch];
  const headers = sizes.header + sizes.program * headerCount(program);
  const offsets = fileOffsets(program.segments, headers);
  const strings = new StringTable();
  const names = ['', '.symtab', '.strtab', '.shstrtab'].map((name) => strings.add(name));
  const symbols = [...(program.symbols ?? [])].map(
    ([name, value]) => [strings.add(name), value] as const,
  );
  const symbolsAt = align(offsets.end, 8);
  const stringsAt = symbolsAt + sizes.symbol * (symbols.length + 1);
  const sectionsAt = align(stringsAt + strings.bytes.length, 8);
  const out = new Writer(sectionsAt + sizes.section * 4, sizes.word === 8);

  writeHeader(out, program, sectionsAt);
  program.segments.forEach((segment, index) => {
    const flags = PF_R | (segment.write ? PF_W : 0) | (segment.exec ? PF_X : 0);
    const lengths = [BigInt(segment.bytes.length), BigInt(segment.memoryLength)] as const;
    writeProgramHeader(out, PT_LOAD, flags, offsets.of[index]!, segment.address, lengths, PAGE);
  });
  for (const { type, address = 0n, length = 0 } of program.headers ?? []) {
    const at = program.segments.findLastIndex((segment) => segment.address <= address);
    const offset =
      length === 0 ? 0 : offsets.of[at]! + Number(address - program.segments[at]!.address);
    writeProgramHeader(out, type, PF_R, offset, address, [BigInt(length), BigInt(length)], 4);
  }
  if (program.stack !== 'none') {
    const flags = PF_R | PF_W | (program.stack === 'rwx' ? PF_X : 0);
    writeProgramHeader(out, PT_GNU_STACK, flags, 0, 0n, [0n, 0n], 16);
  }
  program.segments.forEach((segment, index) => {
    out.put(offsets.of[index]!, segment.bytes);
  });

  out.seek(symbolsAt + sizes.symbol);
  for (const [name, value] of symbols) writeSymbol(out, name, value);
  out.put(stringsAt, strings.bytes);
  out.seek(sectionsAt + sizes.section);
  const table = { at: symbolsAt, length: sizes.symbol * (symbols.length + 1) };
  writeSectionHeader(out, names[1]!, SHT_SYMTAB, table, { link: 2, info: 1, entry: sizes.symbol });
  const text = { at: stringsAt, length: strings.bytes.length };
  writeSectionHeader(out, names[2]!, SHT_STRTAB, text, { link: 0, info: 0, entry: 0 });
  writeSectionHeader(out, names[3]!, SHT_STRTAB, text, { link: 0, info: 0, entry: 0 });
  return out.bytes;
}

function headerCount({ segments, headers = [], stack }: ElfProgram): number {
  return segments.length + headers.length + (stack === 'none' ? 0 : 1);
}

/** A segment's offset equals its address modulo the page size: the kernel maps whole pages. */
function fileOffsets(
  segments: readonly ElfSegment[],
  headers: number,
): { of: number[]; end: number } {
  let end = headers;
  const of = segments.map(({ address, bytes }) => {
    if (address % BigInt(PAGE) !== 0n) {
      throw new InvariantError(`segment at 0x${address.toString(16)} is not page-aligned`);
    }
    const offset = align(end, PAGE);
    end = offset + bytes.length;
    return offset;
  });
  return { of, end };
}

function writeHeader(out: Writer, program: ElfProgram, sectionsAt: number): void {
  const { arch, entry, pie } = program;
  const sizes = ELF_CLASS[arch];
  out.u8(0x7f, 0x45, 0x4c, 0x46, sizes.number, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  out.u16(pie ? ET_DYN : ET_EXEC);
  out.u16(sizes.machine);
  out.u32(1);
  out.word(entry);
  out.word(BigInt(sizes.header));
  out.word(BigInt(sectionsAt));
  out.u32(0);
  out.u16(sizes.header);
  out.u16(sizes.program);
  out.u16(headerCount(program));
  out.u16(sizes.section);
  out.u16(4);
  out.u16(3);
}

function writeProgramHeader(
  out: Writer,
  type: number,
  flags: number,
  offset: number,
  address: Addr,
  [fileLength, memoryLength]: readonly [bigint, bigint],
  alignment: number,
): void {
  out.u32(type);
  if (out.wide) out.u32(flags);
  out.word(BigInt(offset));
  out.word(address);
  out.word(address);
  out.word(fileLength);
  out.word(memoryLength);
  if (!out.wide) out.u32(flags);
  out.word(BigInt(alignment));
}

function writeSymbol(out: Writer, name: number, value: Addr): void {
  out.u32(name);
  if (out.wide) {
    out.u8(STB_GLOBAL_NOTYPE, 0);
    out.u16(SHN_ABS);
    out.word(value);
    out.word(0n);
  } else {
    out.word(value);
    out.word(0n);
    out.u8(STB_GLOBAL_NOTYPE, 0);
    out.u16(SHN_ABS);
  }
}

function writeSectionHeader(
  out: Writer,
  name: number,
  type: number,
  { at, length }: { at: number; length: number },
  { link, info, entry }: { link: number; info: number; entry: number },
): void {
  out.u32(name);
  out.u32(type);
  out.word(0n);
  out.word(0n);
  out.word(BigInt(at));
  out.word(BigInt(length));
  out.u32(link);
  out.u32(info);
  out.word(8n);
  out.word(BigInt(entry));
}

class StringTable {
  readonly #names: string[] = [''];
  /** Bytes of the names, each with its NUL. */
  #length = 1;

  /** Offset of the name; the empty name is at 0. */
  add(name: string): number {
    if (name === '') return 0;
    const offset = this.#length;
    this.#names.push(name);
    this.#length += new TextEncoder().encode(name).length + 1;
    return offset;
  }

  get bytes(): Uint8Array {
    return new TextEncoder().encode(`${this.#names.join('\0')}\0`);
  }
}

/** Little-endian; `word` is as wide as the class. */
class Writer {
  readonly bytes: Uint8Array;
  readonly wide: boolean;
  readonly #view: DataView;
  #at = 0;

  constructor(length: number, wide: boolean) {
    this.bytes = new Uint8Array(length);
    this.#view = new DataView(this.bytes.buffer);
    this.wide = wide;
  }

  seek(offset: number): void {
    this.#at = offset;
  }

  put(offset: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, offset);
  }

  u8(...values: number[]): void {
    for (const value of values) this.#view.setUint8(this.#at++, value);
  }

  u16(value: number): void {
    this.#view.setUint16(this.#at, value, true);
    this.#at += 2;
  }

  u32(value: number): void {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  word(value: bigint): void {
    if (this.wide) {
      this.#view.setBigUint64(this.#at, BigInt.asUintN(64, value), true);
      this.#at += 8;
    } else {
      this.u32(Number(BigInt.asUintN(32, value)));
    }
  }
}

function align(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
