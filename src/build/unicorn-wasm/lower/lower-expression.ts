/**
 * Expressions. Each is translated for what its surroundings want of it: `value` for a number of a
 * given type, `bits` for the i32 that JavaScript's bit operators see, `test` for its truth,
 * `effect` (in lower-effect.ts) for what it does.
 */
import type { Expression } from 'acorn';
import { binary, type Expr, f64, i32, sequence, unary } from '../ir.js';
import { fail, operand } from '../read/program.js';
import { hasTruthInBits, isSigned, isUnsigned, type ValueRange } from '../read/value-range.js';
import { lowerArithmetic, lowerComparison } from './lower-arithmetic.js';
import { lowerCall } from './lower-call.js';
import { effect } from './lower-effect.js';
import type { FunctionLowering } from './lower-function.js';
import { typeOfVariable } from './lower-function.js';
import { lowerElement, storeElement } from './lower-memory.js';

export type Wanted = 'i32' | 'f64';

/** The value as a number of the wanted type; an integer becomes a float where one is wanted. */
export function value(to: FunctionLowering, node: Expression, wanted: Wanted): Expr {
  const range = to.range(node);
  if (range.literal && wanted === 'f64' && node.type === 'Literal') return f64(range.low);
  const expr = natural(to, node, range.kind === 'f64' ? 'f64' : wanted);
  return convert(expr, range, wanted, node);
}

function convert(expr: Expr, range: ValueRange, wanted: Wanted, node: Expression): Expr {
  if (expr.type === wanted) return expr;
  if (wanted === 'i32') return fail('a float where an integer is wanted', node);
  if (isSigned(range)) return unary('f64.convert_i32_s', 'f64', expr);
  if (isUnsigned(range)) return unary('f64.convert_i32_u', 'f64', expr);
  return fail('an integer of unknown sign where a float is wanted', node);
}

/** JavaScript's ToInt32 of the value, as `|`, `>>>`, `&`... apply it to their operands. */
export function bits(to: FunctionLowering, node: Expression): Expr {
  if (node.type === 'BinaryExpression' && (node.operator === '/' || node.operator === '%')) {
    const quotient = integerDivision(to, node.operator, operand(node.left), node.right);
    if (quotient) return quotient;
  }
  if (to.range(node).kind !== 'f64') return value(to, node, 'i32');
  const callee = to.runtime.functions.to_int32;
  return { op: 'call', type: 'i32', callee, args: [value(to, node, 'f64')] };
}

/** Truth, as any i32 that is not zero. */
export function test(to: FunctionLowering, node: Expression): Expr {
  if (node.type === 'LogicalExpression' && node.operator !== '??') {
    const left = test(to, node.left);
    const right = test(to, node.right);
    return node.operator === '&&'
      ? { op: 'if', type: 'i32', test: left, consequent: right, alternate: i32(0) }
      : { op: 'if', type: 'i32', test: left, consequent: i32(1), alternate: right };
  }
  // A sum beyond 32 bits could be true with all its low bits zero.
  if (!hasTruthInBits(to.range(node))) fail('the truth of such a value', node);
  return value(to, node, 'i32');
}

/** The value in its own type; `wanted` decides only for what fits both, such as a literal. */
function natural(to: FunctionLowering, node: Expression, wanted: Wanted): Expr {
  switch (node.type) {
    case 'Literal':
      return wanted === 'f64' ? f64(node.value as number) : i32(node.value as number);
    case 'Identifier': {
      const found = to.program.variable(to.fn, node);
      if ('local' in found)
        return { op: 'local.get', type: typeOfVariable(found), local: found.local };
      // A global that nothing assigns is a constant.
      if (!found.assigned) return i32(found.variable.initial);
      return { op: 'global.get', type: 'i32', global: found.variable };
    }
    case 'MemberExpression':
      return lowerElement(to, node);
    case 'AssignmentExpression':
      return assignment(to, node, wanted);
    case 'BinaryExpression':
      return binaryOperator(to, node.operator, operand(node.left), node.right, node);
    case 'UnaryExpression':
      return unaryOperator(to, node, wanted);
    case 'ConditionalExpression': {
      const consequent = value(to, node.consequent, wanted);
      const alternate = value(to, node.alternate, wanted);
      return { op: 'if', type: wanted, test: test(to, node.test), consequent, alternate };
    }
    case 'LogicalExpression':
      return logical(to, node, wanted);
    case 'SequenceExpression': {
      const before = node.expressions.slice(0, -1).flatMap((part) => effect(to, part));
      return sequence(before, value(to, node.expressions.at(-1)!, wanted));
    }
    case 'CallExpression':
      return lowerCall(to, node) as Expr;
  }
  return fail(`a ${node.type}`, node);
}

