/** Reads operands in Intel syntax: `dword ptr fs:[rdi + rsi*4 + SIZE]`, `8[rax]`, `offset label`. */

import { isSegment, registerWidth } from '../../x86/registers.js';
import { StatementError } from '../assembly-error.js';
import {
  binaryOf,
  type Expression,
  PRODUCT,
  parseExpression,
  SUM,
  type TokenReader,
} from './expression.js';
import type { WrittenOperand } from './operand.js';
import { SIZES } from './operand.js';

export function parseIntelOperand(reader: TokenReader): WrittenOperand {
  const offset = reader.offset;
  // As gcc writes an indirect jump: `[QWORD PTR .L4[0+rdi*8]]`.
  const inner = reader.peek(1);
  const isSized = inner?.kind === 'name' && Object.hasOwn(SIZES, inner.text.toLowerCase());
  if (isSized && reader.peek(2)?.text.toLowerCase() === 'ptr' && reader.accept('[')) {
    const operand = parseIntelOperand(reader);
    reader.expect(']');
    return operand;
  }
  const size = acceptSize(reader);
  // Without effect here: Keystone picks the length of jumps, and a label without brackets is its address.
  while (acceptWord(reader, ['offset', 'short', 'near', 'flat'])) reader.accept(':');
  if (acceptWord(reader, ['far'])) {
    throw new StatementError('far jumps and calls are not supported', offset, 'far');
  }
  const segment = acceptSegment(reader);
  const register = size === undefined && segment === undefined ? acceptRegister(reader) : undefined;
  if (register !== undefined) {
    return { kind: 'register', name: register, ...rest(reader, offset) };
  }
  const before = reader.peek()?.text === '[' ? undefined : parseExpression(reader);
  if (reader.peek()?.text !== '[') {
    const memory = size !== undefined || segment !== undefined;
    if (!memory) return { kind: 'immediate', value: before!, ...rest(reader, offset) };
  }
  const sum = new AddressSum(before);
  while (reader.accept('[')) sum.readBracket(reader);
  return { ...sum.operand(size, segment), ...rest(reader, offset) };
}

function rest(reader: TokenReader, offset: number) {
  return { offset, decoration: acceptDecoration(reader), indirect: false };
}

/** `byte ptr`, and NASM's `byte` alone. */
function acceptSize(reader: TokenReader): string | undefined {
  const token = reader.peek();
  const size = token?.kind === 'name' ? token.text.toLowerCase() : '';
  if (!Object.hasOwn(SIZES, size)) return undefined;
  reader.take();
  acceptWord(reader, ['ptr']);
  return size;
}

function acceptWord(reader: TokenReader, words: readonly string[]): boolean {
  const token = reader.peek();
  if (token?.kind !== 'name' || !words.includes(token.text.toLowerCase())) return false;
  // `flat` or `short` alone may be somebody's label.
  const next = reader.peek(1);
  if (next === undefined || (next.kind === 'mark' && next.text === ',')) return false;
  reader.take();
  return true;
}

function acceptSegment(reader: TokenReader): string | undefined {
  const token = reader.peek();
  const name = token?.kind === 'name' ? token.text.toLowerCase() : '';
  if (!isSegment(name) || reader.peek(1)?.text !== ':') return undefined;
  reader.take();
  reader.take();
  return name;
}

export function acceptRegister(reader: TokenReader): string | undefined {
  const token = reader.peek();
  const name = token?.kind === 'name' ? token.text.toLowerCase() : '';
  if (registerWidth(name) === undefined) return undefined;
  reader.take();
  if (name !== 'st' || !reader.accept('(')) return name;
  const number = reader.take();
  reader.expect(')');
  if (number.kind !== 'number' || number.value > 7n) {
    throw new StatementError('expected st(0) to st(7)', number.offset);
  }
  return `st(${number.value})`;
}

/** `{k1}{z}`, `{rn-sae}`, `{1to16}`: as they are. */
export function acceptDecoration(reader: TokenReader): string {
  let text = '';
  while (reader.accept('{')) {
    text += '{';
    while (reader.peek() !== undefined && reader.peek()?.text !== '}') text += reader.take().text;
    reader.expect('}');
    text += '}';
  }
  return text === '' ? '' : ` ${text}`;
}

/** Collects the terms of an address: registers, a scaled register, and the rest as displacement. */
class AddressSum {
  #base: string | undefined;
  #index: string | undefined;
  #scale: Expression | undefined;
  #displacement: Expression | undefined;

  constructor(displacement: Expression | undefined) {
    this.#displacement = displacement;
  }

  readBracket(reader: TokenReader): void {
    do {
      const negative = reader.peek()?.text === '-';
      if (!reader.accept('-')) reader.accept('+');
      this.#readTerm(reader, negative);
    } while (reader.peek()?.text === '+' || reader.peek()?.text === '-');
    reader.expect(']');
  }

  #readTerm(reader: TokenReader, negative: boolean): void {
    const offset = reader.offset;
    const scaled = acceptScaled(reader);
    if (scaled === undefined) {
      // Up to the next + or -, which may stand before a register.
      const right = parseExpression(reader, SUM + 1);
      this.#displacement = binaryOf(negative ? '-' : '+', this.#displacement ?? ZERO, right);
    } else if (negative) {
      throw new StatementError('a register cannot be subtracted', offset);
    } else {
      this.#addRegister(scaled.name, scaled.scale, offset);
    }
  }

  #addRegister(name: string, scale: Expression | undefined, offset: number): void {
    if (scale === undefined && this.#base === undefined) {
      this.#base = name;
    } else if (this.#index === undefined) {
      this.#index = name;
      this.#scale = scale;
    } else {
      throw new StatementError('an address has at most two registers, one of them scaled', offset);
    }
  }

  operand(size: string | undefined, segment: string | undefined) {
    const [base, index, scale] = [this.#base, this.#index, this.#scale];
    // The stack pointer cannot be an index, but two registers of a sum can change places.
    const swap = scale === undefined && (index === 'rsp' || index === 'esp');
    const order = swap ? { base: index, index: base } : { base, index };
    const displacement = this.#displacement;
    return { kind: 'memory' as const, size, segment, ...order, scale, displacement };
  }
}

const ZERO: Expression = { kind: 'number', value: 0n };

/** `rsi`, `rsi*4`, `4*rsi`; a name may stand for the scale. */
function acceptScaled(
  reader: TokenReader,
): { name: string; scale: Expression | undefined } | undefined {
  const isRegister = (ahead: number): boolean => {
    const token = reader.peek(ahead);
    return token?.kind === 'name' && registerWidth(token.text.toLowerCase()) !== undefined;
  };
  if (isRegister(0)) {
    const name = reader.take().text.toLowerCase();
    const scale = reader.accept('*') ? parseExpression(reader, PRODUCT + 1) : undefined;
    return { name, scale };
  }
  if (reader.peek(1)?.text !== '*' || !isRegister(2)) return undefined;
  const scale = parseExpression(reader, PRODUCT + 1);
  reader.expect('*');
  return { name: reader.take().text.toLowerCase(), scale };
}
