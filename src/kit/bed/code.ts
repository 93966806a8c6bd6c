/**
 * Code under test: bytes, assembly text, or an image of several parts, made ready to be placed.
 * Immutable, so that what was prepared for it can be kept.
 */

import { type Addr, type Arch, pageDown, pageUp } from '../../base/address.js';
import { checkBytes, checkList, checkRecord } from '../../base/arguments.js';
import { MayexecError, unknownValue } from '../../base/errors.js';
import { checkOptionNames, type OptionNames } from '../../base/options.js';
import { checkShape, oneOf } from '../../base/shape.js';
import { assembleLoaded, type SourceLine } from '../../toolchain/assemble.js';
import type { Callback } from './callback.js';

/** Far from the heap and from where mmap puts things, and within reach of 32-bit displacements. */
export const CODE_ADDRESS: Addr = 0x1000_0000n;

/** A run of bytes with equal rights, on pages of its own. */
export interface CodePart {
  readonly address: Addr;
  readonly bytes: Uint8Array;
  /** In memory; beyond the bytes it is zero. Default: as many as there are bytes. */
  readonly length?: number;
  readonly write?: boolean;
  readonly exec?: boolean;
}

/** Parts that lie in memory as given: what a linker makes. */
export interface CodeImage {
  readonly arch: Arch;
  readonly parts: readonly CodePart[];
  /** Default: the first address of the first executable part. */
  readonly entry?: Addr;
  readonly symbols?: ReadonlyMap<string, Addr> | Readonly<Record<string, Addr>>;
  readonly lines?: readonly SourceLine[];
}

/** Bytes, assembly in Intel syntax, assembly with its settings, or an image. */
export type CodeSource = Uint8Array | string | AssemblySource | BytesSource | CodeImage | Code;

export interface AssemblySource {
  readonly asm: string;
  readonly arch?: Arch;
  readonly syntax?: 'intel' | 'att';
  /** Label to call; default the first instruction. */
  readonly entry?: string;
  /** Named constants for the source. */
  readonly constants?: Readonly<Record<string, bigint | number>>;
  /** Name of the source in errors; default 'code'. */
  readonly file?: string;
  /** The text of an included file, or undefined. */
  readonly include?: (path: string) => string | undefined;
}

export interface BytesSource {
  readonly bytes: Uint8Array;
  readonly arch?: Arch;
  readonly address?: Addr;
  /** Offsets of names in the bytes, for listings and `entry`. */
  readonly symbols?: Readonly<Record<string, number>>;
  readonly entry?: string;
}

export interface Code {
  readonly kind: 'code';
  readonly arch: Arch;
  readonly parts: readonly CodePart[];
  readonly entry: Addr;
  readonly symbols: ReadonlyMap<string, Addr>;
  /** Of assembly, in order of addresses. */
  readonly lines: readonly SourceLine[];
  /** The assembly text. */
  readonly source: string | undefined;
  /** Functions of the host that it calls by name: each through a word of its memory. */
  readonly imports?: readonly { readonly callback: Callback; readonly slot: Addr }[];
  /** Functions of the code that run before each call, in this order. */
  readonly initializers?: readonly Addr[];
  /** Where its thread-local variables end; without any the kit's own thread has it. */
  readonly threadPointer?: Addr;
}

const ASSEMBLY: OptionNames<AssemblySource> = {
  asm: true,
  arch: true,
  syntax: true,
  entry: true,
  constants: true,
  file: true,
  include: true,
};
const BYTES: OptionNames<BytesSource> = {
  bytes: true,
  arch: true,
  address: true,
  symbols: true,
  entry: true,
};
const IMAGE: OptionNames<CodeImage> = {
  arch: true,
  parts: true,
  entry: true,
  symbols: true,
  lines: true,
};
const PART: OptionNames<CodePart> = {
  address: true,
  bytes: true,
  length: true,
  write: true,
  exec: true,
};

/**
 * Makes code ready; `arch` is what a source has that does not say its own.
 * @throws MayexecError for empty code and for a source of another architecture, AssemblyError for wrong assembly.
 */
export function loadCode(source: CodeSource, arch: Arch = 'x86-64'): Code {
  checkShape('the architecture of the code', arch, oneOf(['x86-64', 'i386']));
  const code = read(source, arch);
  if (code.parts.every(({ bytes }) => bytes.length === 0)) {
    throw new MayexecError('the code is empty: there is nothing to call');
  }
  return code;
}

/** Is it ready already? */
export function isCode(source: unknown): source is Code {
  return (
    typeof source === 'object' && source !== null && 'kind' in source && source.kind === 'code'
  );
}

/** Codes of bytes that are remembered, and how long they may be: the same bytes again are the same code. */
const KEPT = 256;
const LONGEST_KEPT = 1 << 16;
const ofBytes = new Map<string, Code>();

/**
 * Bytes need no assembler: they are ready at once. The same bytes are the same `Code`, so that what was prepared
 * for it is there when a generator makes them again.
 */
export function codeOfBytes(bytes: Uint8Array, arch: Arch): Code {
  if (bytes.length > LONGEST_KEPT) return fromBytes({ bytes }, arch);
  const key = `${arch} ${new TextDecoder('latin1').decode(bytes)}`;
  const known = ofBytes.get(key);
  if (known !== undefined) return known;
  if (ofBytes.size >= KEPT) ofBytes.clear();
  const code = fromBytes({ bytes }, arch);
  ofBytes.set(key, code);
  return code;
}

const KEPT_TEXTS = 500;
const ofTexts = new Map<string, Code>();

