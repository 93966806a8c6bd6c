/** Values of expressions: sums of labels while addresses are unknown, numbers once they are known. */
import { StatementError } from '../assembly-error.js';
import type { Expression } from './expression.js';

/** A sum of places (by anchor number, each with a factor) and a constant. */
export interface LinearValue {
  readonly constant: bigint;
  readonly anchors: ReadonlyMap<number, bigint>;
}

/** What names stand for. Both throw a StatementError for one that stands for nothing. */
export interface Names {
  /** Undefined when the name stands for something that is no sum of places. */
  linear(name: string, offset: number): LinearValue | undefined;
  number(name: string, offset: number): bigint;
  /** Told of each step before it is made; throws when there were too many. */
  spend(steps: number): void;
}

export function constantValue(constant: bigint): LinearValue {
  return { constant, anchors: new Map() };
}

export function anchorValue(anchor: number, constant = 0n): LinearValue {
  return { constant, anchors: new Map([[anchor, 1n]]) };
}

/** The value as a sum of places, or undefined when it is none (a product of labels, a shift). */
export function evaluateLinear(expression: Expression, names: Names): LinearValue | undefined {
  names.spend(1);
  switch (expression.kind) {
    case 'number':
      return constantValue(expression.value);
    case 'symbol':
      return names.linear(expression.name, expression.offset);
    case 'unary': {
      const of = evaluateLinear(expression.of, names);
      if (of === undefined || expression.op === '+') return of;
      if (expression.op === '-') return scale(of, -1n);
      return of.anchors.size > 0 ? undefined : constantValue(unary(expression.op, of.constant));
    }
    case 'binary': {
      const left = evaluateLinear(expression.left, names);
      const right = evaluateLinear(expression.right, names);
      if (left === undefined || right === undefined) return undefined;
      names.spend(left.anchors.size + right.anchors.size);
      return combine(expression.op, left, right);
    }
  }
}

/** The value as a number; `names.number` knows the addresses. */
export function evaluateNumber(expression: Expression, names: Names): bigint {
  names.spend(1);
  switch (expression.kind) {
    case 'number':
      return expression.value;
    case 'symbol':
      return names.number(expression.name, expression.offset);
    case 'unary':
      return unary(expression.op, evaluateNumber(expression.of, names));
    case 'binary': {
      const left = evaluateNumber(expression.left, names);
      return binary(expression.op, left, evaluateNumber(expression.right, names));
    }
  }
}

function combine(op: string, left: LinearValue, right: LinearValue): LinearValue | undefined {
  if (op === '+') return add(left, right);
  if (op === '-') return add(left, scale(right, -1n));
  if (left.anchors.size === 0 && right.anchors.size === 0) {
    return constantValue(binary(op, left.constant, right.constant));
  }
  if (op === '*' && left.anchors.size === 0) return scale(right, left.constant);
  if (op === '*' && right.anchors.size === 0) return scale(left, right.constant);
  return undefined;
}

function add(left: LinearValue, right: LinearValue): LinearValue {
  const anchors = new Map(left.anchors);
  for (const [anchor, factor] of right.anchors) {
    const sum = (anchors.get(anchor) ?? 0n) + factor;
    if (sum === 0n) anchors.delete(anchor);
    else anchors.set(anchor, sum);
  }
  return { constant: checkedSize(left.constant + right.constant), anchors };
}

function scale(value: LinearValue, factor: bigint): LinearValue {
  if (factor === 0n) return constantValue(0n);
  const anchors = new Map(
    [...value.anchors].map(([anchor, by]) => [anchor, checkedSize(by * factor)] as const),
  );
  return { constant: checkedSize(value.constant * factor), anchors };
}

function unary(op: string, value: bigint): bigint {
  if (op === '-') return -value;
  if (op === '~') return ~value;
  if (op === '!') return value === 0n ? 1n : 0n;
  return value;
}

const truth = (value: boolean): bigint => (value ? 1n : 0n);

/** By mark: there is one for each that PRECEDENCE of expression.ts knows. */
const BINARY: Readonly<Record<string, (left: bigint, right: bigint) => bigint>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / divisor(b),
  '%': (a, b) => a % divisor(b),
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
  '<<': (a, b) => a << shiftCount(b),
  '>>': (a, b) => a >> shiftCount(b),
  '==': (a, b) => truth(a === b),
  '!=': (a, b) => truth(a !== b),
  '<': (a, b) => truth(a < b),
  '<=': (a, b) => truth(a <= b),
  '>': (a, b) => truth(a > b),
  '>=': (a, b) => truth(a >= b),
  '&&': (a, b) => truth(a !== 0n && b !== 0n),
  '||': (a, b) => truth(a !== 0n || b !== 0n),
};

function binary(op: string, left: bigint, right: bigint): bigint {
  return checkedSize(BINARY[op]!(left, right));
}

/** Repeated squaring and doubling by macros must not eat the host's memory. */
function checkedSize(value: bigint): bigint {
  if (BigInt.asIntN(256, value) === value) return value;
  throw new StatementError('this value is too large');
}

function divisor(value: bigint): bigint {
  if (value === 0n) throw new StatementError('division by zero');
  return value;
}

function shiftCount(value: bigint): bigint {
  if (value < 0n || value > 128n) throw new StatementError(`a shift by ${value} makes no sense`);
  return value;
}
