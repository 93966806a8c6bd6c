/**
 * IEEE 754 arithmetic on bits, exact and slow: what the quick paths of float-lanes.ts do not cover (NaNs, denormals,
 * overflow, rounding other than to nearest). Rules of SSE: Intel SDM volume 1, section 4.9, 10.2.3, 11.5 and
 * table 4-7 for NaNs.
 */

/** Bits of MXCSR; its masks are these, 7 bits higher. */
export const IE = 1;
export const DE = 2;
export const ZE = 4;
export const OE = 8;
export const UE = 16;
export const PE = 32;

export const RC_NEAREST = 0;
export const RC_DOWN = 1;
export const RC_UP = 2;
export const RC_ZERO = 3;
export type Rounding = 0 | 1 | 2 | 3;

export interface Format {
  readonly width: number;
  readonly fraction: number;
  readonly bias: number;
}

export const FLOAT16: Format = { width: 16, fraction: 10, bias: 15 };
export const FLOAT32: Format = { width: 32, fraction: 23, bias: 127 };
export const FLOAT64: Format = { width: 64, fraction: 52, bias: 1023 };

/** What MXCSR says, and the flags that operations raise. */
export interface FloatStatus {
  readonly rounding: Rounding;
  readonly flushToZero: boolean;
  readonly denormalsAreZero: boolean;
  /** Bits of exceptions that are masked. */
  readonly masks: number;
  /** PE is set and masked: whether a result is exact makes no difference. */
  readonly inexactKnown: boolean;
  flags: number;
}

/** A finite value is `mantissa * 2^exponent`; infinite and NaN by `kind`. */
export interface Unpacked {
  readonly kind: 'finite' | 'infinite' | 'quiet' | 'signalling';
  readonly negative: boolean;
  readonly mantissa: bigint;
  readonly exponent: number;
  readonly denormal: boolean;
  readonly bits: bigint;
}

export function unpack(bits: bigint, { width, fraction, bias }: Format): Unpacked {
  const negative = bits >> BigInt(width - 1) === 1n;
  const part = bits & ((1n << BigInt(fraction)) - 1n);
  const biased = Number((bits >> BigInt(fraction)) & BigInt(2 * bias + 1));
  const finite = { kind: 'finite', negative, bits, denormal: false } as const;
  if (biased === 2 * bias + 1) {
    const quiet = part >> BigInt(fraction - 1) === 1n;
    const kind = part === 0n ? 'infinite' : quiet ? 'quiet' : 'signalling';
    return { ...finite, kind, mantissa: part, exponent: 0 };
  }
  if (biased === 0)
    return { ...finite, mantissa: part, exponent: 1 - bias - fraction, denormal: part !== 0n };
  const mantissa = part | (1n << BigInt(fraction));
  return { ...finite, mantissa, exponent: biased - bias - fraction };
}

/** An operand as arithmetic takes it: with DAZ a denormal is zero. */
export function operand(bits: bigint, format: Format, status: FloatStatus): Unpacked {
  const value = unpack(bits, format);
  if (!value.denormal || !status.denormalsAreZero) return value;
  const sign = value.negative ? signBit(format) : 0n;
  return { ...value, mantissa: 0n, denormal: false, bits: sign };
}

const signBit = ({ width }: Format): bigint => 1n << BigInt(width - 1);
export const isNan = ({ kind }: Unpacked): boolean => kind === 'quiet' || kind === 'signalling';
const isZero = ({ kind, mantissa }: Unpacked): boolean => kind === 'finite' && mantissa === 0n;

export function quieted({ bits }: Unpacked, { fraction }: Format): bigint {
  return bits | (1n << BigInt(fraction - 1));
}

/** "QNaN floating-point indefinite". */
export function indefinite(format: Format): bigint {
  return infinity(true, format) | (1n << BigInt(format.fraction - 1));
}

export function infinity(negative: boolean, { width, fraction, bias }: Format): bigint {
  const sign = negative ? 1n << BigInt(width - 1) : 0n;
  return sign | (BigInt(2 * bias + 1) << BigInt(fraction));
}

export function zero(negative: boolean, format: Format): bigint {
  return negative ? signBit(format) : 0n;
}

