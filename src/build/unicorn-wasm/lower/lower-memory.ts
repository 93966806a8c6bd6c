/** Elements of heap views as loads and stores. */
import type { Expression, MemberExpression } from 'acorn';
import { type Expr, i32, type Stmt, unary } from '../ir.js';
import { fail, operand } from '../read/program.js';
import { bits, value, type Wanted } from './lower-expression.js';
import type { FunctionLowering } from './lower-function.js';

/**
 * Only below this a constant goes into an instruction's offset, which unlike a sum does not wrap:
 * no object of the program has a constant address there (the stack has none), so the rest of the
 * sum is an address already and not, say, a negative index.
 */
const OFFSET_LIMIT = 65536;

interface Place {
  readonly address: Expr;
  readonly offset: number;
}

export function lowerElement(to: FunctionLowering, node: MemberExpression): Expr {
  const element = to.program.element(to.fn, node);
  if (element.kind !== 'heap') return fail('a read of the scratch word as a float', node);
  const { load, shift, range } = element.view;
  return { op: 'load', type: range ? 'i32' : 'f64', access: load, ...place(to, node, shift) };
}

export function storeStatement(
  to: FunctionLowering,
  node: MemberExpression,
  right: Expression,
): Stmt {
  const element = to.program.element(to.fn, node);
  if (element.kind === 'scratchF32') {
    if (node.property.type !== 'Literal' || node.property.value !== 2)
      return fail('an f32 in another place than scratch slot 2', node);
    const single = unary('f32.demote_f64', 'f64', value(to, right, 'f64'));
    return {
      op: 'global.set',
      global: to.runtime.scratchF32,
      value: unary('i32.reinterpret_f32', 'i32', single),
    };
  }
  const { store, shift, range } = element.view;
  const stored = place(to, node, shift);
  return {
    op: 'store',
    access: store,
    ...stored,
    value: storedValue(to, right, range ? 'i32' : 'f64'),
  };
}

/** A store whose value is used as well: the address is evaluated first, as JavaScript does. */
export function storeElement(
  to: FunctionLowering,
  node: MemberExpression,
  right: Expression,
  wanted: Wanted,
): { before: Stmt[]; result: Expr } {
  const element = to.program.element(to.fn, node);
  if (element.kind !== 'heap') return fail('the value of a store to the scratch word', node);
  const { store, shift, range } = element.view;
  const type = range ? 'i32' : 'f64';
  if (type !== wanted) return fail('the value of a store as another type', node);
  const { address, offset } = place(to, node, shift);
  const base = to.hold(address);
  const held = to.hold(storedValue(to, right, type));
  const write: Stmt = { op: 'store', access: store, address: base.get, offset, value: held.get };
  return { before: [base.set, held.set, write], result: held.get };
}

/** What a store keeps of a number are its low bits, as the bit operators do. */
function storedValue(to: FunctionLowering, right: Expression, type: Wanted): Expr {
  return type === 'i32' && to.range(right).kind === 'int'
    ? bits(to, right)
    : value(to, right, type);
}

/** `view[x >> shift]` with x in bytes, or `view[constant]` with the constant in elements. */
function place(to: FunctionLowering, { property }: MemberExpression, shift: number): Place {
  const index = operand(property);
  if (index.type === 'Literal')
    return { address: i32(Number(index.value) * 2 ** shift), offset: 0 };
  if (shift === 0) return split(to, index);
  if (index.type === 'BinaryExpression' && index.operator === '>>')
    if (index.right.type === 'Literal' && index.right.value === shift)
      return split(to, operand(index.left));
  return fail('an element that is not addressed by its place in bytes', index);
}

/** Separates `x + constant` into an address and an offset. */
function split(to: FunctionLowering, node: Expression): Place {
  const constants: number[] = [];
  let rest = node;
  for (;;) {
    if (rest.type !== 'BinaryExpression') break;
    const [left, right]: Expression[] = [operand(rest.left), rest.right];
    const inner = constantSide(left!, right!) ?? constantSide(right!, left!);
    if (!inner) break;
    const coercion = rest.operator === '|' && inner.constant === 0;
    if (!coercion && rest.operator !== '+') break;
    const total = inner.constant + constants.reduce((sum, constant) => sum + constant, 0);
    if (total >= OFFSET_LIMIT) break;
    constants.push(inner.constant);
    rest = inner.other;
  }
  const offset = constants.reduce((sum, constant) => sum + constant, 0);
  const address = bits(to, rest);
  if (address.op === 'const') return { address: i32(address.value + offset), offset: 0 };
  return { address, offset };
}

function constantSide(
  side: Expression,
  other: Expression,
): { constant: number; other: Expression } | undefined {
  if (side.type !== 'Literal' || typeof side.value !== 'number') return undefined;
  return { constant: side.value, other };
}
