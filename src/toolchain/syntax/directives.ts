/** Directives: GNU as's, and NASM's where they say the same in another spelling (`db`, `section`, `global`). */
import { nearest } from '../../base/errors.js';
import { StatementError } from '../assembly-error.js';
import type { ProgramBuilder } from '../encode/builder.js';
import {
  emitData,
  emitFill,
  emitFloats,
  emitLeb128,
  emitStrings,
  emitUpTo,
} from '../encode/data.js';
import { parseExpression, type TokenReader } from './expression.js';
import type { Bits } from './operand.js';

type Directive = (builder: ProgramBuilder, reader: TokenReader) => void;

const MAX_ALIGNMENT = 1 << 20;

const DIRECTIVES: Readonly<Record<string, Directive>> = {
  '.text': (builder) => builder.enter('.text'),
  '.data': (builder) => builder.enter('.data'),
  '.rodata': (builder) => builder.enter('.rodata'),
  '.bss': (builder) => builder.enter('.bss'),
  '.section': enterSection,
  section: enterSection,
  segment: enterSection,
  '.previous': (builder) => builder.leave(),
  '.globl': declareGlobal,
  '.global': declareGlobal,
  global: declareGlobal,
  '.equ': assign,
  '.set': assign,
  '.byte': data(1),
  db: data(1),
  '.word': data(2),
  '.short': data(2),
  '.hword': data(2),
  '.value': data(2),
  '.2byte': data(2),
  dw: data(2),
  '.long': data(4),
  '.int': data(4),
  '.4byte': data(4),
  dd: data(4),
  '.quad': data(8),
  '.8byte': data(8),
  dq: data(8),
  '.octa': data(16),
  '.ascii': (builder, reader) => emitStrings(builder, reader, false),
  '.asciz': (builder, reader) => emitStrings(builder, reader, true),
  '.string': (builder, reader) => emitStrings(builder, reader, true),
  '.zero': (builder, reader) => emitFill(builder, reader, 1),
  '.skip': (builder, reader) => emitFill(builder, reader, 1),
  '.space': (builder, reader) => emitFill(builder, reader, 1),
  resb: (builder, reader) => emitFill(builder, reader, 1),
  resw: (builder, reader) => emitFill(builder, reader, 2),
  resd: (builder, reader) => emitFill(builder, reader, 4),
  resq: (builder, reader) => emitFill(builder, reader, 8),
  '.uleb128': (builder, reader) => emitLeb128(builder, reader, false),
  '.sleb128': (builder, reader) => emitLeb128(builder, reader, true),
  '.org': emitUpTo,
  '.fill': emitRepeated,
  '.balign': (builder, reader) => align(builder, reader, false),
  '.align': (builder, reader) => align(builder, reader, false),
  align: (builder, reader) => align(builder, reader, false),
  '.p2align': (builder, reader) => align(builder, reader, true),
  '.comm': reserveCommon,
  '.lcomm': reserveCommon,
  '.intel_syntax': (builder) => setSyntax(builder, 'intel'),
  '.att_syntax': (builder) => setSyntax(builder, 'att'),
  '.code16': (builder) => setBits(builder, 16),
  '.code32': (builder) => setBits(builder, 32),
  '.code64': (builder) => setBits(builder, 64),
  bits: (builder, reader) => setBits(builder, Number(reader.take().text) as Bits),
  '.error': (_builder, reader) => {
    const token = reader.peek();
    const text = token?.kind === 'string' ? new TextDecoder().decode(token.bytes) : '.error';
    throw new StatementError(text);
  },
};

/** Bytes of a floating-point number. */
const FLOATS: Readonly<Record<string, 4 | 8>> = { '.float': 4, '.single': 4, '.double': 8 };

/** They tell a linker or a debugger something; here they have no effect. */
const IGNORED = new Set(
  (
    '.type .size .file .ident .loc .local .weak .hidden .protected .internal .addrsig .addrsig_sym ' +
    '.extern extern .code .warning .end'
  ).split(' '),
);

export function isDirective(name: string): boolean {
  return name.startsWith('.') || Object.hasOwn(DIRECTIVES, name) || IGNORED.has(name);
}

/** `name` in lower case; `text` is the whole statement, which starts with it. */
export function runDirective(builder: ProgramBuilder, name: string, text: string): void {
  if (IGNORED.has(name) || name.startsWith('.cfi_')) return;
  if (Object.hasOwn(FLOATS, name)) {
    builder.budget.spend('tokens', text.length);
    emitFloats(builder, text.slice(name.length), FLOATS[name]!);
    return;
  }
  const directive = Object.hasOwn(DIRECTIVES, name) ? DIRECTIVES[name] : undefined;
  if (directive === undefined) {
    const guess = nearest(name, [...Object.keys(DIRECTIVES), ...PREPROCESSED]);
    const hint = guess === undefined ? '' : `; did you mean '${guess}'?`;
    throw new StatementError(`unknown directive '${name}'${hint}`, 0, name);
  }
  const reader = builder.tokens(text);
  reader.take();
  directive(builder, reader);
}