/** The result for operands with a NaN among them: the first one, quieted. undefined without one. */
export function nanOf(
  operands: readonly Unpacked[],
  format: Format,
  status: FloatStatus,
): bigint | undefined {
  if (operands.some(({ kind }) => kind === 'signalling')) status.flags |= IE;
  const first = operands.find(isNan);
  return first === undefined ? undefined : quieted(first, format);
}

function invalid(format: Format, status: FloatStatus): bigint {
  status.flags |= IE;
  return indefinite(format);
}

function noteDenormals(operands: readonly Unpacked[], status: FloatStatus): void {
  if (operands.some(({ denormal }) => denormal)) status.flags |= DE;
}

export function bitLength(value: bigint): number {
  if (value === 0n) return 0;
  const hex = value.toString(16);
  return 4 * hex.length - Math.clz32(Number.parseInt(hex[0]!, 16)) + 28;
}

/** `value / 2^shift`, rounded; whether that was exact. */
export function shiftRounded(
  value: bigint,
  shift: number,
  negative: boolean,
  rounding: Rounding,
): { quotient: bigint; exact: boolean } {
  if (shift <= 0) return { quotient: value << BigInt(-shift), exact: true };
  const by = BigInt(shift);
  const quotient = value >> by;
  const rest = value & ((1n << by) - 1n);
  if (rest === 0n) return { quotient, exact: true };
  const half = 1n << (by - 1n);
  const up =
    rounding === RC_NEAREST
      ? rest > half || (rest === half && (quotient & 1n) === 1n)
      : rounding === RC_DOWN
        ? negative
        : rounding === RC_UP && !negative;
  return { quotient: up ? quotient + 1n : quotient, exact: false };
}

/** The nearest value of the format, `mantissa` not zero; whoever knows more bits than it holds sets its lowest one. */
export function pack(
  negative: boolean,
  mantissa: bigint,
  exponent: number,
  format: Format,
  status: FloatStatus,
): bigint {
  const { fraction, bias } = format;
  const { rounding } = status;
  const sign = zero(negative, format);
  const length = bitLength(mantissa);
  const rounded = shiftRounded(mantissa, length - fraction - 1, negative, rounding);
  const carried = bitLength(rounded.quotient) > fraction + 1 ? 1 : 0;
  const scale = exponent + length - 1 + carried;
  if (scale < 1 - bias) {
    if ((status.masks & UE) === 0) {
      // What a handler would get has an exponent that is in range, and is exact or not by itself.
      status.flags |= rounded.exact ? UE : UE | PE;
      return sign;
    }
    if (status.flushToZero) {
      status.flags |= UE | PE;
      return sign;
    }
    const shift = 1 - bias - fraction - exponent;
    const { quotient, exact } = shiftRounded(mantissa, shift, negative, rounding);
    if (!exact) status.flags |= UE | PE;
    return sign | quotient;
  }
  if (!rounded.exact) status.flags |= PE;
  if (scale > bias) {
    if ((status.masks & OE) === 0) {
      status.flags |= OE;
      return sign;
    }
    status.flags |= OE | PE;
    const toInfinity =
      rounding === RC_NEAREST ||
      (rounding === RC_DOWN && negative) ||
      (rounding === RC_UP && !negative);
    return infinity(negative, format) - (toInfinity ? 0n : 1n);
  }
  const quotient = carried ? rounded.quotient >> 1n : rounded.quotient;
  const part = quotient & ((1n << BigInt(fraction)) - 1n);
  return sign | (BigInt(scale + bias) << BigInt(fraction)) | part;
}

/** The sum of two finite values, one of them perhaps more exact than the format. */
function sum(
  a: Pick<Unpacked, 'negative' | 'mantissa' | 'exponent'>,
  b: Pick<Unpacked, 'negative' | 'mantissa' | 'exponent'>,
  format: Format,
  status: FloatStatus,
): bigint {
  const exponent = Math.min(a.exponent, b.exponent);
  const left = a.mantissa << BigInt(a.exponent - exponent);
  const right = b.mantissa << BigInt(b.exponent - exponent);
  const total = (a.negative ? -left : left) + (b.negative ? -right : right);
  if (total === 0n) {
    const negative = a.negative === b.negative ? a.negative : status.rounding === RC_DOWN;
    return zero(negative, format);
  }
  return pack(total < 0n, total < 0n ? -total : total, exponent, format, status);
}