export function binaryOperator(
  to: FunctionLowering,
  operator: string,
  left: Expression,
  right: Expression,
  node: Expression,
): Expr {
  return (
    lowerComparison(to, operator, left, right, node) ??
    lowerArithmetic(to, operator, left, right, node)
  );
}

function unaryOperator(
  to: FunctionLowering,
  node: Extract<Expression, { type: 'UnaryExpression' }>,
  wanted: Wanted,
): Expr {
  const { argument } = node;
  switch (node.operator) {
    case '+':
      return value(to, argument, 'f64');
    case '!':
      return unary('i32.eqz', 'i32', test(to, argument));
    case '~':
      // `~~x` is the way to write ToInt32 of a float.
      if (argument.type === 'UnaryExpression' && argument.operator === '~')
        return bits(to, argument.argument);
      return binary('i32.xor', 'i32', bits(to, argument), i32(-1));
    case '-': {
      const range = to.range(node);
      if (range.literal && wanted === 'i32') return i32(range.low);
      if (argument.type === 'Literal') return f64(-(argument.value as number));
      if (range.kind === 'f64') return unary('f64.neg', 'f64', value(to, argument, 'f64'));
      return binary('i32.sub', 'i32', i32(0), value(to, argument, 'i32'));
    }
  }
  return fail(`the operator ${node.operator} for its value`, node);
}

function logical(
  to: FunctionLowering,
  node: Extract<Expression, { type: 'LogicalExpression' }>,
  wanted: Wanted,
): Expr {
  const right = value(to, node.right, wanted);
  if (wanted !== 'i32') return fail('a float chosen by a logical operator', node);
  if (node.operator === '&&')
    return {
      op: 'if',
      type: 'i32',
      test: test(to, node.left),
      consequent: right,
      alternate: i32(0),
    };
  if (node.operator !== '||') return fail(`the operator ${node.operator}`, node);
  const left = to.hold(test(to, node.left));
  return { op: 'if', type: 'i32', test: left.tee, consequent: left.get, alternate: right };
}

/** An assignment whose value is used: that of the right side, before any narrowing store. */
function assignment(
  to: FunctionLowering,
  node: Extract<Expression, { type: 'AssignmentExpression' }>,
  wanted: Wanted,
): Expr {
  if (node.left.type === 'MemberExpression') {
    if (node.operator !== '=') return fail(`${node.operator} on an element`, node);
    const { before, result } = storeElement(to, node.left, node.right, wanted);
    return sequence(before, result);
  }
  const target = to.program.variable(to.fn, node.left);
  if ('local' in target) {
    const type = typeOfVariable(target) as Wanted;
    const assigned = assignedValue(to, node, type);
    // `x |= 0` where x is an i32 already.
    if (assigned.op === 'local.get' && assigned.local === target.local) return assigned;
    return { op: 'local.tee', type, local: target.local, value: assigned };
  }
  const held = to.hold(assignedValue(to, node, 'i32'));
  return sequence(
    [held.set, { op: 'global.set', global: target.variable, value: held.get }],
    held.get,
  );
}

/** What is assigned: the right side, or `left operator right` for `left operator= right`. */
export function assignedValue(
  to: FunctionLowering,
  node: Extract<Expression, { type: 'AssignmentExpression' }>,
  type: Wanted,
): Expr {
  if (node.operator === '=') return value(to, node.right, type);
  const left = operand(node.left);
  return binaryOperator(to, node.operator.slice(0, -1), left, node.right, node);
}

/** `a / b` and `a % b` of integers, coerced at once; the double in between is exact enough. */
function integerDivision(
  to: FunctionLowering,
  operator: '/' | '%',
  left: Expression,
  right: Expression,
): Expr | undefined {
  const [a, b] = [to.range(left), to.range(right)];
  if (a.kind !== 'int' || b.kind !== 'int') return undefined;
  const signed = isSigned(a) && isSigned(b);
  if (!signed && !(isUnsigned(a) && isUnsigned(b)))
    return fail('a division of a signed by an unsigned integer', left);
  const name = operator === '/' ? 'div' : 'rem';
  const [x, y] = [value(to, left, 'i32'), value(to, right, 'i32')];
  // By a constant it cannot trap; any other divisor may be zero.
  if (y.op === 'const' && y.value !== 0 && y.value !== -1)
    return binary(signed ? `i32.${name}_s` : `i32.${name}_u`, 'i32', x, y);
  const callee = to.runtime.functions[`${name}_${signed ? 's' : 'u'}` as const];
  return { op: 'call', type: 'i32', callee, args: [x, y] };
}
