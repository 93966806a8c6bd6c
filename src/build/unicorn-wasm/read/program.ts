/** The module being translated, as inference and lowering see it: names and calls resolved. */
import type {
  CallExpression,
  Expression,
  Function as FunctionNode,
  Identifier,
  MemberExpression,
  Node,
} from 'acorn';
import type { Binding } from './bindings.js';
import type { FunctionInfo, Variable } from './functions.js';
import type { ModuleShape } from './module-shape.js';
import { TranslateError } from './source.js';

export type Target =
  | { readonly kind: 'function'; readonly fn: FunctionInfo }
  | { readonly kind: 'table'; readonly index: Expression }
  | Extract<Binding, { kind: 'import' | 'math' | 'intrinsic' }>;

export class SourceProgram {
  readonly shape: ModuleShape;

  constructor(shape: ModuleShape) {
    this.shape = shape;
  }

  /** A local variable of the function, or what the module binds the name to. */
  resolve(fn: FunctionInfo, id: Identifier): Variable | Binding {
    const found = fn.variables.get(id.name) ?? this.shape.bindings.get(id.name);
    if (found === undefined) return fail(`the unknown name ${id.name}`, id);
    return found;
  }

  variable(fn: FunctionInfo, id: Node): Variable | Extract<Binding, { kind: 'global' }> {
    if (id.type !== 'Identifier') return fail(`an assignment to a ${id.type}`, id);
    const found = this.resolve(fn, id as Identifier);
    if ('local' in found || found.kind === 'global') return found;
    return fail(`the ${found.kind} ${(id as Identifier).name} as a variable`, id);
  }

  /** What `view[...]` accesses: a heap view, the table, or the scratch word for an f32. */
  element(
    fn: FunctionInfo,
    node: MemberExpression,
  ): Extract<Binding, { kind: 'heap' | 'scratchF32' }> {
    if (node.object.type === 'Identifier' && node.computed) {
      const found = this.resolve(fn, node.object);
      if ('kind' in found && (found.kind === 'heap' || found.kind === 'scratchF32')) return found;
    }
    return fail('an element of something that is no heap view', node);
  }

  target(fn: FunctionInfo, { callee }: CallExpression): Target {
    if (callee.type === 'FunctionExpression') return { kind: 'function', fn: this.info(callee) };
    if (callee.type === 'Identifier') {
      const found = this.resolve(fn, callee);
      if ('kind' in found) {
        const { kind } = found;
        if (kind === 'function' || kind === 'import' || kind === 'math' || kind === 'intrinsic')
          return found;
      }
    }
    if (
      callee.type === 'MemberExpression' &&
      callee.computed &&
      callee.object.type === 'Identifier'
    ) {
      const found = this.resolve(fn, callee.object);
      if ('kind' in found && found.kind === 'table' && callee.property.type !== 'PrivateIdentifier')
        return { kind: 'table', index: callee.property };
    }
    return fail(`a call of a ${callee.type}`, callee);
  }

  info(node: FunctionNode): FunctionInfo {
    return this.shape.functions.get(node) ?? fail('a function that was not collected', node);
  }
}

export function fail(what: string, node: { start: number }): never {
  throw new TranslateError(`cannot translate ${what}`, node.start);
}

/** Call arguments, all plain expressions. */
export function argumentsOf(call: CallExpression): readonly Expression[] {
  for (const arg of call.arguments)
    if (arg.type === 'SpreadElement') fail('a spread argument', arg);
  return call.arguments as Expression[];
}

/** The left side of a binary operator, which acorn's types allow to be a private name. */
export function operand(node: Node): Expression {
  if (node.type === 'PrivateIdentifier') return fail('a private name', node);
  return node as Expression;
}
