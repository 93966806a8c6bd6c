/** Reads operands in AT&T syntax: `%rax`, `$SIZE`, `%fs:8(%rdi,%rsi,4)`, `*table(,%rax,8)`. */

import { isSegment } from '../../x86/registers.js';
import { StatementError } from '../assembly-error.js';
import { type Expression, parseExpression, type TokenReader } from './expression.js';
import type { WrittenOperand } from './operand.js';
import { acceptDecoration, acceptRegister } from './operand-intel.js';

/** `jumps`: the instruction is a jump or call, whose bare operand is a target and not memory. */
export function parseAttOperand(reader: TokenReader, jumps: boolean): WrittenOperand {
  const offset = reader.offset;
  const indirect = reader.accept('*');
  const rest = () => ({ offset, decoration: acceptDecoration(reader), indirect });
  if (reader.accept('$')) {
    return { kind: 'immediate', value: parseExpression(reader), ...rest() };
  }
  let segment: string | undefined;
  if (reader.peek()?.text === '%') {
    const name = expectRegister(reader);
    if (!isSegment(name) || !reader.accept(':')) return { kind: 'register', name, ...rest() };
    segment = name;
  }
  const displacement = startsAddress(reader) ? undefined : parseExpression(reader);
  const address = readAddress(reader);
  if (jumps && !indirect && address === undefined && displacement !== undefined) {
    return { kind: 'immediate', value: displacement, ...rest() };
  }
  const { base, index, scale } = address ?? {};
  return { kind: 'memory', size: undefined, segment, base, index, scale, displacement, ...rest() };
}

/** `(` begins an address when a register or a comma follows, else a parenthesised displacement. */
function startsAddress(reader: TokenReader): boolean {
  const next = reader.peek(1)?.text;
  return reader.peek()?.text === '(' && (next === '%' || next === ',');
}

function readAddress(
  reader: TokenReader,
):
  | { base: string | undefined; index: string | undefined; scale: Expression | undefined }
  | undefined {
  if (!startsAddress(reader)) return undefined;
  reader.expect('(');
  const base = reader.peek()?.text === '%' ? expectRegister(reader) : undefined;
  let index: string | undefined;
  let scale: Expression | undefined;
  if (reader.accept(',')) {
    if (reader.peek()?.text === '%') index = expectRegister(reader);
    if (reader.accept(',')) scale = parseExpression(reader);
  }
  reader.expect(')');
  return { base, index, scale };
}

function expectRegister(reader: TokenReader): string {
  reader.expect('%');
  const token = reader.peek();
  const name = acceptRegister(reader);
  if (name !== undefined) return name;
  throw new StatementError(`unknown register '%${token?.text ?? ''}'`, reader.offset, token?.text);
}
