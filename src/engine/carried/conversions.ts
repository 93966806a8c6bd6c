/** Conversions between floating-point formats and integers, in vectors (Intel SDM volume 2, CVT*). */
import { type CarriedCpu, settle } from './cpu.js';
import type { Encoding } from './encoding.js';
import { readBits, writeBits } from './float-lanes.js';
import { clear16, copy16, finish, halfOf, type Maker, sourceOf } from './operands.js';
import {
  convert,
  FLOAT16,
  FLOAT32,
  FLOAT64,
  type FloatStatus,
  type Format,
  fromInteger,
  type Rounding,
  toInteger,
} from './softfloat.js';

/** One element: its bits in, its bits out. */
type Element = (bits: bigint, status: FloatStatus) => bigint;

interface Conversion {
  /** Bytes of an element in the source and the result. */
  readonly from: number;
  readonly to: number;
  readonly element: Element;
}

const between = (from: Format, to: Format): Conversion => ({
  from: from.width / 8,
  to: to.width / 8,
  element: (bits, status) => convert(bits, from, to, status),
});
const integer = (to: Format): Conversion => ({
  from: 4,
  to: to.width / 8,
  element: (bits, status) => fromInteger(BigInt.asIntN(32, bits), to, status),
});
const whole = (from: Format, truncates: boolean): Conversion => ({
  from: from.width / 8,
  to: 4,
  element: (bits, status) => toInteger(bits, from, 32, status, truncates ? 3 : status.rounding),
});

/** By opcode and mandatory prefix: `5a`, `5b`, `e6`. */
const PACKED: ReadonlyMap<number, Conversion> = new Map([
  [0x5a0, between(FLOAT32, FLOAT64)],
  [0x5a1, between(FLOAT64, FLOAT32)],
  [0x5b0, integer(FLOAT32)],
  [0x5b1, whole(FLOAT32, false)],
  [0x5b2, whole(FLOAT32, true)],
  [0xe61, whole(FLOAT64, true)],
  [0xe62, integer(FLOAT64)],
  [0xe63, whole(FLOAT64, false)],
]);

const element = (cpu: CarriedCpu, at: number, bytes: number): bigint =>
  readBits(cpu, at, bytes === 8 ? FLOAT64 : bytes === 4 ? FLOAT32 : FLOAT16);

/** 0F 5A, 5B, E6; undefined for what they do not have. */
export function compileConversion(e: Encoding): Maker | undefined {
  if (e.opcode === 0x5a && e.pp >= 2) return scalar(e);
  const conversion = PACKED.get((e.opcode << 4) | e.pp);
  return conversion === undefined ? undefined : packed(e, conversion);
}

/** As many elements as the wider side holds in 128 or 256 bits. */
function packed(e: Encoding, { from, to, element: one }: Conversion): Maker {
  const count = (e.l ? 32 : 16) / Math.max(from, to);
  const bytes = count * from;
  const source = sourceOf(e, bytes, !e.vex && bytes === 16);
  const half = halfOf(e);
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    cpu.status.follow(cpu.mxcsr);
    const results: bigint[] = [];
    for (let i = 0; i < count; i++) {
      const at = i * from;
      results.push(one(element(cpu, half(cpu, at < 16 ? 0 : 1) + (at & 15), from), cpu.status));
    }
    clear16(cpu, cpu.resultArea);
    clear16(cpu, cpu.resultArea + 16);
    const format = to === 8 ? FLOAT64 : FLOAT32;
    for (const [i, bits] of results.entries())
      writeBits(cpu, cpu.resultArea + i * to, format, bits);
    finish(cpu, e, e.reg);
  };
}

