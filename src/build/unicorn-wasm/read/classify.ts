/** Names declared at the head of the module: heap views, Math functions, imports, globals. */
import type { Expression, FunctionExpression, VariableDeclarator } from 'acorn';
import type { GlobalVariable } from '../ir.js';
import {
  type Binding,
  HEAP_VIEWS,
  type Import,
  importSignature,
  MATH_FUNCTIONS,
  type MathFunction,
} from './bindings.js';
import { isNamed } from './functions.js';
import { TranslateError } from './source.js';

export interface ModuleFrame {
  readonly bindings: Map<string, Binding>;
  readonly imports: Import[];
  readonly globals: GlobalVariable[];
  initialPages: number;
  /** The name of the ArrayBuffer. */
  buffer: string | undefined;
  /** Names of the objects that imports are taken from, with the import module they stand for. */
  readonly namespaces: Map<string, string>;
}

const PAGE = 65536;

export function classify(
  { id, init }: VariableDeclarator,
  module: FunctionExpression,
  frame: ModuleFrame,
): void {
  if (id.type !== 'Identifier' || !init)
    throw new TranslateError('an unusual declaration', id.start);
  const value = lastOf(init);
  const binding =
    constant(value, frame) ??
    (value.type === 'NewExpression' ? memory(id.name, value, frame) : undefined) ??
    (value.type === 'MemberExpression' ? member(id.name, value, module, frame) : undefined);
  if (binding === undefined)
    throw new TranslateError(`a ${value.type} at the head of the module`, value.start);
  // The name may hide one of the outer function.
  if (binding === 'known') frame.bindings.delete(id.name);
  else frame.bindings.set(id.name, binding);
}

/** `(Math.max, Math.floor)`: names that the package does not use are left in front. */
function lastOf(init: Expression): Expression {
  return init.type === 'SequenceExpression' ? init.expressions.at(-1)! : init;
}

function constant(value: Expression, frame: ModuleFrame): Binding | undefined {
  if (value.type !== 'Literal' || typeof value.value !== 'number') return undefined;
  if ((value.value | 0) !== value.value)
    throw new TranslateError(`the global value ${value.value} is no i32`, value.start);
  const variable: GlobalVariable = { type: 'i32', initial: value.value, index: -1 };
  frame.globals.push(variable);
  return { kind: 'global', variable, assigned: false };
}

function memory(
  name: string,
  value: Extract<Expression, { type: 'NewExpression' }>,
  frame: ModuleFrame,
): Binding | 'known' | undefined {
  const [argument] = value.arguments;
  if (value.callee.type !== 'Identifier' || value.arguments.length !== 1) return undefined;
  if (value.callee.name === 'ArrayBuffer' && argument?.type === 'Literal') {
    frame.initialPages = Number(argument.value) / PAGE;
    frame.buffer = name;
    return 'known';
  }
  const view = HEAP_VIEWS[value.callee.name];
  if (!view || argument?.type !== 'Identifier' || argument.name !== frame.buffer) return undefined;
  return { kind: 'heap', view };
}

function member(
  name: string,
  { object, property }: Extract<Expression, { type: 'MemberExpression' }>,
  module: FunctionExpression,
  frame: ModuleFrame,
): Binding | 'known' | undefined {
  if (object.type !== 'Identifier' || property.type !== 'Identifier') return undefined;
  if (object.name === 'Math') {
    const known = MATH_FUNCTIONS.find((fn) => fn === property.name);
    return known && { kind: 'math', name: known satisfies MathFunction };
  }
  if (isNamed(module.params[0]!, object.name)) {
    frame.namespaces.set(name, property.name);
    return 'known';
  }
  const space = frame.namespaces.get(object.name);
  const signature = importSignature(property.name);
  if (space === undefined || signature === undefined) return undefined;
  const found: Import = {
    module: space,
    name: property.name,
    callable: { signature, index: -1 },
  };
  frame.imports.push(found);
  return { kind: 'import', import: found };
}
