/**
 * One lane of floating-point arithmetic: operands and result by their addresses in the CPU's views. What is common
 * (normal numbers, rounding to nearest) is done by the host's own arithmetic, which is IEEE 754's; the rest by
 * softfloat.ts. A double holds sums, products, quotients and roots of singles exactly enough to round once more.
 */
import type { CarriedCpu } from './cpu.js';
import {
  add,
  compare,
  divide,
  extreme,
  FLOAT32,
  FLOAT64,
  type FloatStatus,
  type Format,
  multiply,
  PE,
  squareRoot,
} from './softfloat.js';

/** `d`, `a`, `b`: addresses of the result and the operands, which may be the same. */
export type Lane = (cpu: CarriedCpu, d: number, a: number, b: number) => void;

/** Both widths of an operation. */
export interface LanePair {
  readonly single: Lane;
  readonly double: Lane;
}

const MIN64 = 2 ** -1022;
const MAX64 = Number.MAX_VALUE;
const MIN32 = 2 ** -126;
const MAX32 = 2 ** 128 - 2 ** 104;
/** Between these a product of two halves of a double neither overflows nor loses bits. */
const SPLIT_LOW = 2 ** -400;
const SPLIT_HIGH = 2 ** 400;
const SPLITTER = 2 ** 27 + 1;

export function readBits(cpu: CarriedCpu, at: number, { width }: Format): bigint {
  if (width === 64) return cpu.view.getBigUint64(at, true);
  return BigInt(width === 32 ? cpu.words[at >>> 2]! : cpu.view.getUint16(at, true));
}

export function writeBits(cpu: CarriedCpu, at: number, { width }: Format, bits: bigint): void {
  if (width === 64) cpu.view.setBigUint64(at, bits, true);
  else if (width === 32) cpu.words[at >>> 2] = Number(bits);
  else cpu.view.setUint16(at, Number(bits), true);
}

type Exact = (a: bigint, b: bigint, format: Format, status: FloatStatus) => bigint;

function slowly(exact: Exact, format: Format): Lane {
  return (cpu, d, a, b) => {
    const bits = exact(readBits(cpu, a, format), readBits(cpu, b, format), format, cpu.status);
    writeBits(cpu, d, format, bits);
  };
}

const isNormal64 = (x: number): boolean => {
  const size = Math.abs(x);
  return size >= MIN64 && size <= MAX64;
};
const isPlain64 = (x: number): boolean => x === 0 || isNormal64(x);
const isPlain32 = (x: number): boolean => x === 0 || (Math.abs(x) >= MIN32 && Math.abs(x) <= MAX32);

/** `result`: rounded once. `inexact` is asked only where the flag is not set yet. */
function double(
  result: (x: number, y: number) => number,
  inexact: (x: number, y: number, r: number) => boolean | undefined,
  isExactZero: (x: number, y: number) => boolean,
  exact: Exact,
): Lane {
  const slow = slowly(exact, FLOAT64);
  return (cpu, d, a, b) => {
    const { f64, status } = cpu;
    const x = f64[a >>> 3]!;
    const y = f64[b >>> 3]!;
    const r = result(x, y);
    const plain =
      status.rounding === 0 &&
      isPlain64(x) &&
      isPlain64(y) &&
      (isNormal64(r) || (r === 0 && isExactZero(x, y)));
    if (!plain) {
      slow(cpu, d, a, b);
      return;
    }
    if (!status.inexactKnown) {
      const lost = r === 0 ? false : inexact(x, y, r);
      if (lost === undefined) {
        slow(cpu, d, a, b);
        return;
      }
      if (lost) status.flags |= PE;
    }
    f64[d >>> 3] = r;
  };
}

/** `result`: in double precision, before it is rounded to single. */
function single(
  result: (x: number, y: number) => number,
  inexact: (x: number, y: number, s: number, r: number) => boolean,
  isExactZero: (x: number, y: number) => boolean,
  exact: Exact,
): Lane {
  const slow = slowly(exact, FLOAT32);
  return (cpu, d, a, b) => {
    const { f32, status } = cpu;
    const x = f32[a >>> 2]!;
    const y = f32[b >>> 2]!;
    const s = result(x, y);
    const size = Math.abs(s);
    const r = Math.fround(s);
    const plain =
      status.rounding === 0 &&
      isPlain32(x) &&
      isPlain32(y) &&
      ((size >= MIN32 && Math.abs(r) <= MAX32) || (s === 0 && isExactZero(x, y)));
    if (!plain) {
      slow(cpu, d, a, b);
      return;
    }
    if (!status.inexactKnown && inexact(x, y, s, r)) status.flags |= PE;
    f32[d >>> 2] = r;
  };
}

