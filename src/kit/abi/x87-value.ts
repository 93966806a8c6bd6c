/** The x87's 80-bit format (SDM 1, 4.2.2): sign and exponent in 16 bits, then 64 bits of significand. */

const BIAS = 16383;
const BIAS_64 = 1023;

/** Rounded to the nearest double. */
export function doubleOfExtended(bits: bigint): number {
  const sign = (bits >> 79n) & 1n ? -1 : 1;
  const exponent = Number((bits >> 64n) & 0x7fffn);
  const significand = BigInt.asUintN(64, bits);
  if (exponent === 0x7fff) {
    return BigInt.asUintN(63, significand) === 0n ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  }
  // Two steps keep the power of two in range; the conversion from bigint rounds to nearest, ties to even.
  const power = exponent - BIAS - 63;
  const half = Math.trunc(power / 2);
  return sign * Number(significand) * 2 ** half * 2 ** (power - half);
}

export function extendedOfDouble(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const sign = (bits >> 63n) << 79n;
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const fraction = BigInt.asUintN(52, bits) << 11n;
  const explicit = 1n << 63n;
  if (exponent === 0x7ff) return sign | (0x7fffn << 64n) | explicit | fraction;
  if (exponent !== 0) {
    return sign | (BigInt(exponent - BIAS_64 + BIAS) << 64n) | explicit | fraction;
  }
  if (fraction === 0n) return sign;
  // A denormal is a normal number here.
  const shift = BigInt(64 - fraction.toString(2).length);
  const scale = BigInt(1 - BIAS_64 + BIAS) - shift;
  return sign | (scale << 64n) | (fraction << shift);
}
