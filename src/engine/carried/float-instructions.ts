/** Floating-point instructions of SSE, AVX and their kin that compute lane by lane (Intel SDM volume 2). */
import { CF, PF, settle, ZF } from './cpu.js';
import type { Encoding } from './encoding.js';
import {
  ADD,
  DIVIDE,
  type Lane,
  type LanePair,
  MAXIMUM,
  MINIMUM,
  MULTIPLY,
  readBits,
  relate,
  SQUARE_ROOT,
  SUBTRACT,
  writeBits,
} from './float-lanes.js';
import { copy16, finish, halfOf, type Maker, sourceOf } from './operands.js';
import {
  add,
  FLOAT32,
  FLOAT64,
  type FloatStatus,
  type Format,
  multiply,
  PE,
  type Rounding,
  roundToIntegral,
  toInteger,
} from './softfloat.js';

const ARITHMETIC: Readonly<Record<number, LanePair>> = {
  81: SQUARE_ROOT,
  88: ADD,
  89: MULTIPLY,
  92: SUBTRACT,
  93: MINIMUM,
  94: DIVIDE,
  95: MAXIMUM,
};

/** Integers below need no look at whether they fit. */
const SMALL = 2 ** 30;
const ALL_MASKED = 0x3f;
const SQRT = 0x51;
const CMP = 0xc2;

export const isDouble = (e: Encoding): boolean => (e.pp & 1) === 1;
export const isScalar = (e: Encoding): boolean => e.pp >= 2;
export const formatOf = (e: Encoding): Format => (isDouble(e) ? FLOAT64 : FLOAT32);

/** 0F 51, 58 to 5F (but conversions) and C2. */
export function compileArithmetic(e: Encoding): Maker | undefined {
  if (e.opcode === CMP) return lanes(e, comparison(e), false);
  const pair = ARITHMETIC[e.opcode];
  if (pair === undefined) return undefined;
  return lanes(e, isDouble(e) ? pair.double : pair.single, e.opcode === SQRT);
}

/** Each lane of the operands, or the lowest only. `unary`: the first operand gives the untouched lanes, no more. */
export function lanes(e: Encoding, lane: Lane, unary: boolean): Maker {
  return isScalar(e) ? scalar(e, lane, unary) : packed(e, lane, unary);
}

function scalar(e: Encoding, lane: Lane, unary: boolean): Maker {
  const width = isDouble(e) ? 8 : 4;
  const source = sourceOf(e, width, false);
  const half = halfOf(e);
  const first = e.vex ? e.v : e.reg;
  // Without an exception to come, the result may go where the first operand was.
  const inPlace = !e.vex;
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    cpu.status.follow(cpu.mxcsr);
    const a = cpu.vector(first, 0);
    const b = half(cpu, 0);
    if (inPlace && cpu.status.masks === ALL_MASKED) {
      lane(cpu, a, unary ? b : a, b);
      const { flags } = cpu.status;
      if (flags !== 0) cpu.mxcsr |= flags;
      return;
    }
    copy16(cpu, cpu.resultArea, a);
    lane(cpu, cpu.resultArea, unary ? b : a, b);
    finish(cpu, e, e.reg);
  };
}

function packed(e: Encoding, lane: Lane, unary: boolean): Maker {
  const width = isDouble(e) ? 8 : 4;
  const halves = e.l ? 2 : 1;
  const source = sourceOf(e, 16 * halves, !e.vex);
  const half = halfOf(e);
  const first = e.vex ? e.v : e.reg;
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    cpu.status.follow(cpu.mxcsr);
    for (let h: 0 | 1 = 0; ; h = 1) {
      const b = half(cpu, h);
      const a = unary ? b : cpu.vector(first, h);
      const d = cpu.resultArea + 16 * h;
      for (let at = 0; at < 16; at += width) lane(cpu, d + at, a + at, b + at);
      if (h + 1 >= halves) break;
    }
    finish(cpu, e, e.reg);
  };
}

/**
 * Predicates by immediate: which of less, equal, greater, unordered make it true (bits 0 to 3), and whether a quiet
 * NaN is invalid (bit 4).
 */
const PREDICATES = makePredicates();

function makePredicates(): readonly number[] {
  const [LT, EQ, GT, UN, SIGNALS] = [1, 2, 4, 8, 16];
  const quiet = [
    EQ,
    LT | SIGNALS,
    LT | EQ | SIGNALS,
    UN,
    LT | GT | UN,
    EQ | GT | UN | SIGNALS,
    GT | UN | SIGNALS,
    LT | EQ | GT,
  ];
  const others = [
    EQ | UN,
    LT | UN | SIGNALS,
    LT | EQ | UN | SIGNALS,
    0,
    LT | GT,
    EQ | GT | SIGNALS,
    GT | SIGNALS,
    LT | EQ | GT | UN,
  ];
  const first = [...quiet, ...others];
  return [...first, ...first.map((bits) => bits ^ SIGNALS)];
}

function comparison(e: Encoding): Lane {
  const format = formatOf(e);
  const predicate = PREDICATES[e.immediate & (e.vex ? 31 : 7)]!;
  const ones = (1n << BigInt(format.width)) - 1n;
  const signals = (predicate & 16) !== 0;
  return (cpu, d, a, b) => {
    const relation = relate(cpu, a, b, format, signals);
    writeBits(cpu, d, format, (predicate >> (relation + 1)) & 1 ? ones : 0n);
  };
}

