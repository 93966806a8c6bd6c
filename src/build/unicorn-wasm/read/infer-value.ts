/** The range of one expression's value, given what is known of variables and results so far. */
import type { BinaryExpression, CallExpression, Expression } from 'acorn';
import type { FunctionInfo } from './functions.js';
import { fail, operand, type SourceProgram } from './program.js';
import {
  BOOLEAN,
  FLOAT,
  integer,
  isSigned,
  join,
  literal,
  NOTHING,
  SIGNED,
  UNSIGNED,
  type ValueRange,
} from './value-range.js';

/** Beyond this JavaScript's sums are no longer exact, so that wrapping them differs. */
const EXACT = 2 ** 53;

export function rangeOf(program: SourceProgram, fn: FunctionInfo, node: Expression): ValueRange {
  const of = (inner: Expression): ValueRange => rangeOf(program, fn, inner);
  switch (node.type) {
    case 'Literal':
      if (typeof node.value !== 'number') return fail(`the literal ${node.raw}`, node);
      return literal(node.value);
    case 'Identifier': {
      const found = program.variable(fn, node);
      return 'local' in found ? found.range : SIGNED;
    }
    case 'MemberExpression': {
      const element = program.element(fn, node);
      if (element.kind === 'scratchF32') return FLOAT;
      const { range } = element.view;
      return range ? integer(...range) : FLOAT;
    }
    case 'AssignmentExpression':
      if (node.operator === '=') return of(node.right);
      return operatorRange(node.operator.slice(0, -1), operand(node.left), node.right, of, node);
    case 'BinaryExpression':
      return operatorRange(node.operator, operand(node.left), node.right, of, node);
    case 'UnaryExpression':
      switch (node.operator) {
        case '+':
          return FLOAT;
        case '-':
          return negated(of(node.argument));
        case '!':
          return BOOLEAN;
        case '~':
          return SIGNED;
        case 'void':
          return NOTHING;
      }
      return fail(`the operator ${node.operator}`, node);
    case 'ConditionalExpression':
      return either(of(node.consequent), of(node.alternate), node);
    case 'LogicalExpression': {
      // `a && b` is a only where a is zero; `a || b` is a only where it is not.
      const left = node.operator === '&&' ? literal(0) : of(node.left);
      return either(left, of(node.right), node);
    }
    case 'SequenceExpression':
      return of(node.expressions.at(-1)!);
    case 'CallExpression':
      return callRange(program, fn, node);
  }
  return fail(`a ${node.type}`, node);
}

function either(a: ValueRange, b: ValueRange, node: Expression): ValueRange {
  return join(a, b) ?? fail('an expression that is an integer or a float', node);
}

function negated(range: ValueRange): ValueRange {
  if (range.kind !== 'int') return range;
  if (range.literal && range.low === range.high) return literal(-range.low);
  return { ...range, low: -range.high, high: -range.low };
}

type Of = (node: Expression) => ValueRange;

function operatorRange(
  operator: string,
  left: Expression,
  right: Expression,
  of: Of,
  node: Expression,
): ValueRange {
  switch (operator as BinaryExpression['operator']) {
    case '|':
    case '^':
    case '<<':
      return SIGNED;
    case '>>':
      return SIGNED;
    case '>>>':
      return shifted(of(right));
    case '&':
      return masked(coerced(left, of), coerced(right, of));
    case '<':
    case '<=':
    case '>':
    case '>=':
    case '==':
    case '!=':
      return BOOLEAN;
    case '+':
    case '-':
      return sum(operator === '-', of(left), of(right), node);
    // Integer division occurs only directly below bit operators, which do not ask here.
    case '*':
    case '/':
      return FLOAT;
    case '%':
      return fail('a remainder that is not coerced to an integer at once', node);
  }
  return fail(`the operator ${operator}`, node);
}

function shifted(by: ValueRange): ValueRange {
  if (!by.literal || by.low !== by.high) return UNSIGNED;
  return integer(0, 2 ** (32 - (by.low & 31)) - 1);
}

/** A bit operator coerces its operands, also the quotients and remainders that are refused else. */
function coerced(node: Expression, of: Of): ValueRange {
  const divides = node.type === 'BinaryExpression' && '/%'.includes(node.operator);
  return divides ? SIGNED : of(node);
}

function masked(a: ValueRange, b: ValueRange): ValueRange {
  // A mask that is never negative bounds the result.
  const bounds = [a, b].filter((side) => isSigned(side) && side.low >= 0).map((side) => side.high);
  return bounds.length === 0 ? SIGNED : integer(0, Math.min(...bounds));
}

function sum(minus: boolean, a: ValueRange, b: ValueRange, node: Expression): ValueRange {
  if (a.kind === 'nothing' || b.kind === 'nothing') return a.kind === 'nothing' ? b : a;
  if (a.kind !== 'int' || b.kind !== 'int') {
    return join(a, b) ?? fail('a sum of an integer and a float', node);
  }
  const low = minus ? a.low - b.high : a.low + b.low;
  const high = minus ? a.high - b.low : a.high + b.high;
  if (-low > EXACT || high > EXACT) fail('a sum that may be inexact', node);
  return { kind: 'int', low, high, literal: a.literal && b.literal };
}

function callRange(program: SourceProgram, fn: FunctionInfo, node: CallExpression): ValueRange {
  const target = program.target(fn, node);
  switch (target.kind) {
    case 'function':
      target.fn.callers.add(fn);
      return target.fn.result;
    case 'table':
      return SIGNED;
    case 'import':
      return target.import.callable.signature.result === 'f64' ? FLOAT : SIGNED;
    case 'math':
      if (target.name === 'imul') return SIGNED;
      if (target.name === 'clz32') return integer(0, 32);
      return FLOAT;
    case 'intrinsic':
      if (target.name === 'scratch.load_f64') return FLOAT;
      if (target.name === 'memory.size') return integer(0, 65535);
      return target.name === 'scratch.load_i32' ? SIGNED : NOTHING;
  }
}