/** The part of a sum that rounding lost. */
function lostInSum(x: number, y: number, s: number): boolean {
  const back = s - x;
  return x - (s - back) + (y - back) !== 0;
}

/** The part of a product that rounding lost (Dekker); undefined where the parts would leave the range. */
function lostInProduct(x: number, y: number, r: number): boolean | undefined {
  const [a, b, c] = [Math.abs(x), Math.abs(y), Math.abs(r)];
  if (
    a < SPLIT_LOW ||
    a > SPLIT_HIGH ||
    b < SPLIT_LOW ||
    b > SPLIT_HIGH ||
    c < SPLIT_LOW ||
    c > SPLIT_HIGH
  )
    return undefined;
  const bigX = SPLITTER * x;
  const highX = bigX - (bigX - x);
  const lowX = x - highX;
  const bigY = SPLITTER * y;
  const highY = bigY - (bigY - y);
  const lowY = y - highY;
  return lowX * lowY - (r - highX * highY - lowX * highY - highX * lowY) !== 0;
}

const always = (): boolean => true;
const eitherZero = (x: number, y: number): boolean => x === 0 || y === 0;
const dividesZero = (x: number, y: number): boolean => x === 0 && y !== 0;
const subtract: Exact = (x, y, format, status) => add(x, y, format, status, true);
const roundedAway = (s: number, r: number): boolean => s !== r;

export const ADD: LanePair = {
  single: single(
    (x, y) => x + y,
    (x, y, s, r) => s !== r || lostInSum(x, y, s),
    always,
    add,
  ),
  double: double((x, y) => x + y, lostInSum, always, add),
};
export const SUBTRACT: LanePair = {
  single: single(
    (x, y) => x - y,
    (x, y, s, r) => s !== r || lostInSum(x, -y, s),
    always,
    subtract,
  ),
  double: double(
    (x, y) => x - y,
    (x, y, r) => lostInSum(x, -y, r),
    always,
    subtract,
  ),
};
export const MULTIPLY: LanePair = {
  single: single(
    (x, y) => x * y,
    (_x, _y, s, r) => roundedAway(s, r),
    eitherZero,
    multiply,
  ),
  double: double((x, y) => x * y, lostInProduct, eitherZero, multiply),
};
export const DIVIDE: LanePair = {
  single: single(
    (x, y) => x / y,
    (x, y, _s, r) => r * y !== x,
    dividesZero,
    divide,
  ),
  double: double(
    (x, y) => x / y,
    // Exact where the product with the divisor is exact and gives the dividend back.
    (x, y, r) => (r * y !== x ? true : lostInProduct(r, y, x)),
    dividesZero,
    divide,
  ),
};
const root: Exact = (_x, y, format, status) => squareRoot(y, format, status);
/** Of the second operand. */
export const SQUARE_ROOT: LanePair = {
  single: single(
    (_x, y) => Math.sqrt(y),
    (_x, y, _s, r) => r * r !== y,
    (_x, y) => y === 0,
    root,
  ),
  double: double(
    (_x, y) => Math.sqrt(y),
    (_x, y, r) => (r * r !== y ? true : lostInProduct(r, r, y)),
    (_x, y) => y === 0,
    root,
  ),
};
const minimum: Exact = (x, y, format, status) => extreme(x, y, format, status, -1);
const maximum: Exact = (x, y, format, status) => extreme(x, y, format, status, 1);
/** The second operand where both are zero: see softfloat.ts. */
const lesser = (x: number, y: number): number => (x < y ? x : y);
const greater = (x: number, y: number): number => (x > y ? x : y);
const nothingLost = (): boolean => false;
export const MINIMUM: LanePair = {
  single: single(lesser, nothingLost, always, minimum),
  double: double(lesser, nothingLost, always, minimum),
};
export const MAXIMUM: LanePair = {
  single: single(greater, nothingLost, always, maximum),
  double: double(greater, nothingLost, always, maximum),
};

/** As `compare` of softfloat.ts. */
export function relate(
  cpu: CarriedCpu,
  a: number,
  b: number,
  format: Format,
  signals: boolean,
): -1 | 0 | 1 | 2 {
  const wide = format === FLOAT64;
  const x = wide ? cpu.f64[a >>> 3]! : cpu.f32[a >>> 2]!;
  const y = wide ? cpu.f64[b >>> 3]! : cpu.f32[b >>> 2]!;
  const plain = wide ? isPlain64 : isPlain32;
  if (plain(x) && plain(y)) return x < y ? -1 : x > y ? 1 : 0;
  return compare(readBits(cpu, a, format), readBits(cpu, b, format), format, cpu.status, signals);
}
