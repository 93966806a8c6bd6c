/**
 * mayexec/fast-check: arbitraries for machine code. Integers and floats come as edge values half of the
 * time; everything shrinks as fast-check's own does.
 */
import fc from 'fast-check';
import {
  type BufferOptions,
  checkOptionNames,
  edgeFloats,
  edgeIntegers,
  type OptionNames,
  unknownValue,
} from '../index.js';

export interface IntegerOptions {
  /** Default 64. */
  readonly bits?: 8 | 16 | 32 | 64;
  /** Default true. */
  readonly signed?: boolean;
}

const WIDTHS: readonly number[] = [8, 16, 32, 64];
const INTEGER: OptionNames<IntegerOptions> = { bits: true, signed: true };

/** What a register can hold; half of the values lie at sign boundaries and powers of two. */
export function registerValue(options: IntegerOptions = {}): fc.Arbitrary<bigint> {
  checkOptionNames('registerValue', options, INTEGER);
  const { bits = 64, signed = true } = options;
  if (!WIDTHS.includes(bits)) throw unknownValue('width', bits, WIDTHS.map(String));
  const half = 1n << BigInt(bits - 1);
  const [min, max] = signed ? [-half, half - 1n] : [0n, 2n * half - 1n];
  const edges = edgeIntegers(bits).map((value) => (signed ? value : BigInt.asUintN(bits, value)));
  return fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min, max }));
}

/** As `registerValue`, as a number: of up to 32 bits. */
export function integer(
  options: IntegerOptions & { readonly bits?: 8 | 16 | 32 } = {},
): fc.Arbitrary<number> {
  checkOptionNames('integer', options, INTEGER);
  return registerValue({ bits: 32, ...options }).map(Number, (value) => {
    if (typeof value !== 'number') throw new TypeError('not an integer');
    return BigInt(value);
  });
}

/** Doubles: zeros of both signs, denormals, infinities and NaN come often. */
export function double(): fc.Arbitrary<number> {
  return fc.oneof(fc.constantFrom(...edgeFloats(8)), fc.double());
}

/** Single-precision numbers. */
export function float(): fc.Arbitrary<number> {
  return fc.oneof(fc.constantFrom(...edgeFloats(4)), fc.float());
}

/** Flags at entry, for the option `flags` of a call. The direction flag stays clear, as conventions have it. */
export function flags(): fc.Arbitrary<Record<string, boolean>> {
  const bit = fc.boolean();
  return fc.record({ CF: bit, PF: bit, AF: bit, ZF: bit, SF: bit, OF: bit });
}

export interface ContentOptions {
  /** In bytes; default 0. */
  readonly minLength?: number;
  /** Default 64. */
  readonly maxLength?: number;
}

const CONTENT: OptionNames<ContentOptions> = { minLength: true, maxLength: true };

/** Bytes; all zeros and all ones come often. */
export function bytes(options: ContentOptions = {}): fc.Arbitrary<Uint8Array> {
  checkOptionNames('bytes', options, CONTENT);
  const { minLength = 0, maxLength = 64 } = options;
  const constant = (fill: number): fc.Arbitrary<Uint8Array> =>
    fc
      .integer({ min: minLength, max: maxLength })
      .map((length) => new Uint8Array(length).fill(fill));
  return fc.oneof(fc.uint8Array({ minLength, maxLength }), constant(0), constant(0xff));
}

/** A buffer for the option `buffers` of a call: end or start on a guard page, so that most are unaligned. */
export function buffer(options: ContentOptions = {}): fc.Arbitrary<BufferOptions> {
  checkOptionNames('buffer', options, CONTENT);
  return fc.record({
    bytes: bytes(options),
    align: fc.constantFrom('end', 'start'),
  });
}

const PAGE = 4096;

/** A buffer of more than a page, and an offset in it whose next `length` bytes cross a page boundary. */
export function pageCrossing(length = 8): fc.Arbitrary<{ buffer: BufferOptions; offset: number }> {
  return fc.integer({ min: 1, max: length - 1 }).map((before) => ({
    buffer: { bytes: new Uint8Array(2 * PAGE), align: 'start' } as const,
    offset: PAGE - before,
  }));
}