/** CVTSS2SD, CVTSD2SS. */
function scalar(e: Encoding): Maker {
  const [from, to] = e.pp === 2 ? [FLOAT32, FLOAT64] : [FLOAT64, FLOAT32];
  const source = sourceOf(e, from.width / 8, false);
  const half = halfOf(e);
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    cpu.status.follow(cpu.mxcsr);
    const bits = convert(readBits(cpu, half(cpu, 0), from), from, to, cpu.status);
    copy16(cpu, cpu.resultArea, cpu.vector(e.vex ? e.v : e.reg, 0));
    writeBits(cpu, cpu.resultArea, to, bits);
    finish(cpu, e, e.reg);
  };
}

/** CVTSI2SS, CVTSI2SD (0F 2A): from a general register or memory. */
export function compileFromGeneral(e: Encoding): Maker {
  const to = e.pp === 3 ? FLOAT64 : FLOAT32;
  const bytes = e.w ? 8 : 4;
  const source = sourceOf(e, bytes, false);
  const { memory } = e;
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    cpu.status.follow(cpu.mxcsr);
    const at = memory === undefined ? cpu.general(e.rm) : cpu.operandArea;
    copy16(cpu, cpu.resultArea, cpu.vector(e.vex ? e.v : e.reg, 0));
    if (bytes === 4 && to === FLOAT64) cpu.f64[cpu.resultArea >>> 3] = cpu.words[at >>> 2]! | 0;
    else {
      const value = BigInt.asIntN(8 * bytes, cpu.view.getBigUint64(at, true));
      writeBits(cpu, cpu.resultArea, to, fromInteger(value, to, cpu.status));
    }
    finish(cpu, e, e.reg);
  };
}

/** VCVTPH2PS (0F38 13): denormal halves are none to DAZ, nor an exception. */
export function compileFromHalf(e: Encoding): Maker {
  const count = e.l ? 8 : 4;
  const source = sourceOf(e, 2 * count, false);
  const half = halfOf(e);
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    cpu.status.follow(cpu.mxcsr);
    const status = { ...plainStatus(cpu.status), denormalsAreZero: false };
    const from = half(cpu, 0);
    for (let i = 0; i < count; i++)
      writeBits(
        cpu,
        cpu.resultArea + 4 * i,
        FLOAT32,
        convert(element(cpu, from + 2 * i, 2), FLOAT16, FLOAT32, status),
      );
    cpu.status.flags = status.flags & 1;
    finish(cpu, e, e.reg);
  };
}

/** VCVTPS2PH (0F3A 1D): results are never flushed to zero. */
export function compileToHalf(e: Encoding): Maker {
  const count = e.l ? 8 : 4;
  const { memory, immediate } = e;
  return (next, nextHi) => (cpu) => {
    cpu.status.follow(cpu.mxcsr);
    const rounding = immediate & 4 ? cpu.status.rounding : ((immediate & 3) as Rounding);
    const status = { ...plainStatus(cpu.status), rounding, flushToZero: false };
    clear16(cpu, cpu.resultArea);
    for (let i = 0; i < count; i++) {
      const bits = readBits(cpu, cpu.vector(e.reg, i < 4 ? 0 : 1) + 4 * (i & 3), FLOAT32);
      writeBits(cpu, cpu.resultArea + 2 * i, FLOAT16, convert(bits, FLOAT32, FLOAT16, status));
    }
    if (memory !== undefined) {
      cpu.locate(memory, next, nextHi);
      cpu.prepare(2 * count);
    }
    cpu.status.flags = status.flags;
    settle(cpu);
    if (memory !== undefined) {
      cpu.store(2 * count, cpu.resultArea);
      return;
    }
    copy16(cpu, cpu.vector(e.rm, 0), cpu.resultArea);
    clear16(cpu, cpu.vector(e.rm, 1));
  };
}

function plainStatus(status: FloatStatus): {
  -readonly [key in keyof FloatStatus]: FloatStatus[key];
} {
  const { rounding, flushToZero, denormalsAreZero, masks, inexactKnown, flags } = status;
  return { rounding, flushToZero, denormalsAreZero, masks, inexactKnown, flags };
}
