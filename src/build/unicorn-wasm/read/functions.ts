/**
 * The functions of the module: declarations, entries of the table, exports written in place, and
 * functions that the minifier moved into their only call (`function (a) {...}(x)`), which become
 * functions again. None captures a variable of another; that is checked when names are resolved.
 */
import type {
  AssignmentExpression,
  CallExpression,
  Function as FunctionNode,
  Identifier,
  ReturnStatement,
  VariableDeclarator,
} from 'acorn';
import type { Callable } from '../ir.js';
import { TranslateError, visit } from './source.js';
import { NOTHING, type ValueRange } from './value-range.js';

export interface Variable {
  readonly name: string;
  /** Place among the locals; parameters come first. */
  readonly local: number;
  /** What can be in it, as far as inference has come. */
  range: ValueRange;
  /** For a parameter that the function coerces before use: its callers do not matter. */
  coerced: boolean;
}

/** Where values flow: into variables, out of the function, into calls. */
export type Flow = VariableDeclarator | AssignmentExpression | ReturnStatement | CallExpression;

export interface FunctionInfo {
  readonly node: FunctionNode;
  readonly body: FunctionNode['body'] & { type: 'BlockStatement' };
  readonly params: readonly Variable[];
  readonly variables: ReadonlyMap<string, Variable>;
  readonly callable: Callable;
  /** Called through the table: returns an i32 whatever it returned before. */
  inTable: boolean;
  result: ValueRange;
  /** The nodes that inference looks at again and again, in source order. */
  readonly flows: readonly Flow[];
  /** Functions to infer again when this one's result becomes wider. */
  readonly callers: Set<FunctionInfo>;
}

export function describeFunction(node: FunctionNode): FunctionInfo {
  if (node.body.type !== 'BlockStatement' || node.async || node.generator)
    throw new TranslateError('an arrow, async or generator function', node.start);
  const variables = new Map<string, Variable>();
  const declare = (id: { type: string; name?: string; start: number }): Variable => {
    if (id.type !== 'Identifier' || id.name === undefined)
      throw new TranslateError(`a ${id.type} where a name is declared`, id.start);
    if (variables.has(id.name))
      throw new TranslateError(`${id.name} is declared twice in one function`, id.start);
    const variable = { name: id.name, local: variables.size, range: NOTHING, coerced: false };
    variables.set(id.name, variable);
    return variable;
  };
  const params = node.params.map(declare);
  const flows: Flow[] = [];
  visitOwn(node, (inner) => {
    switch (inner.type) {
      case 'VariableDeclaration':
        if (inner.kind !== 'var')
          throw new TranslateError(`a ${inner.kind} declaration`, inner.start);
        break;
      case 'VariableDeclarator':
        declare(inner.id);
        if (inner.init) flows.push(inner);
        break;
      case 'AssignmentExpression':
        if (inner.left.type === 'Identifier') flows.push(inner);
        break;
      case 'ReturnStatement':
        if (inner.argument) flows.push(inner);
        break;
      case 'CallExpression':
        flows.push(inner);
    }
  });
  return {
    node,
    body: node.body,
    params,
    variables,
    callable: { signature: { params: [], result: undefined }, index: -1 },
    inTable: false,
    result: NOTHING,
    flows,
    callers: new Set(),
  };
}

/** Visits what belongs to a function itself, in source order, leaving out functions inside it. */
export function visitOwn(fn: FunctionNode, see: (node: Parameters<typeof visit>[0]) => void): void {
  visit(fn.body, (node) => {
    if (node.type === 'FunctionDeclaration')
      throw new TranslateError('a function declared inside a function', node.start);
    if (node.type === 'FunctionExpression') return false;
    see(node);
    return true;
  });
}

/** The functions written at their only call inside `root`, outermost first. */
export function callsInPlace(root: FunctionNode): FunctionNode[] {
  const found: FunctionNode[] = [];
  const called = new Set<unknown>();
  visit(root.body, (node) => {
    if (node.type === 'CallExpression') called.add((node as CallExpression).callee);
    if (node.type === 'FunctionExpression') {
      if (!called.has(node)) throw new TranslateError('a function used as a value', node.start);
      found.push(node);
    }
    return true;
  });
  return found;
}

export function isNamed(node: { type: string }, name: string): node is Identifier {
  return node.type === 'Identifier' && (node as Identifier).name === name;
}