/** The assembler takes longer than most cases: a text is assembled once. */
function codeOfText(asm: string, arch: Arch): Code {
  const key = `${arch} ${asm}`;
  const known = ofTexts.get(key);
  if (known !== undefined) return known;
  const code = fromAssembly({ asm }, arch);
  if (ofTexts.size >= KEPT_TEXTS) ofTexts.clear();
  ofTexts.set(key, code);
  return code;
}

/** The entry, or a label. @throws MayexecError for an unknown one. */
export function addressOfLabel(code: Code, label: string | undefined): Addr {
  if (label === undefined) return code.entry;
  const address = code.symbols.get(label);
  if (address === undefined) throw unknownValue('label', label, [...code.symbols.keys()]);
  return address;
}

function read(source: CodeSource, arch: Arch): Code {
  if (source instanceof Uint8Array) return codeOfBytes(source, arch);
  if (typeof source === 'string') return codeOfText(source, arch);
  if (typeof source !== 'object' || source === null) throw noCode(source);
  if (isCode(source)) return source;
  if ('asm' in source) return fromAssembly(source, arch);
  if ('bytes' in source) {
    checkOptionNames('code', source, BYTES);
    const { bytes, address, symbols, entry } = source;
    checkBytes('bytes of the code', bytes);
    const plain = address === undefined && symbols === undefined && entry === undefined;
    return plain ? codeOfBytes(bytes, source.arch ?? arch) : fromBytes(source, arch);
  }
  if ('parts' in source) return fromImage(source);
  throw noCode(source);
}

function noCode(given: unknown): MayexecError {
  const what = typeof given === 'object' && given !== null ? 'this' : String(given);
  return new MayexecError(
    `${what} is no code: expected a Uint8Array, assembly text, { asm }, { bytes } or { parts }`,
  );
}

function fromBytes({ bytes, address = CODE_ADDRESS, ...rest }: BytesSource, arch: Arch): Code {
  const symbols = new Map(
    Object.entries(rest.symbols ?? {}).map(([name, at]) => [name, address + BigInt(at)]),
  );
  return withEntry(
    {
      arch: rest.arch ?? arch,
      parts: [{ address, bytes: bytes.slice(), exec: true }],
      entry: address,
      symbols,
    },
    rest.entry,
  );
}

function fromImage(image: CodeImage): Code {
  checkOptionNames('code', image, IMAGE);
  checkList('parts of the code', image.parts);
  for (const part of image.parts) {
    checkRecord('a part of the code', part, 'an object of address and bytes');
    checkOptionNames('a part of the code', part, PART);
    checkBytes('bytes of a part of the code', part.bytes);
  }
  const { arch, parts, entry, symbols = {}, lines = [] } = image;
  const start = entry ?? parts.find(({ exec }) => exec)?.address;
  if (start === undefined) throw new MayexecError('no part of the image is executable');
  const named = symbols instanceof Map ? symbols : new Map(Object.entries(symbols));
  return { kind: 'code', arch, parts, entry: start, symbols: named, lines, source: undefined };
}

function fromAssembly(source: AssemblySource, given: Arch): Code {
  checkOptionNames('code', source, ASSEMBLY);
  const { asm, arch = given, syntax = 'intel', constants = {}, file = 'code', include } = source;
  const { symbols, lines, sections, bytes } = assembleLoaded(asm, {
    arch,
    syntax,
    constants,
    address: CODE_ADDRESS,
    file,
    ...(include === undefined ? {} : { include }),
  });
  const parts = sections.map(({ address, length, offset, write, exec }) => ({
    address,
    length,
    write,
    exec,
    bytes: offset === undefined ? new Uint8Array() : bytes.subarray(offset, offset + length),
  }));
  const first = parts.find(({ exec, length }) => exec && length > 0);
  const entry = first?.address ?? CODE_ADDRESS;
  return withEntry({ arch, parts, entry, symbols, lines, source: asm }, source.entry);
}

type Unready = Omit<Code, 'kind' | 'lines' | 'source'> & Partial<Pick<Code, 'lines' | 'source'>>;

function withEntry(code: Unready, label: string | undefined): Code {
  const ready: Code = { kind: 'code', lines: [], source: undefined, ...code };
  return label === undefined ? ready : { ...ready, entry: addressOfLabel(ready, label) };
}

/** What one mapping takes: whole pages of equal rights. */
export interface CodePages {
  readonly start: Addr;
  readonly end: Addr;
  readonly bytes: Uint8Array;
  readonly write: boolean;
  readonly exec: boolean;
}

/** Parts that share a page share a mapping, with the rights of both. */
export function pagesOf(code: Code): CodePages[] {
  const sorted = code.parts
    .map((part) => ({ ...part, length: part.length ?? part.bytes.length }))
    .filter(({ length }) => length > 0)
    .sort((a, b) => (a.address < b.address ? -1 : 1));
  const groups: (typeof sorted)[] = [];
  for (const part of sorted) {
    const last = groups.at(-1)?.at(-1);
    const touches = last && pageUp(last.address + BigInt(last.length)) > pageDown(part.address);
    if (touches) groups.at(-1)!.push(part);
    else groups.push([part]);
  }
  return groups.map((parts) => {
    const start = pageDown(parts[0]!.address);
    const end = pageUp(parts.reduce((max, p) => bigger(max, p.address + BigInt(p.length)), start));
    const bytes = new Uint8Array(Number(end - start));
    for (const part of parts) bytes.set(part.bytes, Number(part.address - start));
    const write = parts.some((part) => part.write);
    const exec = parts.some((part) => part.exec);
    return { start, end, bytes, write, exec };
  });
}

function bigger(a: Addr, b: Addr): Addr {
  return a > b ? a : b;
}
