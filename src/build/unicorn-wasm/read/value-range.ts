/**
 * What inference knows about a JavaScript value: whether it is an integer or a floating-point
 * number, and between which bounds an integer lies.
 *
 * The bounds matter because WebAssembly has one i32 for what JavaScript sees as different numbers:
 * `a + b` may leave the 32-bit range until it is coerced, `x >>> 0` is unsigned. A comparison is
 * translated only when both sides are known to be signed, or both unsigned.
 */
import { TranslateError } from './source.js';

export interface ValueRange {
  readonly kind: 'nothing' | 'int' | 'f64';
  readonly low: number;
  readonly high: number;
  /** Made of integer literals only: it may also stand where a floating-point number is wanted. */
  readonly literal: boolean;
}

const MIN_SIGNED = -(2 ** 31);
const MAX_SIGNED = 2 ** 31 - 1;
const MAX_UNSIGNED = 2 ** 32 - 1;

export const NOTHING: ValueRange = { kind: 'nothing', low: 0, high: 0, literal: false };
export const FLOAT: ValueRange = { kind: 'f64', low: 0, high: 0, literal: false };
export const SIGNED = integer(MIN_SIGNED, MAX_SIGNED);
export const UNSIGNED = integer(0, MAX_UNSIGNED);
export const BOOLEAN = integer(0, 1);
/** Signed at one place and unsigned at another. */
const EITHER = integer(MIN_SIGNED, MAX_UNSIGNED);
/** Bits only: the number may be outside both 32-bit ranges until it is coerced. */
const WIDE = integer(-(2 ** 40), 2 ** 40);

const STEPS = [BOOLEAN, SIGNED, UNSIGNED, EITHER, WIDE];

export function integer(low: number, high: number): ValueRange {
  return { kind: 'int', low, high, literal: false };
}

export function literal(value: number): ValueRange {
  // -0 is no integer: an i32 would lose its sign.
  if (!Number.isInteger(value) || Object.is(value, -0) || Math.abs(value) > MAX_UNSIGNED)
    return FLOAT;
  return { kind: 'int', low: value, high: value, literal: true };
}

export const isSigned = (range: ValueRange): boolean =>
  range.kind === 'int' && range.low >= MIN_SIGNED && range.high <= MAX_SIGNED;
export const isUnsigned = (range: ValueRange): boolean =>
  range.kind === 'int' && range.low >= 0 && range.high <= MAX_UNSIGNED;

/** No multiple of 2^32 but zero is in the range: the low 32 bits are zero only when the value is. */
export const hasTruthInBits = (range: ValueRange): boolean =>
  range.kind === 'int' && range.low > -(2 ** 32) && range.high < 2 ** 32;

/** The bounds of either. Undefined when one is an integer and the other is not. */
export function join(a: ValueRange, b: ValueRange): ValueRange | undefined {
  if (a.kind === 'nothing') return b;
  if (b.kind === 'nothing') return a;
  if (a.kind === 'int' && b.kind === 'int')
    return {
      kind: 'int',
      low: Math.min(a.low, b.low),
      high: Math.max(a.high, b.high),
      literal: a.literal && b.literal,
    };
  if (a.kind === b.kind || a.literal || b.literal) return FLOAT;
  return undefined;
}

/** As `join`, but to one of few ranges, so that a fix-point is reached soon. */
export function widen(a: ValueRange, b: ValueRange): ValueRange | undefined {
  const both = join(a, b);
  if (both === undefined || both.kind !== 'int') return both;
  const { literal } = both;
  const step = STEPS.find(({ low, high }) => both.low >= low && both.high <= high);
  if (!step) throw new TranslateError('cannot bound a sum that is carried on without coercion');
  return { ...step, literal };
}

export const sameRange = (a: ValueRange, b: ValueRange): boolean =>
  a.kind === b.kind && a.low === b.low && a.high === b.high && a.literal === b.literal;
