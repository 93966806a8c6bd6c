/**
 * ELF files as the loader reads them: header, program headers. Anything that does not add
 * up is a reason in words, which the host sees; a guest sees ENOEXEC.
 * Compare fs/binfmt_elf.c:load_elf_phdrs().
 */

import type { Addr, Arch } from '../../base/address.js';
import { checkBytes } from '../../base/arguments.js';
import { decodeText } from '../../base/text.js';
import {
  ELF_CLASS,
  type ElfClass,
  type ElfHeader,
  ET_DYN,
  ET_EXEC,
  elfHeader,
  isElf,
  type ProgramHeader,
  PT_INTERP,
  programHeader,
} from './structures.js';

const PN_LIMIT = 65536;
/** Of e_machine. */
const MACHINE_END = 20;
const LONGEST_HEADER = ELF_CLASS['x86-64'].header;

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

/** The dynamic linker that a program names (PT_INTERP); undefined: it needs none, or is no program for the kernel. */
export function programInterpreter(bytes: Uint8Array): string | undefined {
  checkBytes('programInterpreter: the file', bytes);
  const parsed = parseElf(bytes);
  return parsed.ok ? parsed.image.interpreter : undefined;
}

function bad(reason: string): ParsedElf {
  return { ok: false, reason };
}

/** The kernel looks at e_machine and not at the class, and reads a shorter file as if zeros followed. */
export function parseElf(bytes: Uint8Array): ParsedElf {
  if (!isElf(bytes)) return bad('it does not begin with the magic number of an ELF file');
  if (bytes.length < MACHINE_END) return bad('its ELF header is cut off');
  const start = new Uint8Array(LONGEST_HEADER);
  start.set(bytes.subarray(0, LONGEST_HEADER));
  const { machine } = elfHeader(start, ELF_CLASS.i386);
  const shape = Object.values(ELF_CLASS).find((known) => known.machine === machine);
  if (shape === undefined) {
    return bad(`it is for another machine (class ${bytes[4]}, machine ${machine})`);
  }
  const header = elfHeader(start, shape);
  const type = ({ [ET_EXEC]: 'ET_EXEC', [ET_DYN]: 'ET_DYN' } as const)[header.type];
  if (type === undefined) return bad(`its ELF type ${header.type} is neither ET_EXEC nor ET_DYN`);
  return parseHeaders(bytes, shape, header, type);
}

function parseHeaders(
  bytes: Uint8Array,
  shape: ElfClass,
  { phoff, phentsize, phnum: count, entry }: ElfHeader,
  type: ElfImage['type'],
): ParsedElf {
  if (phentsize !== shape.program) {
    const other = bytes[4] === shape.number ? '' : ` (class ${bytes[4]}, machine ${shape.machine})`;
    return bad(`its program headers have ${phentsize} bytes each, not ${shape.program}${other}`);
  }
  if (count === 0) return bad('it has no program headers');
  const size = count * phentsize;
  if (size > PN_LIMIT || phoff + BigInt(size) > BigInt(bytes.length)) {
    return bad(`its ${count} program headers lie outside the file`);
  }
  const headers = Array.from({ length: count }, (_, index) =>
    programHeader(bytes, Number(phoff) + index * phentsize, shape),
  );
  const interpreter = interpreterOf(bytes, headers);
  if (interpreter === null) return bad('its interpreter (PT_INTERP) is malformed');
  const ident = bytes.slice(0, 16);
  const { arch } = shape;
  return {
    ok: true,
    image: { arch, type, ident, entry, phoff, phentsize, headers, interpreter },
  };
}

/** Null: it is there and cannot be a path. */
function interpreterOf(
  bytes: Uint8Array,
  headers: readonly ProgramHeader[],
): string | undefined | null {
  const header = headers.find(({ type }) => type === PT_INTERP);
  if (header === undefined) return undefined;
  const { offset, fileSize } = header;
  if (fileSize < 2n || fileSize > 4096n || offset + fileSize > bytes.length) return null;
  const text = bytes.slice(Number(offset), Number(offset + fileSize));
  if (text.at(-1) !== 0) return null;
  return decodeText(text.subarray(0, text.indexOf(0)));
}
