/** Small static programs with any program headers: text, data with room behind it, marks and notes. */
import type { Arch } from '../../../src/base/address.js';

/** mov eax, 42; ret: the same bytes on both architectures. */
export const RETURN_42 = Uint8Array.of(0xb8, 42, 0, 0, 0, 0xc3);

export const PT_NOTE = 4;
export const PT_GNU_STACK = 0x6474e551;
export const PT_GNU_RELRO = 0x6474e552;
export const PT_PAX_FLAGS = 0x65041580;
export const PT_OPENBSD_WXNEEDED = 0x65a3dbe7;
const PT_LOAD = 1;
const PF_X = 1;
const PF_W = 2;
const PF_R = 4;

export interface ProgramOptions {
  /** Flags of PT_GNU_STACK; 'none': no such header. Default 'rw'. */
  readonly stack?: 'rw' | 'rwx' | 'none';
  /** Headers without content. */
  readonly marks?: readonly { readonly type: number; readonly flags: number }[];
  readonly note?: { readonly owner: string; readonly type: number; readonly bytes: Uint8Array };
  /** e_ident[14]. */
  readonly identMark?: number;
  /** Load address of the text. */
  readonly base?: bigint;
  /** Rights of the data segment. Default rw. */
  readonly dataFlags?: number;
}

/** Text (the function RETURN_42 is at its start) in page 1 of the file, data in page 2. */
export function program(arch: Arch, options: ProgramOptions = {}): Uint8Array {
  const wide = arch === 'x86-64';
  const base = options.base ?? textAddress(arch);
  const bytes = new Uint8Array(0x3000);
  const note = options.note === undefined ? undefined : encodeNote(options.note);
  const noteAt = 0x800;
  if (note !== undefined) bytes.set(note, noteAt);
  bytes.set(RETURN_42, 0x1000);
  bytes[0x2000] = 1;
  const { stack = 'rw', marks = [], dataFlags = PF_R | PF_W } = options;
  const headers: Header[] = [
    { type: PT_LOAD, flags: PF_R | PF_X, offset: 0x1000, address: base, size: 0x1000 },
    { type: PT_LOAD, flags: dataFlags, offset: 0x2000, address: base + 0x1000n, size: 0x1000 },
    ...(stack === 'none'
      ? []
      : [{ type: PT_GNU_STACK, flags: PF_R | PF_W | (stack === 'rwx' ? PF_X : 0) }]),
    ...marks,
    ...(note === undefined
      ? []
      : [{ type: PT_NOTE, flags: PF_R, offset: noteAt, size: note.length }]),
  ];
  writeHeaders(new DataView(bytes.buffer), wide, base, headers);
  if (options.identMark !== undefined) bytes[14] = options.identMark;
  return bytes;
}

/** Where the text of `program` lies: RETURN_42. */
export function textAddress(arch: Arch): bigint {
  return arch === 'x86-64' ? 0x40_0000n : 0x804_8000n;
}

/** A library: its first page is text with relocations, the second is RELRO. */
export function library(arch: Arch): Uint8Array {
  const wide = arch === 'x86-64';
  const bytes = new Uint8Array(0x3000);
  bytes.set(RETURN_42, 0x1000);
  const view = new DataView(bytes.buffer);
  const unit = wide ? 16 : 8;
  // DT_TEXTREL, DT_NULL.
  writeWord(view, wide, 0x800, 22n);
  writeHeaders(view, wide, 0n, [
    { type: PT_LOAD, flags: PF_R | PF_X, offset: 0x1000, address: 0x1000n, size: 0x1000 },
    { type: 2, flags: PF_R, offset: 0x800, address: 0x800n, size: 2 * unit },
    { type: PT_GNU_RELRO, flags: PF_R, offset: 0x2000, address: 0x2000n, size: 0x1000 },
  ]);
  view.setUint16(16, 3, true);
  return bytes;
}

interface Header {
  readonly type: number;
  readonly flags: number;
  readonly offset?: number;
  readonly address?: bigint;
  readonly size?: number;
}

function writeWord(view: DataView, wide: boolean, at: number, value: bigint): void {
  if (wide) view.setBigUint64(at, value, true);
  else view.setUint32(at, Number(value), true);
}

function writeHeaders(
  view: DataView,
  wide: boolean,
  entry: bigint,
  headers: readonly Header[],
): void {
  const header = wide ? 64 : 52;
  const size = wide ? 56 : 32;
  view.setUint32(0, 0x7f454c46);
  view.setUint8(4, wide ? 2 : 1);
  view.setUint8(5, 1);
  view.setUint8(6, 1);
  view.setUint16(16, 2, true);
  view.setUint16(18, wide ? 62 : 3, true);
  view.setUint32(20, 1, true);
  writeWord(view, wide, 24, entry);
  writeWord(view, wide, wide ? 32 : 28, BigInt(header));
  view.setUint16(wide ? 52 : 40, header, true);
  view.setUint16(wide ? 54 : 42, size, true);
  view.setUint16(wide ? 56 : 44, headers.length, true);
  headers.forEach((one, index) => {
    writeHeader(view, wide, header + index * size, one);
  });
}

function writeHeader(view: DataView, wide: boolean, at: number, header: Header): void {
  const { type, flags, offset = 0, address = 0n, size = 0 } = header;
  const align = type === PT_LOAD ? 0x1000n : 4n;
  view.setUint32(at, type, true);
  view.setUint32(at + (wide ? 4 : 24), flags, true);
  const words = [BigInt(offset), address, address, BigInt(size), BigInt(size)];
  words.forEach((word, index) => {
    writeWord(view, wide, at + (wide ? 8 + index * 8 : 4 + index * 4), word);
  });
  writeWord(view, wide, at + (wide ? 48 : 28), align);
}

function encodeNote({ owner, type, bytes }: NonNullable<ProgramOptions['note']>): Uint8Array {
  const name = new TextEncoder().encode(`${owner}\0`);
  const padded = (length: number): number => Math.ceil(length / 4) * 4;
  const out = new Uint8Array(12 + padded(name.length) + padded(bytes.length));
  const view = new DataView(out.buffer);
  view.setUint32(0, name.length, true);
  view.setUint32(4, bytes.length, true);
  view.setUint32(8, type, true);
  out.set(name, 12);
  out.set(bytes, 12 + padded(name.length));
  return out;
}
