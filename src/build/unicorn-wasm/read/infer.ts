/**
 * Finds the ranges of all variables, parameters and results: a fix-point over the call graph.
 *
 * Everything starts as `nothing`; assignments, arguments and returned values widen it; what reads a
 * widened thing is looked at again. The lattice is low, so few rounds suffice.
 */
import type { AnyNode, CallExpression, Expression, ReturnStatement } from 'acorn';
import type { Binding } from './bindings.js';
import { type FunctionInfo, isNamed, type Variable, visitOwn } from './functions.js';
import { rangeOf } from './infer-value.js';
import { argumentsOf, fail, operand, type SourceProgram } from './program.js';
import { FLOAT, SIGNED, sameRange, type ValueRange, widen } from './value-range.js';

export function infer(program: SourceProgram): void {
  const all = [...program.shape.functions.values()];
  for (const fn of all) findCoercions(fn);
  // A set keeps insertion order: functions are taken first in, first out.
  const work = new Set(all);
  for (const fn of work) {
    work.delete(fn);
    inferFunction(program, fn, (other) => work.add(other));
  }
  for (const fn of all) settle(fn);
}

/**
 * `A |= 0` or `A = +A` at a parameter's first mention, as wasm2js begins every function: whatever
 * its callers pass, this is what the function sees.
 */
function findCoercions(fn: FunctionInfo): void {
  const unseen = new Map(fn.params.map((param) => [param.name, param]));
  visitOwn(fn.node, (node: AnyNode) => {
    if (node.type === 'AssignmentExpression' && node.left.type === 'Identifier') {
      const param = unseen.get(node.left.name);
      const range = param && coercion(node.operator, node.left.name, node.right);
      if (param && range) {
        param.range = range;
        param.coerced = true;
      }
    }
    if (node.type === 'Identifier') unseen.delete(node.name);
  });
}

function coercion(operator: string, name: string, right: Expression): ValueRange | undefined {
  if (operator === '|=' && right.type === 'Literal' && right.value === 0) return SIGNED;
  if (operator !== '=' || right.type !== 'UnaryExpression' || right.operator !== '+')
    return undefined;
  return isNamed(right.argument, name) ? FLOAT : undefined;
}

function inferFunction(
  program: SourceProgram,
  fn: FunctionInfo,
  again: (fn: FunctionInfo) => void,
): void {
  const of = (node: Expression): ValueRange => rangeOf(program, fn, node);
  let changed = false;
  const assign = (to: Variable | Extract<Binding, { kind: 'global' }>, from: Expression): void => {
    const range = of(from);
    if ('local' in to) changed = widenVariable(to, range, from) || changed;
    else to.assigned = true;
  };
  do {
    changed = false;
    for (const node of fn.flows) {
      if (node.type === 'VariableDeclarator') {
        if (node.init) assign(program.variable(fn, node.id), node.init);
      } else if (node.type === 'AssignmentExpression') {
        assign(program.variable(fn, node.left), node);
      } else if (node.type === 'CallExpression') {
        inferCall(program, fn, node, again);
      } else if (node.argument && widenResult(fn, of(node.argument), node)) {
        for (const caller of fn.callers) again(caller);
      }
    }
  } while (changed);
}

function widenResult(fn: FunctionInfo, range: ValueRange, node: ReturnStatement): boolean {
  const before = fn.result;
  const wider = widen(before, range);
  if (!wider) return fail('a function that returns integers and floats', node);
  fn.result = wider;
  return !sameRange(before, wider);
}

function inferCall(
  program: SourceProgram,
  fn: FunctionInfo,
  node: CallExpression,
  again: (fn: FunctionInfo) => void,
): void {
  const target = program.target(fn, node);
  if (target.kind !== 'function') return;
  target.fn.callers.add(fn);
  argumentsOf(node).forEach((arg, i) => {
    const param = target.fn.params[i];
    if (!param) fail(`a call with ${i + 1} arguments of a function that takes fewer`, node);
    if (param && !param.coerced && widenVariable(param, rangeOf(program, fn, operand(arg)), arg))
      again(target.fn);
  });
}

function widenVariable(variable: Variable, range: ValueRange, from: Expression): boolean {
  const wider = widen(variable.range, range);
  if (!wider) return fail(`${variable.name}, an integer and a float in one variable,`, from);
  const before = variable.range;
  variable.range = wider;
  return !sameRange(before, wider);
}

/** Fixes the signature. What nothing was ever put into is an integer. */
function settle(fn: FunctionInfo): void {
  const type = (range: ValueRange): 'i32' | 'f64' => (range.kind === 'f64' ? 'f64' : 'i32');
  for (const variable of fn.variables.values())
    if (variable.range.kind === 'nothing') variable.range = SIGNED;
  const result = fn.result.kind === 'nothing' ? undefined : type(fn.result);
  if (fn.inTable && result === 'f64') fail('a function in the table that returns a float', fn.node);
  const signature = {
    params: fn.params.map((param) => type(param.range)),
    // A call through the table does not say whether a result is expected: there is always one.
    result: fn.inTable ? ('i32' as const) : result,
  };
  fn.callable.signature = signature;
}
