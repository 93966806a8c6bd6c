/** Data directives: bytes, words, strings, floating-point numbers and filled room. */
import { StatementError } from '../assembly-error.js';
import { type Expression, parseExpression, type TokenReader } from '../syntax/expression.js';
import type { ProgramBuilder } from './builder.js';
import { anchorName, hex, type Values } from './instruction.js';

/** The most that one directive may add. */
const MAX_LENGTH = 1n << 26n;

type Piece = Uint8Array | Expression;

/** `.byte 1, 'a', label - start`; a string among them counts byte by byte. */
export function emitData(builder: ProgramBuilder, reader: TokenReader, width: number): void {
  const pieces: Piece[] = [];
  do {
    const token = reader.peek();
    if (token?.kind === 'string') {
      if (width !== 1) throw new StatementError('strings are bytes', token.offset, token.text);
      reader.take();
      pieces.push(token.bytes);
    } else {
      pieces.push(parseExpression(reader));
    }
  } while (reader.accept(','));
  reader.expectEnd();
  if (builder.section.rights.nobits && pieces.every((piece) => isZero(builder, piece))) {
    const length = pieces.reduce(
      (sum, piece) => sum + (piece instanceof Uint8Array ? piece.length : width),
      0,
    );
    builder.reserve(BigInt(length));
    return;
  }
  builder.emit(
    (values) => pieces.map((piece) => pieceText(piece, width, values)).join('\n'),
    (values) => {
      for (const piece of pieces) {
        if (!(piece instanceof Uint8Array)) checkWidth(values.number(piece), width);
      }
    },
  );
}

/** As clang fills sections without bits. */
function isZero(builder: ProgramBuilder, piece: Piece): boolean {
  return piece instanceof Uint8Array
    ? piece.every((byte) => byte === 0)
    : builder.constant(piece) === 0n;
}

function checkWidth(value: bigint, width: number): void {
  const bits = BigInt(width * 8);
  if (value >= -(1n << (bits - 1n)) && value < 1n << bits) return;
  throw new StatementError(`${value} does not fit in ${width === 1 ? 'a byte' : `${width} bytes`}`);
}

function pieceText(piece: Piece, width: number, values: Values): string {
  if (piece instanceof Uint8Array) return bytesText(piece);
  const linear = values.linear(piece);
  const [only] = linear?.anchors ?? [];
  if (linear?.anchors.size === 1 && only?.[1] === 1n && (width === 8 || width === 4)) {
    return `.${width === 8 ? 'quad' : 'long'} ${anchorName(only[0])} + ${hex(linear.constant)}`.replace(
      '+ -',
      '- ',
    );
  }
  const value = values.number(piece);
  if (values.settled(piece)) checkWidth(value, width);
  return bytesText(littleEndian(value, width));
}

function littleEndian(value: bigint, width: number): Uint8Array {
  const bytes = new Uint8Array(width);
  for (let i = 0; i < width; i++) bytes[i] = Number((value >> BigInt(8 * i)) & 0xffn);
  return bytes;
}

/** A string of octal escapes is what Keystone reads fastest. */
function bytesText(bytes: Uint8Array): string {
  if (bytes.length === 0) return '';
  let text = '.ascii "';
  for (const byte of bytes) text += `\\${byte.toString(8).padStart(3, '0')}`;
  return `${text}"`;
}

export function emitStrings(builder: ProgramBuilder, reader: TokenReader, zero: boolean): void {
  const all: number[] = [];
  do {
    const token = reader.take();
    if (token.kind !== 'string') {
      throw new StatementError('expected a string in quotes', token.offset, token.text);
    }
    for (const byte of token.bytes) all.push(byte);
    if (zero) all.push(0);
  } while (reader.accept(','));
  reader.expectEnd();
  const bytes = Uint8Array.from(all);
  builder.emit(() => bytesText(bytes));
}

