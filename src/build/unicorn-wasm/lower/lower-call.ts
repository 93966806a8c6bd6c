/** Calls: direct, through the table, of imports, of Math functions and of the frame's helpers. */
import type { CallExpression, Expression } from 'acorn';
import {
  binary,
  type Callable,
  type Expr,
  i32,
  isSimple,
  type Stmt,
  sequence,
  unary,
} from '../ir.js';
import type { Intrinsic, MathFunction } from '../read/bindings.js';
import { argumentsOf, fail } from '../read/program.js';
import { bits, value, type Wanted } from './lower-expression.js';
import type { FunctionLowering } from './lower-function.js';

/** A call for its value. */
export function lowerCall(to: FunctionLowering, node: CallExpression): Expr {
  const call = anyCall(to, node);
  if ('type' in call) return call;
  return fail('the value of a call that has none', node);
}

/** A call for what it does. */
export function callEffect(to: FunctionLowering, node: CallExpression): Stmt {
  const call = anyCall(to, node);
  return 'type' in call ? { op: 'drop', value: call } : call;
}

function anyCall(to: FunctionLowering, node: CallExpression): Expr | Stmt {
  const target = to.program.target(to.fn, node);
  const args = argumentsOf(node);
  switch (target.kind) {
    case 'function': {
      const call = direct(to, target.fn.callable, args, node);
      // A function of the table returns an i32 even where the source returns nothing.
      const made = target.fn.result.kind === 'nothing' && 'type' in call;
      return made ? { op: 'drop', value: call } : call;
    }
    case 'import':
      return direct(to, target.import.callable, args, node);
    case 'table':
      return indirect(to, target.index, args);
    case 'math':
      return mathCall(to, target.name, args, node);
    case 'intrinsic':
      return intrinsicCall(to, target.name, args, node);
  }
}

function direct(
  to: FunctionLowering,
  callee: Callable,
  args: readonly Expression[],
  node: CallExpression,
): Expr | Stmt {
  const { params, result } = callee.signature;
  if (params.length < args.length)
    return fail(`a call with ${args.length} arguments of a function with ${params.length}`, node);
  const values = params.map((type, i) => {
    const arg = args[i];
    if (arg) return value(to, arg, type as Wanted);
    // The minifier drops arguments that are not read; an undefined one is the integer zero.
    return type === 'i32' ? i32(0) : fail('a call without one of its float arguments', node);
  });
  return result === undefined
    ? { op: 'call.void', callee, args: values }
    : { op: 'call', type: result, callee, args: values };
}

/** Whether a result is expected cannot be seen here, so every function of the table has one. */
function indirect(to: FunctionLowering, slot: Expression, args: readonly Expression[]): Expr {
  const params = args.map((arg) => (to.range(arg).kind === 'f64' ? 'f64' : 'i32'));
  const signature = { params, result: 'i32' as const };
  const index = bits(to, slot);
  const values = args.map((arg, i) => value(to, arg, params[i]!));
  const call = { op: 'call_indirect', type: 'i32', signature, args: values } as const;
  // JavaScript evaluates the index before the arguments, WebAssembly after them.
  if (index.op === 'const' || (isSimple(index) && values.every(isSimple)))
    return { ...call, index };
  const held = to.hold(index);
  return sequence([held.set], { ...call, index: held.get });
}

function mathCall(
  to: FunctionLowering,
  name: MathFunction,
  args: readonly Expression[],
  node: CallExpression,
): Expr {
  const [first, second] = args;
  if (!first || args.length !== (name === 'imul' || name === 'min' ? 2 : 1))
    return fail(`Math.${name} with ${args.length} arguments`, node);
  switch (name) {
    case 'imul':
      return binary('i32.mul', 'i32', bits(to, first), bits(to, second!));
    case 'clz32':
      return unary('i32.clz', 'i32', bits(to, first));
    case 'min':
      return binary('f64.min', 'f64', value(to, first, 'f64'), value(to, second!, 'f64'));
    case 'fround': {
      const single = unary('f32.demote_f64', 'f64', value(to, first, 'f64'));
      return unary('f64.promote_f32', 'f64', single);
    }
    case 'abs':
    case 'ceil':
    case 'floor':
      return unary(`f64.${name}`, 'f64', value(to, first, 'f64'));
  }
}

function intrinsicCall(
  to: FunctionLowering,
  name: Intrinsic,
  args: readonly Expression[],
  node: CallExpression,
): Expr | Stmt {
  switch (name) {
    case 'unreachable':
      return { op: 'unreachable' };
    case 'memory.size':
      return { op: 'memory.size', type: 'i32' };
    case 'memory.copy':
    case 'memory.fill': {
      const [a, b, c] = args.map((arg) => bits(to, arg));
      if (!a || !b || !c) return fail(`${name} with ${args.length} arguments`, node);
      return { op: name, args: [a, b, c] };
    }
    default:
      return direct(to, to.runtime.functions[name], args, node);
  }
}
