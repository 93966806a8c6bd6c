/**
 * MMX, and conversions between its registers and vectors. The engine computes most of it, but leaves the upper bits of
 * the x87 register and some tags as they were, and lets some results run over (Intel SDM volume 1, section 9).
 */
import { settle } from './cpu.js';
import type { Encoding } from './encoding.js';
import { readBits, writeBits } from './float-lanes.js';
import { INTEGER_0F, INTEGER_0F38, type Kernel, shift } from './integer-lanes.js';
import { maskedBytes } from './moves.js';
import { copy16, halfOf, type Maker, sourceOf } from './operands.js';
import { align, copy8, PACK_0F, shuffleWords } from './shuffles.js';
import { FLOAT32, FLOAT64, fromInteger, toInteger } from './softfloat.js';
import { countAt, mmx, writeMmx } from './vectors.js';
import { implied, SHIFTS } from './vex.js';

/** Undefined: no instruction of MMX's. */
export function compileMmx(e: Encoding): Maker | 'undefined' | undefined {
  if (e.map === 1 && e.pp < 2 && [0x2a, 0x2c, 0x2d].includes(e.opcode)) return converted(e);
  if (e.map === 1 && e.pp === 2 && e.opcode === 0xd6) return inRegister(e, toVector(e));
  if (e.map === 1 && e.pp === 3 && e.opcode === 0xd6) return inRegister(e, fromVector(e));
  if (e.pp !== 0) return undefined;
  if (e.map === 1) return map1(e);
  if (e.map === 2) {
    const kernel = e.opcode <= 0x1e ? INTEGER_0F38[e.opcode] : undefined;
    return kernel === undefined ? undefined : mmx(e, kernel);
  }
  if (e.map === 3 && e.opcode === 0x0f) return mmx(e, align(e.immediate));
  return undefined;
}

const inRegister = (e: Encoding, made: Maker): Maker | 'undefined' =>
  e.memory === undefined ? made : 'undefined';

function map1(e: Encoding): Maker | 'undefined' | undefined {
  const { opcode, immediate } = e;
  if (opcode === 0x6c || opcode === 0x6d) return 'undefined';
  const kernel = INTEGER_0F[opcode] ?? PACK_0F[opcode];
  if (kernel !== undefined) return mmx(e, kernel, opcode >= 0x60 && opcode <= 0x62 ? 4 : 8);
  const shifted = SHIFTS[opcode];
  if (shifted !== undefined) {
    const by: Kernel = (cpu, d, a, b, bytes) =>
      shift(shifted[0], shifted[1], countAt(cpu, b))(cpu, d, a, a, bytes);
    return mmx(e, by);
  }
  switch (opcode) {
    case 0x6e:
      return load(e, e.w ? 8 : 4, true);
    case 0x6f:
      return load(e, 8, false);
    case 0x70:
      return mmx(e, shuffleWords(immediate, 0));
    case 0x71:
    case 0x72:
    case 0x73:
      return shiftGroup(e);
    case 0x7e:
      return store(e, e.w ? 8 : 4, true);
    case 0x7f:
      return store(e, 8, false);
    case 0xe7:
      return e.memory === undefined ? 'undefined' : store(e, 8, false);
    case 0xc4:
      return insertWord(e);
    case 0xc5:
      return inRegister(e, extractWord(e));
    case 0xd7:
      return inRegister(e, signMask(e));
    case 0xf7:
      return inRegister(e, maskedBytes(e, implied(e)));
    default:
      return undefined;
  }
}

function shiftGroup(e: Encoding): Maker | 'undefined' {
  const bits = e.opcode === 0x71 ? 16 : e.opcode === 0x72 ? 32 : 64;
  const { group, immediate } = e;
  if (e.memory !== undefined || (group !== 2 && group !== 6 && (group !== 4 || bits === 64)))
    return 'undefined';
  const kernel = shift(group, bits, immediate);
  return () => (cpu) => {
    const a = cpu.mmx(e.rm & 7);
    kernel(cpu, cpu.resultArea, a, a, 8);
    writeMmx(cpu, e.rm & 7);
  };
}

/** `general`: from a general register, else from an MMX one. */
function load(e: Encoding, bytes: 4 | 8, general: boolean): Maker {
  const source = sourceOf(e, bytes, false);
  const { memory } = e;
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    const register = general ? cpu.general(e.rm) : cpu.mmx(e.rm & 7);
    copy8(cpu, cpu.resultArea, memory === undefined ? register : cpu.operandArea);
    if (bytes === 4) cpu.words[(cpu.resultArea >>> 2) + 1] = 0;
    writeMmx(cpu, e.reg & 7);
  };
}

