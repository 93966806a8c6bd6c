/**
 * Expressions over constants and labels, with C's operators and precedence.
 *
 * Values that do not depend on where labels come to lie are known at once; `label + constant` is
 * left to Keystone; anything else that involves labels (`end - start`, `(end - start) / 4`) needs
 * their addresses and is a number only after a first round of assembly.
 */
import { StatementError } from '../assembly-error.js';
import type { Token } from './tokens.js';

export type Expression =
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'symbol'; readonly name: string; readonly offset: number }
  | {
      readonly kind: 'unary';
      readonly op: string;
      readonly of: Expression;
      readonly height: number;
    }
  | {
      readonly kind: 'binary';
      readonly op: string;
      readonly left: Expression;
      readonly right: Expression;
      readonly height: number;
    };

/** Operators within each other, and parentheses: who works values out goes down as deep. */
const HIGHEST = 500;
const DEEPEST = 200;

/** Operators within each other; a name or a number has none. */
export function heightOf(expression: Expression): number {
  return 'height' in expression ? expression.height : 0;
}

/** @throws StatementError when it has too many operators within each other. */
export function unaryOf(op: string, of: Expression): Expression {
  return { kind: 'unary', op, of, height: checkedHeight(heightOf(of) + 1) };
}

/** @throws StatementError when it has too many operators within each other. */
export function binaryOf(op: string, left: Expression, right: Expression): Expression {
  const height = checkedHeight(Math.max(heightOf(left), heightOf(right)) + 1);
  return { kind: 'binary', op, left, right, height };
}

function checkedHeight(height: number): number {
  if (height <= HIGHEST) return height;
  throw new StatementError(`an expression has more than ${HIGHEST} operators within each other`);
}

/** Binding strength of + and -, and of * and /. */
export const SUM = 9;
export const PRODUCT = 10;

/** Binding strength, as in C. */
const PRECEDENCE: Readonly<Record<string, number>> = {
  '||': 1,
  '&&': 2,
  '|': 3,
  '^': 4,
  '&': 5,
  '==': 6,
  '!=': 6,
  '<': 7,
  '<=': 7,
  '>': 7,
  '>=': 7,
  '<<': 8,
  '>>': 8,
  '+': SUM,
  '-': SUM,
  '*': PRODUCT,
  '/': PRODUCT,
  '%': PRODUCT,
};

/** Reads tokens one after the other. */
export class TokenReader {
  readonly #tokens: readonly Token[];
  readonly #endOffset: number;
  #next = 0;
  /** Parentheses that are open. */
  depth = 0;

  constructor(tokens: readonly Token[], endOffset: number) {
    this.#tokens = tokens;
    this.#endOffset = endOffset;
  }

  get atEnd(): boolean {
    return this.#next >= this.#tokens.length;
  }

  get offset(): number {
    return this.peek()?.offset ?? this.#endOffset;
  }

  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#next + ahead];
  }

  /** Takes the next token if it is this mark. */
  accept(mark: string): boolean {
    const token = this.peek();
    if (token?.kind !== 'mark' || token.text !== mark) return false;
    this.#next++;
    return true;
  }

  expect(mark: string): void {
    if (!this.accept(mark)) throw this.unexpected(`expected '${mark}'`);
  }

  take(): Token {
    const token = this.peek();
    if (token === undefined) throw this.unexpected('something is missing');
    this.#next++;
    return token;
  }

  expectEnd(): void {
    if (!this.atEnd) throw this.unexpected('unexpected text');
  }

  unexpected(message: string): StatementError {
    const token = this.peek();
    const where = token === undefined ? ' at the end of the statement' : ` at '${token.text}'`;
    return new StatementError(message + where, this.offset, token?.text);
  }
}

export function parseExpression(reader: TokenReader, minimum = 1): Expression {
  let left = parseUnary(reader);
  for (;;) {
    const token = reader.peek();
    const strength = token?.kind === 'mark' ? PRECEDENCE[token.text] : undefined;
    if (token === undefined || strength === undefined || strength < minimum) return left;
    reader.take();
    left = binaryOf(token.text, left, parseExpression(reader, strength + 1));
  }
}

const SIGNS = ['-', '~', '!', '+'];

function parseUnary(reader: TokenReader): Expression {
  const signs: string[] = [];
  for (let sign = acceptSign(reader); sign !== undefined; sign = acceptSign(reader)) {
    signs.push(sign);
  }
  return signs.reduceRight((of, sign) => unaryOf(sign, of), parsePrimary(reader));
}

function acceptSign(reader: TokenReader): string | undefined {
  return SIGNS.find((sign) => reader.accept(sign));
}

function parsePrimary(reader: TokenReader): Expression {
  const { offset } = reader;
  if (reader.accept('(')) {
    if (++reader.depth > DEEPEST) {
      throw new StatementError(`parentheses nest more than ${DEEPEST} deep`, offset);
    }
    const inner = parseExpression(reader);
    reader.expect(')');
    reader.depth--;
    return inner;
  }
  // `$` alone is NASM's name of the place of the statement itself, `.` in GNU as.
  if (reader.peek()?.text === '$') {
    return { kind: 'symbol', name: '.', offset: reader.take().offset };
  }
  const token = reader.peek();
  switch (token?.kind) {
    case 'number':
      reader.take();
      return { kind: 'number', value: token.value };
    case 'name':
    case 'local':
      reader.take();
      return { kind: 'symbol', name: token.text, offset: token.offset };
    default:
      throw reader.unexpected('expected a number or a name');
  }
}
