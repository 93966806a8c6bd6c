/**
 * ELF files as the loader reads them: header, program headers. Anything that does not add
 * up is a reason in words, which the host sees; a guest sees ENOEXEC.
 * Layouts: include/uapi/linux/elf.h. Compare fs/binfmt_elf.c:load_elf_phdrs().
 */
import type { Addr, Arch } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import { decodeText } from '../../base/text.js';

export const PT_LOAD = 1;
export const PT_INTERP = 3;
export const PT_GNU_STACK = 0x6474e551;
export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

const PN_LIMIT = 65536;

export interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: bigint;
  readonly address: Addr;
  readonly fileSize: bigint;
  readonly memorySize: bigint;
  readonly align: bigint;
}

export interface ElfImage {
  readonly arch: Arch;
  readonly type: 'ET_EXEC' | 'ET_DYN';
  readonly ident: Uint8Array;
  readonly entry: Addr;
  readonly phoff: bigint;
  readonly phentsize: number;
  readonly headers: readonly ProgramHeader[];
  /** PT_INTERP, without its NUL. */
  readonly interpreter: string | undefined;
}

export type ParsedElf =
  | { readonly ok: true; readonly image: ElfImage }
  | { readonly ok: false; readonly reason: string };

interface Shape {
  readonly arch: Arch;
  readonly word: 4 | 8;
  readonly header: number;
  readonly phentsize: number;
}

const SHAPES: Readonly<Record<string, Shape>> = {
  '1:3': { arch: 'i386', word: 4, header: 52, phentsize: 32 },
  '2:62': { arch: 'x86-64', word: 8, header: 64, phentsize: 56 },
};

function bad(reason: string): ParsedElf {
  return { ok: false, reason };
}

export function parseElf(bytes: Uint8Array): ParsedElf {
  if (bytes.length < 4 || bytes[0] !== 0x7f || decodeText(bytes.subarray(1, 4)) !== 'ELF') {
    return bad('it does not begin with the magic number of an ELF file');
  }
  if (bytes.length < 52) return bad('its ELF header is cut off');
  const file = new Struct(bytes);
  const shape = SHAPES[`${file.u8(4)}:${file.u16(18)}`];
  if (shape === undefined) {
    return bad(`it is for another machine (class ${file.u8(4)}, machine ${file.u16(18)})`);
  }
  if (bytes.length < shape.header) return bad('its ELF header is cut off');
  const type = ({ 2: 'ET_EXEC', 3: 'ET_DYN' } as const)[file.u16(16)];
  if (type === undefined) return bad(`its ELF type ${file.u16(16)} is neither ET_EXEC nor ET_DYN`);
  return parseHeaders(file, shape, type);
}

function parseHeaders(file: Struct, shape: Shape, type: ElfImage['type']): ParsedElf {
  const { word, phentsize } = shape;
  const phoff = file.word(24 + word, word);
  const sizes = word === 8 ? 54 : 42;
  const count = file.u16(sizes + 2);
  if (file.u16(sizes) !== phentsize) {
    return bad(`its program headers have ${file.u16(sizes)} bytes each, not ${phentsize}`);
  }
  if (count === 0) return bad('it has no program headers');
  const length = BigInt(file.bytes.length);
  if (count * phentsize > PN_LIMIT || phoff + BigInt(count * phentsize) > length) {
    return bad(`its ${count} program headers lie outside the file`);
  }
  const headers = Array.from({ length: count }, (_, index) =>
    programHeader(file, Number(phoff) + index * phentsize, word),
  );
  const interpreter = interpreterOf(file, headers);
  if (interpreter === null) return bad('its interpreter (PT_INTERP) is malformed');
  const image: ElfImage = {
    arch: shape.arch,
    type,
    ident: file.slice(0, 16),
    entry: file.word(24, word),
    phoff,
    phentsize,
    headers,
    interpreter,
  };
  return { ok: true, image };
}

function programHeader(file: Struct, at: number, word: 4 | 8): ProgramHeader {
  const field = (index: number): bigint => file.word(at + index, word);
  if (word === 8) {
    return {
      type: file.u32(at),
      flags: file.u32(at + 4),
      offset: field(8),
      address: field(16),
      fileSize: field(32),
      memorySize: field(40),
      align: field(48),
    };
  }
  return {
    type: file.u32(at),
    flags: file.u32(at + 24),
    offset: field(4),
    address: field(8),
    fileSize: field(16),
    memorySize: field(20),
    align: field(28),
  };
}

/** Null: it is there and cannot be a path. */
function interpreterOf(file: Struct, headers: readonly ProgramHeader[]): string | undefined | null {
  const header = headers.find(({ type }) => type === PT_INTERP);
  if (header === undefined) return undefined;
  const { offset, fileSize } = header;
  if (fileSize < 2n || fileSize > 4096n || offset + fileSize > file.bytes.length) return null;
  const text = file.slice(Number(offset), Number(fileSize));
  if (text.at(-1) !== 0) return null;
  return decodeText(text.subarray(0, text.indexOf(0)));
}