function store(e: Encoding, bytes: 4 | 8, general: boolean): Maker {
  const { memory } = e;
  return (next, nextHi) => (cpu) => {
    copy8(cpu, cpu.resultArea, cpu.mmx(e.reg & 7));
    if (memory !== undefined) {
      cpu.locate(memory, next, nextHi);
      cpu.store(bytes, cpu.resultArea);
    } else if (general) {
      if (bytes === 4) cpu.words[(cpu.resultArea >>> 2) + 1] = 0;
      copy8(cpu, cpu.general(e.rm), cpu.resultArea);
    } else {
      writeMmx(cpu, e.rm & 7);
      return;
    }
    cpu.enterMmx();
  };
}

function insertWord(e: Encoding): Maker {
  const source = sourceOf(e, 2, false);
  const { memory } = e;
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    const from = memory === undefined ? cpu.general(e.rm) : cpu.operandArea;
    copy8(cpu, cpu.resultArea, cpu.mmx(e.reg & 7));
    cpu.halves[(cpu.resultArea >>> 1) + (e.immediate & 3)] = cpu.halves[from >>> 1]!;
    writeMmx(cpu, e.reg & 7);
  };
}

function extractWord(e: Encoding): Maker {
  return () => (cpu) => {
    const value = cpu.halves[(cpu.mmx(e.rm & 7) >>> 1) + (e.immediate & 3)]!;
    cpu.view.setBigUint64(cpu.general(e.reg), BigInt(value), true);
    cpu.enterMmx();
  };
}

function signMask(e: Encoding): Maker {
  return () => (cpu) => {
    let mask = 0;
    for (let i = 0; i < 8; i++) mask |= (cpu.bytes[cpu.mmx(e.rm & 7) + i]! >> 7) << i;
    cpu.view.setBigUint64(cpu.general(e.reg), BigInt(mask), true);
    cpu.enterMmx();
  };
}

/** MOVQ2DQ. */
function toVector(e: Encoding): Maker {
  return () => (cpu) => {
    const to = cpu.vector(e.reg, 0);
    copy8(cpu, to, cpu.mmx(e.rm & 7));
    cpu.words[(to >>> 2) + 2] = 0;
    cpu.words[(to >>> 2) + 3] = 0;
    cpu.enterMmx();
  };
}

/** MOVDQ2Q. */
function fromVector(e: Encoding): Maker {
  return () => (cpu) => {
    copy8(cpu, cpu.resultArea, cpu.vector(e.rm, 0));
    writeMmx(cpu, e.reg & 7);
  };
}

/** CVTPI2PS, CVTPI2PD; CVTPS2PI, CVTPD2PI and their truncating forms. */
function converted(e: Encoding): Maker {
  return e.opcode === 0x2a ? integersToVector(e) : vectorToIntegers(e);
}

function integersToVector(e: Encoding): Maker {
  const format = e.pp === 1 ? FLOAT64 : FLOAT32;
  const source = sourceOf(e, 8, false);
  const { memory } = e;
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    cpu.status.follow(cpu.mxcsr);
    const from = memory === undefined ? cpu.mmx(e.rm & 7) : cpu.operandArea;
    copy16(cpu, cpu.resultArea, cpu.vector(e.reg, 0));
    for (let i = 0; i < 2; i++) {
      const value = BigInt(cpu.view.getInt32(from + 4 * i, true));
      writeBits(
        cpu,
        cpu.resultArea + (i * format.width) / 8,
        format,
        fromInteger(value, format, cpu.status),
      );
    }
    if (memory === undefined) cpu.enterMmx();
    settle(cpu);
    copy16(cpu, cpu.vector(e.reg, 0), cpu.resultArea);
  };
}

function vectorToIntegers(e: Encoding): Maker {
  const format = e.pp === 1 ? FLOAT64 : FLOAT32;
  const bytes = format.width / 4;
  const source = sourceOf(e, bytes, bytes === 16);
  const half = halfOf(e);
  const truncates = e.opcode === 0x2c;
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    cpu.status.follow(cpu.mxcsr);
    const from = half(cpu, 0);
    for (let i = 0; i < 2; i++) {
      const bits = readBits(cpu, from + (i * format.width) / 8, format);
      const value = toInteger(bits, format, 32, cpu.status, truncates ? 3 : cpu.status.rounding);
      cpu.words[(cpu.resultArea >>> 2) + i] = Number(value);
    }
    cpu.enterMmx();
    settle(cpu);
    writeMmx(cpu, e.reg & 7);
  };
}