/** 0F 2E and 2F: UCOMISS, UCOMISD, COMISS, COMISD. */
export function compileOrdered(e: Encoding): Maker {
  const format = formatOf(e);
  const source = sourceOf(e, format.width / 8, false);
  const half = halfOf(e);
  const signals = e.opcode === 0x2f;
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    cpu.status.follow(cpu.mxcsr);
    const relation = relate(cpu, cpu.vector(e.reg, 0), half(cpu, 0), format, signals);
    settle(cpu);
    cpu.writeFlags(FLAGS_OF[relation + 1]!);
  };
}

const FLAGS_OF = [CF, ZF, 0, ZF | PF | CF];

/** ADDSUBPS and ADDSUBPD (0F D0), HADD and HSUB (0F 7C, 7D). */
export function compilePairs(e: Encoding): Maker {
  const double = e.pp === 1;
  const width = double ? 8 : 4;
  const pick = ({ single, double: wide }: LanePair): Lane => (double ? wide : single);
  const [plus, minus] = [pick(ADD), pick(SUBTRACT)];
  const halves = e.l ? 2 : 1;
  const source = sourceOf(e, 16 * halves, !e.vex);
  const half = halfOf(e);
  const first = e.vex ? e.v : e.reg;
  const count = 16 / width;
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    cpu.status.follow(cpu.mxcsr);
    for (let h: 0 | 1 = 0; ; h = 1) {
      const a = cpu.vector(first, h);
      const b = half(cpu, h);
      const d = cpu.resultArea + 16 * h;
      for (let i = 0; i < count; i++) {
        const at = i * width;
        if (e.opcode === 0xd0) (i & 1 ? plus : minus)(cpu, d + at, a + at, b + at);
        else {
          const pair = (2 * at) & 15;
          const from = i < count / 2 ? a : b;
          (e.opcode === 0x7c ? plus : minus)(cpu, d + at, from + pair, from + pair + width);
        }
      }
      if (h + 1 >= halves) break;
    }
    finish(cpu, e, e.reg);
  };
}

/** ROUNDPS, ROUNDPD, ROUNDSS, ROUNDSD (0F3A 08 to 0B). */
export function compileRound(e: Encoding): Maker {
  const double = (e.opcode & 1) === 1;
  const format = double ? FLOAT64 : FLOAT32;
  const { immediate } = e;
  const lane: Lane = (cpu, d, _a, b) => {
    const rounding = immediate & 4 ? cpu.status.rounding : ((immediate & 3) as Rounding);
    const quietly = (immediate & 8) !== 0;
    const bits = roundToIntegral(readBits(cpu, b, format), format, cpu.status, rounding, quietly);
    writeBits(cpu, d, format, bits);
  };
  const pp = e.opcode >= 0x0a ? (double ? 3 : 2) : double ? 1 : 0;
  const made = lanes({ ...e, pp }, lane, true);
  return made;
}

/** DPPS and DPPD (0F3A 40, 41). */
export function compileDotProduct(e: Encoding): Maker {
  const format = e.opcode === 0x41 ? FLOAT64 : FLOAT32;
  const width = format.width / 8;
  const count = 16 / width;
  const halves = e.l ? 2 : 1;
  const source = sourceOf(e, 16 * halves, !e.vex);
  const half = halfOf(e);
  const first = e.vex ? e.v : e.reg;
  const sum = (x: bigint, y: bigint, status: FloatStatus): bigint => add(x, y, format, status);
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    cpu.status.follow(cpu.mxcsr);
    for (let h: 0 | 1 = 0; ; h = 1) {
      const a = cpu.vector(first, h);
      const b = half(cpu, h);
      const products = Array.from({ length: count }, (_, i) =>
        (e.immediate >> (4 + i)) & 1
          ? multiply(
              readBits(cpu, a + i * width, format),
              readBits(cpu, b + i * width, format),
              format,
              cpu.status,
            )
          : 0n,
      );
      // The products' exceptions come before the sums'.
      settle(cpu);
      const sums: bigint[] = [];
      for (let i = 0; i < count; i += 2) sums.push(sum(products[i]!, products[i + 1]!, cpu.status));
      if (count === 4) settle(cpu);
      const total = count === 4 ? sum(sums[0]!, sums[1]!, cpu.status) : sums[0]!;
      for (let i = 0; i < count; i++)
        writeBits(
          cpu,
          cpu.resultArea + 16 * h + i * width,
          format,
          (e.immediate >> i) & 1 ? total : 0n,
        );
      if (h + 1 >= halves) break;
    }
    finish(cpu, e, e.reg);
  };
}

/** CVTSS2SI and its three relatives (0F 2C, 2D): into a general register. */
export function compileToGeneral(e: Encoding): Maker {
  const format = e.pp === 3 ? FLOAT64 : FLOAT32;
  const width = e.w ? 64 : 32;
  const source = sourceOf(e, format.width / 8, false);
  const half = halfOf(e);
  const truncates = e.opcode === 0x2c;
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    cpu.status.follow(cpu.mxcsr);
    const { status } = cpu;
    const at = half(cpu, 0);
    const plain = format === FLOAT64 ? cpu.f64[at >>> 3]! : cpu.f32[at >>> 2]!;
    const small = Math.trunc(plain);
    if (truncates && Math.abs(small) < SMALL && (small !== 0 || plain === 0)) {
      if (small !== plain) status.flags |= PE;
      settle(cpu);
      const to = cpu.general(e.reg) >>> 2;
      cpu.words[to] = small;
      cpu.words[to + 1] = e.w && small < 0 ? -1 : 0;
      return;
    }
    const bits = readBits(cpu, at, format);
    const value = toInteger(bits, format, width, status, truncates ? 3 : status.rounding);
    settle(cpu);
    cpu.view.setBigUint64(cpu.general(e.reg), value, true);
  };
}
