/** Binary operators: comparisons, bit operators, sums and products. */
import type { Expression } from 'acorn';
import type { WasmOpcode } from '../encode/opcodes.js';
import { combineBytes } from '../encode/peephole.js';
import { binary, type Expr } from '../ir.js';
import { fail } from '../read/program.js';
import { isSigned, isUnsigned } from '../read/value-range.js';
import { bits, value } from './lower-expression.js';
import type { FunctionLowering } from './lower-function.js';

type Comparison = 'lt' | 'le' | 'gt' | 'ge' | 'eq' | 'ne';

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
  '==': 'eq',
  '!=': 'ne',
};
const BIT_OPERATORS: Readonly<Record<string, WasmOpcode>> = {
  '|': 'i32.or',
  '&': 'i32.and',
  '^': 'i32.xor',
  '<<': 'i32.shl',
  '>>': 'i32.shr_s',
  '>>>': 'i32.shr_u',
};
const FLOAT_OPERATORS: Readonly<Record<string, WasmOpcode>> = {
  '+': 'f64.add',
  '-': 'f64.sub',
  '*': 'f64.mul',
  '/': 'f64.div',
};

export function lowerComparison(
  to: FunctionLowering,
  operator: string,
  left: Expression,
  right: Expression,
  node: Expression,
): Expr | undefined {
  const comparison = COMPARISONS[operator];
  if (comparison === undefined) return undefined;
  const [a, b] = [to.range(left), to.range(right)];
  if (a.kind === 'f64' || b.kind === 'f64')
    return binary(`f64.${comparison}`, 'i32', value(to, left, 'f64'), value(to, right, 'f64'));
  const signed = isSigned(a) && isSigned(b);
  if (!signed && !(isUnsigned(a) && isUnsigned(b)))
    return fail(`the comparison ${operator} of a signed and an unsigned integer`, node);
  const [x, y] = [value(to, left, 'i32'), value(to, right, 'i32')];
  if (comparison === 'eq' || comparison === 'ne') return binary(`i32.${comparison}`, 'i32', x, y);
  return binary(`i32.${comparison}_${signed ? 's' : 'u'}`, 'i32', x, y);
}

export function lowerArithmetic(
  to: FunctionLowering,
  operator: string,
  left: Expression,
  right: Expression,
  node: Expression,
): Expr {
  const bitOperator = BIT_OPERATORS[operator];
  if (bitOperator !== undefined) {
    // `x | 0`, `0 | x` and `x >>> 0` only say which 32-bit number is meant.
    if ((operator === '|' || operator === '>>>') && isZero(right)) return bits(to, left);
    if (operator === '|' && isZero(left)) return bits(to, right);
    const both = binary(bitOperator, 'i32', bits(to, left), bits(to, right));
    return operator === '|' ? combineBytes(both) : both;
  }
  const [a, b] = [to.range(left), to.range(right)];
  if ((operator === '+' || operator === '-') && a.kind !== 'f64' && b.kind !== 'f64') {
    const code = operator === '+' ? 'i32.add' : 'i32.sub';
    return binary(code, 'i32', value(to, left, 'i32'), value(to, right, 'i32'));
  }
  const floatOperator = FLOAT_OPERATORS[operator];
  if (floatOperator === undefined) return fail(`the operator ${operator}`, node);
  if (operator === '*' && a.kind === 'int' && b.kind === 'int')
    return fail('a product of two integers', node);
  return binary(floatOperator, 'f64', value(to, left, 'f64'), value(to, right, 'f64'));
}

function isZero(node: Expression): boolean {
  return node.type === 'Literal' && node.value === 0;
}
