/** RCPPS, RCPSS, RSQRTPS, RSQRTSS: within 1.5 * 2^-12 of the true value; denormals are zeros, and no flag is raised. */
import type { Encoding } from './encoding.js';
import { lanes } from './float-instructions.js';
import { type Lane, readBits, writeBits } from './float-lanes.js';
import type { Maker } from './operands.js';
import { FLOAT32, indefinite, infinity, isNan, quieted, unpack, zero } from './softfloat.js';

const SQUARE_ROOT = 0x52;
/** Bits of a result's fraction that are kept. */
const KEPT = 0xffff_f000n;
const SMALLEST = 2 ** -126;

/** 0F 52, 53. */
export function approximate(e: Encoding): Maker {
  const root = e.opcode === SQUARE_ROOT;
  const lane: Lane = (cpu, d, _a, b) => {
    const bits = readBits(cpu, b, FLOAT32);
    const value = unpack(bits, FLOAT32);
    const isZero = value.denormal || (value.kind === 'finite' && value.mantissa === 0n);
    const answer = (result: bigint): void => writeBits(cpu, d, FLOAT32, result);
    if (isNan(value)) return answer(quieted(value, FLOAT32));
    if (isZero) return answer(infinity(value.negative, FLOAT32));
    if (root && value.negative) return answer(indefinite(FLOAT32));
    if (value.kind === 'infinite') return answer(zero(value.negative, FLOAT32));
    const x = cpu.f32[b >>> 2]!;
    const result = root ? 1 / Math.sqrt(x) : 1 / x;
    if (Math.abs(result) < SMALLEST) return answer(zero(value.negative, FLOAT32));
    cpu.f32[d >>> 2] = result;
    answer(readBits(cpu, d, FLOAT32) & KEPT);
  };
  return lanes(e, lane, true);
}