/** `.uleb128 3, end - start`, `.sleb128 -8`: seven bits in each byte (DWARF 5, section 7.6). */
export function emitLeb128(builder: ProgramBuilder, reader: TokenReader, signed: boolean): void {
  const values: Expression[] = [];
  do values.push(parseExpression(reader));
  while (reader.accept(','));
  reader.expectEnd();
  builder.emit((known) =>
    values.map((value) => bytesText(leb128(known.number(value), signed))).join('\n'),
  );
}

function leb128(given: bigint, signed: boolean): Uint8Array {
  const bytes: number[] = [];
  let rest = signed ? given : BigInt.asUintN(64, given);
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    const done = signed ? rest === (low & 0x40 ? -1n : 0n) : rest === 0n;
    bytes.push(done ? low : low | 0x80);
    if (done) return Uint8Array.from(bytes);
  }
}

/** `.org 0x40`, `.org start + 8, 0x90`: room up to that place of the section. */
export function emitUpTo(builder: ProgramBuilder, reader: TokenReader): void {
  const given = parseExpression(reader);
  const fill = reader.accept(',') ? builder.constant(parseExpression(reader)) : 0n;
  reader.expectEnd();
  const here: Expression = { kind: 'symbol', name: '.', offset: 0 };
  const start: Expression = { kind: 'symbol', name: builder.sectionStart(), offset: 0 };
  builder.emit((values) => {
    // A number counts from the section's start.
    const isNumber = values.linear(given)?.anchors.size === 0;
    const target = values.number(given) + (isNumber ? values.number(start) : 0n);
    const length = target - values.number(here);
    if (length < 0n && !values.settled(here)) return '';
    if (length < 0n) throw new StatementError(`.org goes back by ${-length} bytes`);
    builder.budget.spend('image', Number(checkedLength(length, MAX_LENGTH)));
    return length === 0n ? '' : `.space ${hex(length)}, ${hex(BigInt.asUintN(8, fill))}`;
  });
}

/** `list` is the text after the directive: numbers with a point are no tokens of ours. */
export function emitFloats(builder: ProgramBuilder, list: string, width: 4 | 8): void {
  const values = list.split(',');
  const bytes = new Uint8Array(values.length * width);
  const view = new DataView(bytes.buffer);
  for (const [index, text] of values.entries()) {
    const value = Number(text.trim());
    if (text.trim() === '' || Number.isNaN(value)) {
      throw new StatementError(`'${text.trim()}' is not a number`);
    }
    if (width === 4) view.setFloat32(index * 4, value, true);
    else view.setFloat64(index * 8, value, true);
  }
  builder.emit(() => bytesText(bytes));
}

/** `.zero count`, `.skip count, value`. */
export function emitFill(builder: ProgramBuilder, reader: TokenReader, unit: number): void {
  const count = parseExpression(reader);
  const fill = reader.accept(',') ? parseExpression(reader) : undefined;
  reader.expectEnd();
  if (builder.section.rights.nobits) {
    if (fill !== undefined && builder.constant(fill) !== 0n) {
      throw new StatementError('a section without bits is filled with zeros');
    }
    builder.reserve(checkedLength(builder.constant(count) * BigInt(unit), 1n << 40n));
    return;
  }
  builder.emit((values) => {
    const wanted = values.number(count) * BigInt(unit);
    const length = wanted < 0n && !values.settled(count) ? 0n : checkedLength(wanted, MAX_LENGTH);
    const value = fill === undefined ? 0n : BigInt.asUintN(8, values.number(fill));
    builder.budget.spend('image', Number(length));
    return length === 0n ? '' : `.space ${hex(length)}, ${hex(value)}`;
  });
}

function checkedLength(length: bigint, limit: bigint): bigint {
  if (length < 0n) throw new StatementError(`${length} is no number of bytes`);
  if (length > limit)
    throw new StatementError(`${length} bytes are more than the ${limit} allowed`);
  return length;
}
