/** Expressions for what they do; their value is not used. */
import type { Expression } from 'acorn';
import { type Expr, isPure, type Stmt, unary } from '../ir.js';
import { fail, operand } from '../read/program.js';
import { callEffect } from './lower-call.js';
import { assignedValue, test, value, type Wanted } from './lower-expression.js';
import { type FunctionLowering, typeOfVariable } from './lower-function.js';
import { storeStatement } from './lower-memory.js';

export function effect(to: FunctionLowering, node: Expression): Stmt[] {
  switch (node.type) {
    case 'Literal':
    case 'Identifier':
      return [];
    case 'SequenceExpression':
      return node.expressions.flatMap((part) => effect(to, part));
    case 'UnaryExpression':
      return effect(to, node.argument);
    case 'BinaryExpression':
      return [...effect(to, operand(node.left)), ...effect(to, node.right)];
    case 'MemberExpression':
      return discard(value(to, node, to.range(node).kind === 'f64' ? 'f64' : 'i32'));
    case 'AssignmentExpression':
      return [assign(to, node)].flat();
    case 'ConditionalExpression':
      return choose(test(to, node.test), effect(to, node.consequent), effect(to, node.alternate));
    case 'LogicalExpression': {
      const left = test(to, node.left);
      const right = effect(to, node.right);
      if (node.operator === '&&') return choose(left, right, []);
      if (node.operator === '||') return choose(not(left), right, []);
      return fail(`the operator ${node.operator}`, node);
    }
    case 'CallExpression':
      return [callEffect(to, node)];
  }
  return fail(`a ${node.type}`, node);
}

function assign(
  to: FunctionLowering,
  node: Extract<Expression, { type: 'AssignmentExpression' }>,
): Stmt | [] {
  if (node.left.type === 'MemberExpression') {
    if (node.operator !== '=') return fail(`${node.operator} on an element`, node);
    return storeStatement(to, node.left, node.right);
  }
  const target = to.program.variable(to.fn, node.left);
  if (!('local' in target))
    return { op: 'global.set', global: target.variable, value: assignedValue(to, node, 'i32') };
  const { local } = target;
  const assigned = assignedValue(to, node, typeOfVariable(target) as Wanted);
  // `x |= 0` where x is an i32 already.
  if (assigned.op === 'local.get' && assigned.local === local) return [];
  return { op: 'local.set', local, value: assigned };
}

/** `if`, without what an empty branch would cost. */
export function choose(
  condition: Expr,
  consequent: readonly Stmt[],
  alternate: readonly Stmt[],
): Stmt[] {
  if (consequent.length === 0 && alternate.length === 0) return discard(condition);
  if (consequent.length === 0)
    return [{ op: 'if.void', test: not(condition), consequent: alternate, alternate: [] }];
  return [{ op: 'if.void', test: condition, consequent, alternate }];
}

export function not(condition: Expr): Expr {
  return unary('i32.eqz', 'i32', condition);
}

function discard(expr: Expr): Stmt[] {
  return isPure(expr) ? [] : [{ op: 'drop', value: expr }];
}