/** Directives that the preprocessor handles; here for guesses at misspelt ones. */
export const PREPROCESSED = [
  '.include',
  '.macro',
  '.endm',
  '.rept',
  '.irp',
  '.endr',
  '.if',
  '.ifdef',
  '.ifndef',
  '.elseif',
  '.else',
  '.endif',
];

function enterSection(builder: ProgramBuilder, reader: TokenReader): void {
  let name = '';
  // Names such as `.note.GNU-stack` are several tokens.
  while (!reader.atEnd && reader.peek()?.text !== ',') name += reader.take().text;
  if (name === '') throw new StatementError('a section needs a name');
  let flags: string | undefined;
  let type = '';
  while (reader.accept(',')) {
    const token = reader.take();
    if (token.kind === 'string') flags = new TextDecoder().decode(token.bytes);
    else type = (token.text === '%' ? reader.take().text : token.text).replace('@', '');
  }
  reader.expectEnd();
  builder.enter(name.startsWith('"') ? name.slice(1, -1) : name, flags, type);
}

function declareGlobal(builder: ProgramBuilder, reader: TokenReader): void {
  do {
    const token = reader.take();
    if (token.kind !== 'name') throw new StatementError('expected a label', token.offset);
    builder.globals.add(token.text);
  } while (reader.accept(','));
  reader.expectEnd();
}

function assign(builder: ProgramBuilder, reader: TokenReader): void {
  const name = reader.take();
  if (name.kind !== 'name') throw new StatementError('expected a name', name.offset, name.text);
  reader.expect(',');
  const value = parseExpression(reader);
  reader.expectEnd();
  builder.assign(name.text, value);
}

function data(width: number): Directive {
  return (builder, reader) => emitData(builder, reader, width);
}

/** `.fill count, size = 1, value = 0`. */
function emitRepeated(builder: ProgramBuilder, reader: TokenReader): void {
  const count = builder.constant(parseExpression(reader));
  const size = reader.accept(',') ? builder.constant(parseExpression(reader)) : 1n;
  const value = reader.accept(',') ? builder.constant(parseExpression(reader)) : 0n;
  reader.expectEnd();
  if (count < 0n || size < 0n || size > 8n || count * size > 1n << 20n) {
    throw new StatementError('.fill repeats at most 8 bytes, and makes at most 1 MiB');
  }
  const unit = BigInt.asUintN(64, value).toString(16).padStart(16, '0');
  const bytes = [...unit.matchAll(/../g)].reverse().slice(0, Number(size));
  const text = bytes.map(([byte]) => `0x${byte}`).join(', ');
  const line = size === 0n ? '' : `.byte ${text}`;
  builder.emit(() => {
    builder.budget.spend('image', Number(count * size));
    return Array.from({ length: Number(count) }, () => line).join('\n');
  });
}

function align(builder: ProgramBuilder, reader: TokenReader, power: boolean): void {
  const given = builder.constant(parseExpression(reader));
  const bytes = power && given < 64n && given >= 0n ? 1n << given : given;
  if (bytes < 1n || bytes > MAX_ALIGNMENT || (bytes & (bytes - 1n)) !== 0n) {
    throw new StatementError(`an alignment is a power of 2 up to ${MAX_ALIGNMENT} bytes`);
  }
  const filled = reader.accept(',') && reader.peek()?.text !== ',';
  const given2 = filled ? builder.constant(parseExpression(reader)) : undefined;
  const { section } = builder;
  section.align(Number(bytes));
  if (section.rights.nobits || bytes === 1n) return;
  const log = bytes.toString(2).length - 1;
  // Between instructions Keystone fills with nops of many bytes; data are filled with zeros.
  const fill = given2 ?? (section.rights.exec ? undefined : 0n);
  const value = fill === undefined ? '' : `, 0x${BigInt.asUintN(8, fill).toString(16)}`;
  builder.emit(() => {
    builder.budget.spend('image', Number(bytes) - 1);
    return `.p2align 0x${log.toString(16)}${value}`;
  });
}

/** `.comm name, size, alignment`. */
function reserveCommon(builder: ProgramBuilder, reader: TokenReader): void {
  const name = reader.take();
  reader.expect(',');
  const size = builder.constant(parseExpression(reader));
  const alignment = reader.accept(',') ? builder.constant(parseExpression(reader)) : 16n;
  if (size < 0n || alignment < 1n) throw new StatementError('sizes are positive');
  builder.enter('.bss');
  builder.section.align(Number(alignment));
  builder.label(name.text);
  builder.reserve(size);
  builder.leave();
}

function setSyntax(builder: ProgramBuilder, syntax: 'intel' | 'att'): void {
  builder.mode = { ...builder.mode, syntax };
}

function setBits(builder: ProgramBuilder, bits: Bits): void {
  if (![16, 32, 64].includes(bits)) throw new StatementError('bits are 16, 32 or 64');
  builder.mode = { ...builder.mode, bits };
}
