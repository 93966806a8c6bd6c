/** Tokens of one statement: names, numbers, strings, punctuation, each with its offset. */
import { shorten } from '../../base/text.js';
import { StatementError } from '../assembly-error.js';

export type Token =
  | { readonly kind: 'name'; readonly text: string; readonly offset: number }
  | {
      readonly kind: 'number';
      readonly text: string;
      readonly offset: number;
      readonly value: bigint;
    }
  /** `1f`, `2b`: the next or last label of that number. */
  | { readonly kind: 'local'; readonly text: string; readonly offset: number }
  | {
      readonly kind: 'string';
      readonly text: string;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'mark'; readonly text: string; readonly offset: number };

const NAME = /[A-Za-z_.?@][\w.$?@]*/y;
const NUMERAL = /\d[\w]*/y;
const MARK = /<<|>>|==|!=|<=|>=|&&|\|\||[-+*/%&|^~!<>()[\]{},:$=]/y;
const BLANK = /\s+/y;

export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (let offset = 0; offset < text.length; ) {
    const blank = match(BLANK, text, offset);
    if (blank !== undefined) {
      offset += blank.length;
      continue;
    }
    const token = tokenAt(text, offset);
    tokens.push(token);
    offset += token.text.length;
  }
  return tokens;
}

function tokenAt(text: string, offset: number): Token {
  const char = text[offset]!;
  if (char === '"') return quoted(text, offset);
  if (char === "'") return character(text, offset);
  const name = match(NAME, text, offset);
  if (name !== undefined) return { kind: 'name', text: name, offset };
  const numeral = match(NUMERAL, text, offset);
  if (numeral !== undefined) return numberToken(numeral, offset);
  const mark = match(MARK, text, offset);
  if (mark !== undefined) return { kind: 'mark', text: mark, offset };
  throw new StatementError(`unexpected character '${char}'`, offset, char);
}

function match(pattern: RegExp, text: string, offset: number): string | undefined {
  pattern.lastIndex = offset;
  return pattern.exec(text)?.[0];
}

/** 256 bits, in binary digits with some between. */
const LONGEST_NUMBER = 512;

/** `12`, `0x1f`, `0b101`, `0o17`, `017` (octal, as in C), `1fh`; `1f` and `1b` name local labels. */
function numberToken(text: string, offset: number): Token {
  if (/^\d+[fb]$/.test(text)) return { kind: 'local', text, offset };
  if (text.length > LONGEST_NUMBER) {
    throw new StatementError(`a number of ${text.length} digits is too large`, offset, text);
  }
  const value = numeralValue(text.toLowerCase().replaceAll('_', ''));
  if (value === undefined)
    throw new StatementError(`'${shorten(text)}' is not a number`, offset, text);
  return { kind: 'number', text, offset, value };
}

function numeralValue(text: string): bigint | undefined {
  if (/^0x[0-9a-f]+$/.test(text) || /^0b[01]+$/.test(text) || /^0o[0-7]+$/.test(text)) {
    return BigInt(text);
  }
  if (/^0[0-7]+$/.test(text)) return BigInt(`0o${text.slice(1)}`);
  if (/^(0|[1-9]\d*)$/.test(text)) return BigInt(text);
  if (/^\d[0-9a-f]*h$/.test(text)) return BigInt(`0x${text.slice(0, -1)}`);
  return undefined;
}

/** Offset after the string or character constant that begins at `start`. */
export function stringEnd(text: string, start: number): number {
  const quote = text[start]!;
  if (quote === "'") {
    const length = text[start + 1] === '\\' ? escapeLength(text, start + 1) : 1;
    const end = start + 1 + length;
    if (end > text.length) throw new StatementError("a character is missing after '", start);
    return text[end] === "'" ? end + 1 : end;
  }
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === quote) return i + 1;
  }
  throw new StatementError('this string has no end', start);
}

function quoted(text: string, offset: number): Token {
  const end = stringEnd(text, offset);
  const bytes = unescaped(text.slice(offset + 1, end - 1), offset + 1);
  return { kind: 'string', text: text.slice(offset, end), offset, bytes };
}

/** `'a'`, `'\n'`, and GNU's `'a`: a number. */
function character(text: string, offset: number): Token {
  const end = stringEnd(text, offset);
  const body = text.slice(offset + 1, end).replace(/(?<=.)'$/s, '');
  const [value, ...rest] = unescaped(body, offset + 1);
  if (value === undefined || rest.length > 0) {
    throw new StatementError('a character constant is one byte', offset, text.slice(offset, end));
  }
  return { kind: 'number', text: text.slice(offset, end), offset, value: BigInt(value) };
}

const UTF8 = new TextEncoder();

const SIMPLE_ESCAPES: Readonly<Record<string, number>> = {
  n: 10,
  t: 9,
  r: 13,
  b: 8,
  f: 12,
  v: 11,
  a: 7,
  e: 27,
  '\\': 92,
  '"': 34,
  "'": 39,
};

const ESCAPE = /\\(x[0-9a-fA-F]+|[0-7]{1,3}|.)/sy;

function escapeLength(text: string, offset: number): number {
  return match(ESCAPE, text, offset)?.length ?? 1;
}

/** The bytes of a string's inside; what is not ASCII is UTF-8. */
function unescaped(text: string, offset: number): Uint8Array {
  if (!text.includes('\\')) return UTF8.encode(text);
  const bytes: number[] = [];
  for (let i = 0; i < text.length; ) {
    if (text[i] === '\\') {
      const escaped = match(ESCAPE, text, i) ?? '\\';
      bytes.push(escapedByte(escaped, offset + i));
      i += escaped.length;
    } else {
      const char = String.fromCodePoint(text.codePointAt(i)!);
      bytes.push(...UTF8.encode(char));
      i += char.length;
    }
  }
  return Uint8Array.from(bytes);
}

function escapedByte(escaped: string, offset: number): number {
  const body = escaped.slice(1);
  const simple = SIMPLE_ESCAPES[body];
  if (simple !== undefined) return simple;
  if (body.startsWith('x') && body.length > 1) return Number.parseInt(body.slice(1), 16) & 0xff;
  if (/^[0-7]+$/.test(body)) return Number.parseInt(body, 8) & 0xff;
  throw new StatementError(`unknown escape '${escaped}'`, offset, escaped);
}
