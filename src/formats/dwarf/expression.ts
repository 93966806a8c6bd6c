/** DWARF expressions, as far as call frame information of x86 uses them: PLT entries and signal frames (DWARF 5, 2.5). */
import { Cursor } from './cursor.js';

export interface ExpressionMachine {
  /** By DWARF register number; undefined when it is not known. */
  register(number: number): bigint | undefined;
  /** A word of memory; undefined where there is none to read. */
  memory(address: bigint): bigint | undefined;
}

const DEEPEST = 64;

/** What is on top of the stack at the end; undefined for what cannot be known. `start` is pushed first. */
export function evaluate(
  expression: Uint8Array,
  machine: ExpressionMachine,
  word: 4 | 8,
  start?: bigint,
): bigint | undefined {
  const stack: bigint[] = start === undefined ? [] : [start];
  const cursor = new Cursor(expression);
  try {
    while (!cursor.atEnd) {
      const value = step(cursor.u8(), cursor, stack, machine, word);
      if (value === NOTHING) continue;
      if (value === undefined || stack.length >= DEEPEST) return undefined;
      stack.push(BigInt.asUintN(word * 8, value));
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
  return stack.at(-1);
}

const NOTHING = Symbol('nothing to push');

/** What the operation pushes; undefined for what is not known. */
function step(
  opcode: number,
  cursor: Cursor,
  stack: bigint[],
  machine: ExpressionMachine,
  word: 4 | 8,
): bigint | undefined | typeof NOTHING {
  const pop = (): bigint => {
    const value = stack.pop();
    if (value === undefined) throw new RangeError('an empty stack');
    return value;
  };
  // DW_OP_lit0 to 31, DW_OP_breg0 to 31.
  if (opcode >= 0x30 && opcode <= 0x4f) return BigInt(opcode - 0x30);
  if (opcode >= 0x70 && opcode <= 0x8f) {
    const register = machine.register(opcode - 0x70);
    const offset = BigInt(cursor.sleb());
    return register === undefined ? undefined : register + offset;
  }
  const constant = CONSTANTS[opcode];
  if (constant !== undefined) return BigInt(constant(cursor, word));
  const binary = BINARY[opcode];
  if (binary !== undefined) {
    const right = pop();
    return binary(pop(), right, word * 8);
  }
  switch (opcode) {
    case 0x06: // DW_OP_deref
      return machine.memory(pop());
    case 0x12: // DW_OP_dup
      return stack.at(-1);
    case 0x13: // DW_OP_drop
      pop();
      return NOTHING;
    case 0x23: // DW_OP_plus_uconst
      return pop() + BigInt(cursor.uleb());
    case 0x96: // DW_OP_nop
      return NOTHING;
    default:
      throw new RangeError('an operation that is not known');
  }
}

/** DW_OP_addr and the DW_OP_const*. */
const CONSTANTS: Readonly<Record<number, (cursor: Cursor, word: 4 | 8) => number>> = {
  3: (cursor, word) => cursor.word(word),
  8: (cursor) => cursor.u8(),
  9: (cursor) => cursor.i8(),
  10: (cursor) => cursor.u16(),
  11: (cursor) => cursor.i16(),
  12: (cursor) => cursor.u32(),
  13: (cursor) => cursor.i32(),
  14: (cursor) => cursor.u64(),
  15: (cursor) => cursor.i64(),
  16: (cursor) => cursor.uleb(),
  17: (cursor) => cursor.sleb(),
};

type Binary = (left: bigint, right: bigint, bits: number) => bigint;

const signed = (compare: (left: bigint, right: bigint) => boolean): Binary => {
  return (left, right, bits) =>
    compare(BigInt.asIntN(bits, left), BigInt.asIntN(bits, right)) ? 1n : 0n;
};

const BINARY: Readonly<Record<number, Binary>> = {
  26: (left, right) => left & right,
  28: (left, right) => left - right,
  30: (left, right) => left * right,
  33: (left, right) => left | right,
  34: (left, right) => left + right,
  36: (left, right, bits) => (right < BigInt(bits) ? left << right : 0n),
  37: (left, right, bits) => (right < BigInt(bits) ? left >> right : 0n),
  39: (left, right) => left ^ right,
  41: signed((left, right) => left === right),
  42: signed((left, right) => left >= right),
  43: signed((left, right) => left > right),
  44: signed((left, right) => left <= right),
  45: signed((left, right) => left < right),
  46: signed((left, right) => left !== right),
};