function negated(value: Unpacked): Unpacked {
  return { ...value, negative: !value.negative };
}

export function add(
  x: bigint,
  y: bigint,
  format: Format,
  status: FloatStatus,
  minus = false,
): bigint {
  const a = operand(x, format, status);
  const plain = operand(y, format, status);
  const nan = nanOf([a, plain], format, status);
  if (nan !== undefined) return nan;
  const b = minus ? negated(plain) : plain;
  if (a.kind === 'infinite' && b.kind === 'infinite' && a.negative !== b.negative)
    return invalid(format, status);
  noteDenormals([a, b], status);
  if (a.kind === 'infinite') return infinity(a.negative, format);
  if (b.kind === 'infinite') return infinity(b.negative, format);
  return sum(a, b, format, status);
}

export function multiply(x: bigint, y: bigint, format: Format, status: FloatStatus): bigint {
  const a = operand(x, format, status);
  const b = operand(y, format, status);
  const nan = nanOf([a, b], format, status);
  if (nan !== undefined) return nan;
  const negative = a.negative !== b.negative;
  const infinite = a.kind === 'infinite' || b.kind === 'infinite';
  if (infinite && (isZero(a) || isZero(b))) return invalid(format, status);
  noteDenormals([a, b], status);
  if (infinite) return infinity(negative, format);
  if (isZero(a) || isZero(b)) return zero(negative, format);
  return pack(negative, a.mantissa * b.mantissa, a.exponent + b.exponent, format, status);
}

export function divide(x: bigint, y: bigint, format: Format, status: FloatStatus): bigint {
  const a = operand(x, format, status);
  const b = operand(y, format, status);
  const nan = nanOf([a, b], format, status);
  if (nan !== undefined) return nan;
  const negative = a.negative !== b.negative;
  if ((a.kind === 'infinite' && b.kind === 'infinite') || (isZero(a) && isZero(b)))
    return invalid(format, status);
  if (isZero(b) && a.kind === 'finite') {
    status.flags |= ZE;
    return infinity(negative, format);
  }
  noteDenormals([a, b], status);
  if (a.kind === 'infinite') return infinity(negative, format);
  if (b.kind === 'infinite' || isZero(a)) return zero(negative, format);
  const shift = Math.max(0, format.fraction + 4 + bitLength(b.mantissa) - bitLength(a.mantissa));
  const scaled = a.mantissa << BigInt(shift);
  const quotient = scaled / b.mantissa;
  const sticky = quotient * b.mantissa === scaled ? 0n : 1n;
  const exponent = a.exponent - b.exponent - shift - 1;
  return pack(negative, (quotient << 1n) | sticky, exponent, format, status);
}

export function squareRoot(x: bigint, format: Format, status: FloatStatus): bigint {
  const a = operand(x, format, status);
  const nan = nanOf([a], format, status);
  if (nan !== undefined) return nan;
  if (isZero(a)) return a.bits;
  if (a.negative) return invalid(format, status);
  noteDenormals([a], status);
  if (a.kind === 'infinite') return a.bits;
  let shift = Math.max(0, 2 * (format.fraction + 3) - bitLength(a.mantissa));
  if ((a.exponent - shift) % 2 !== 0) shift++;
  const scaled = a.mantissa << BigInt(shift);
  const root = integerRoot(scaled);
  const sticky = root * root === scaled ? 0n : 1n;
  return pack(false, (root << 1n) | sticky, (a.exponent - shift) / 2 - 1, format, status);
}

function integerRoot(value: bigint): bigint {
  let root = 1n << BigInt((bitLength(value) + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** `x * y + z`, rounded once; the product or the addend with its sign turned. NaNs in the order given. */
export function fused(
  x: bigint,
  y: bigint,
  z: bigint,
  format: Format,
  status: FloatStatus,
  { minusProduct = false, minusAddend = false, order = [0, 1, 2] as readonly number[] } = {},
): bigint {
  const all = [x, y, z].map((bits) => operand(bits, format, status));
  const nan = nanOf(
    order.map((index) => all[index]!),
    format,
    status,
  );
  const [a, b, plain] = all as [Unpacked, Unpacked, Unpacked];
  const infinite = a.kind === 'infinite' || b.kind === 'infinite';
  const badProduct = infinite && (isZero(a) || isZero(b));
  if (nan !== undefined) return nan;
  if (badProduct) return invalid(format, status);
  const negative = (a.negative !== b.negative) !== minusProduct;
  const c = minusAddend ? negated(plain) : plain;
  if (infinite && c.kind === 'infinite' && c.negative !== negative) return invalid(format, status);
  noteDenormals(all, status);
  if (infinite) return infinity(negative, format);
  if (c.kind === 'infinite') return infinity(c.negative, format);
  const product = {
    negative,
    mantissa: a.mantissa * b.mantissa,
    exponent: a.exponent + b.exponent,
  };
  return sum(product, c, format, status);
}

/** From one format to another. */
export function convert(bits: bigint, from: Format, to: Format, status: FloatStatus): bigint {
  const value = operand(bits, from, status);
  if (isNan(value)) {
    if (value.kind === 'signalling') status.flags |= IE;
    const part = quieted(value, from) & ((1n << BigInt(from.fraction)) - 1n);
    const by = BigInt(to.fraction - from.fraction);
    return infinity(value.negative, to) | (by >= 0n ? part << by : part >> -by);
  }
  noteDenormals([value], status);
  if (value.kind === 'infinite') return infinity(value.negative, to);
  if (value.mantissa === 0n) return zero(value.negative, to);
  return pack(value.negative, value.mantissa, value.exponent, to, status);
}

export function fromInteger(value: bigint, format: Format, status: FloatStatus): bigint {
  if (value === 0n) return 0n;
  return pack(value < 0n, value < 0n ? -value : value, 0, format, status);
}

/** A signed integer of `width` bits, or the integer indefinite. */
export function toInteger(
  bits: bigint,
  format: Format,
  width: number,
  status: FloatStatus,
  rounding: Rounding = status.rounding,
): bigint {
  const value = operand(bits, format, status);
  const none = 1n << BigInt(width - 1);
  if (value.kind !== 'finite' || value.exponent > 128) {
    status.flags |= IE;
    return none;
  }
  const { quotient, exact } = shiftRounded(
    value.mantissa,
    -value.exponent,
    value.negative,
    rounding,
  );
  const whole = value.negative ? -quotient : quotient;
  if (BigInt.asIntN(width, whole) !== whole) {
    status.flags |= IE;
    return none;
  }
  if (!exact) status.flags |= PE;
  return BigInt.asUintN(width, whole);
}

export function roundToIntegral(
  bits: bigint,
  format: Format,
  status: FloatStatus,
  rounding: Rounding,
  quietly: boolean,
): bigint {
  const value = operand(bits, format, status);
  if (isNan(value)) return nanOf([value], format, status)!;
  if (value.kind === 'infinite' || value.exponent >= 0) return value.bits;
  const { quotient, exact } = shiftRounded(
    value.mantissa,
    -value.exponent,
    value.negative,
    rounding,
  );
  if (!exact && !quietly) status.flags |= PE;
  if (quotient === 0n) return zero(value.negative, format);
  const { flags } = status;
  const result = pack(value.negative, quotient, 0, format, status);
  status.flags = flags;
  return result;
}

/** -1 less, 0 equal, 1 greater, 2 unordered. Flags: IE for a signalling NaN, and for any where `signals`. */
export function compare(
  x: bigint,
  y: bigint,
  format: Format,
  status: FloatStatus,
  signals: boolean,
): -1 | 0 | 1 | 2 {
  const a = operand(x, format, status);
  const b = operand(y, format, status);
  if (isNan(a) || isNan(b)) {
    if (signals || a.kind === 'signalling' || b.kind === 'signalling') status.flags |= IE;
    return 2;
  }
  noteDenormals([a, b], status);
  const [left, right] = [ordered(a, format), ordered(b, format)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function ordered({ bits, negative }: Unpacked, format: Format): bigint {
  return negative ? -(bits ^ signBit(format)) : bits;
}

/** MINPS and MAXPS: the second operand when one is a NaN, or both are zeros. */
export function extreme(
  x: bigint,
  y: bigint,
  format: Format,
  status: FloatStatus,
  wanted: -1 | 1,
): bigint {
  const a = operand(x, format, status);
  const b = operand(y, format, status);
  return compare(x, y, format, status, true) === wanted ? a.bits : b.bits;
}
