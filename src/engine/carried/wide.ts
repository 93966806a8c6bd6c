/** AVX's instructions that move elements across both halves, and those by masks and indices (Intel SDM volume 2). */
import type { CarriedCpu } from './cpu.js';
import type { Encoding } from './encoding.js';
import { clear16, copy16, halfOf, type Maker, sourceOf, writeResult } from './operands.js';
import { copy8 } from './shuffles.js';

/** VBROADCAST*, VPBROADCAST*: the first `bytes` of ModRM.rm, over and over. */
export function broadcast(e: Encoding, bytes: number): Maker {
  const source = sourceOf(e, bytes, false);
  const half = halfOf(e);
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    const from = half(cpu, 0);
    for (let i = 0; i < 32; i++)
      cpu.bytes[cpu.resultArea + i] = cpu.bytes[from + (i & (bytes - 1))]!;
    writeResult(cpu, e, e.reg);
  };
}

/** VPERMD, VPERMPS: doublewords of ModRM.rm, chosen by those of VEX.vvvv. */
export function permuteDoubles(e: Encoding): Maker {
  const source = sourceOf(e, 32, false);
  const half = halfOf(e);
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    for (let i = 0; i < 8; i++) {
      const by = cpu.words[(cpu.vector(e.v, i < 4 ? 0 : 1) >>> 2) + (i & 3)]! & 7;
      cpu.words[(cpu.resultArea >>> 2) + i] =
        cpu.words[(half(cpu, by < 4 ? 0 : 1) >>> 2) + (by & 3)]!;
    }
    writeResult(cpu, e, e.reg);
  };
}

/** VPERMQ, VPERMPD: quadwords of ModRM.rm, chosen by the immediate. */
export function permuteQuads(e: Encoding): Maker {
  const source = sourceOf(e, 32, false);
  const half = halfOf(e);
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    for (let i = 0; i < 4; i++) {
      const by = (e.immediate >> (2 * i)) & 3;
      copy8(cpu, cpu.resultArea + 8 * i, half(cpu, by < 2 ? 0 : 1) + 8 * (by & 1));
    }
    writeResult(cpu, e, e.reg);
  };
}

/** VPERM2F128, VPERM2I128. */
export function permuteHalves(e: Encoding): Maker {
  const source = sourceOf(e, 32, false);
  const half = halfOf(e);
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    for (let i = 0; i < 2; i++) {
      const by = e.immediate >> (4 * i);
      const to = cpu.resultArea + 16 * i;
      if (by & 8) clear16(cpu, to);
      else
        copy16(cpu, to, by & 2 ? half(cpu, (by & 1) as 0 | 1) : cpu.vector(e.v, (by & 1) as 0 | 1));
    }
    writeResult(cpu, e, e.reg);
  };
}

/** VINSERTF128, VINSERTI128. */
export function insertHalf(e: Encoding): Maker {
  const source = sourceOf(e, 16, false);
  const half = halfOf(e);
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    copy16(cpu, cpu.resultArea, e.immediate & 1 ? cpu.vector(e.v, 0) : half(cpu, 0));
    copy16(cpu, cpu.resultArea + 16, e.immediate & 1 ? half(cpu, 0) : cpu.vector(e.v, 1));
    writeResult(cpu, e, e.reg);
  };
}

/** VEXTRACTF128, VEXTRACTI128. */
export function extractHalf(e: Encoding): Maker {
  const { memory } = e;
  return (next, nextHi) => (cpu) => {
    copy16(cpu, cpu.resultArea, cpu.vector(e.reg, (e.immediate & 1) as 0 | 1));
    if (memory === undefined) {
      copy16(cpu, cpu.vector(e.rm, 0), cpu.resultArea);
      clear16(cpu, cpu.vector(e.rm, 1));
      return;
    }
    cpu.locate(memory, next, nextHi);
    cpu.store(16, cpu.resultArea);
  };
}

/** PMOVSX*, PMOVZX*: elements of `from` bytes become ones of `to`. */
export function extend(e: Encoding, from: number, to: number, signed: boolean): Maker {
  const count = (e.l ? 32 : 16) / to;
  const source = sourceOf(e, count * from, false);
  const half = halfOf(e);
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    const at = half(cpu, 0);
    for (let i = 0; i < count; i++) {
      const fill = signed && cpu.bytes[at + i * from + from - 1]! & 0x80 ? 255 : 0;
      for (let j = 0; j < to; j++)
        cpu.bytes[cpu.resultArea + i * to + j] = j < from ? cpu.bytes[at + i * from + j]! : fill;
    }
    writeResult(cpu, e, e.reg);
  };
}

const elementAt = (cpu: CarriedCpu, register: number, index: number, width: number): number => {
  const at = index * width;
  return cpu.vector(register, at < 16 ? 0 : 1) + (at & 15);
};

/** VMASKMOV*, VPMASKMOV*: elements that the mask in VEX.vvvv leaves out are not touched, and do not fault. */
export function maskedMove(e: Encoding, width: number, stores: boolean): Maker {
  const count = (e.l ? 32 : 16) / width;
  const memory = e.memory!;
  return (next, nextHi) => (cpu) => {
    cpu.locate(memory, next, nextHi);
    const chosen = Array.from({ length: count }, (_, i) => i).filter(
      (i) => cpu.bytes[elementAt(cpu, e.v, i, width) + width - 1]! & 0x80,
    );
    if (stores) {
      for (const i of chosen) cpu.prepare(width, i * width);
      copy16(cpu, cpu.resultArea, cpu.vector(e.reg, 0));
      copy16(cpu, cpu.resultArea + 16, cpu.vector(e.reg, 1));
      for (const i of chosen) cpu.store(width, cpu.resultArea + i * width, i * width);
      return;
    }
    clear16(cpu, cpu.resultArea);
    clear16(cpu, cpu.resultArea + 16);
    for (const i of chosen) cpu.load(width, cpu.resultArea + i * width, i * width);
    writeResult(cpu, e, e.reg);
  };
}

/**
 * VGATHER*, VPGATHER*: an element that has arrived clears its mask, so that the instruction goes on where a fault has
 * stopped it.
 */
export function gather(e: Encoding, indexWidth: number, width: number): Maker {
  const memory = e.memory!;
  const count = (e.l ? 32 : 16) / Math.max(indexWidth, width);
  return (next, nextHi) => (cpu) => {
    for (let i = 0; i < count; i++) {
      const mask = elementAt(cpu, e.v, i, width);
      if (!(cpu.bytes[mask + width - 1]! & 0x80)) continue;
      const at = elementAt(cpu, memory.index, i, indexWidth);
      const index =
        indexWidth === 8 ? cpu.view.getBigInt64(at, true) : BigInt(cpu.view.getInt32(at, true));
      cpu.locate(memory, next, nextHi, index);
      cpu.load(width, cpu.operandArea);
      const to = elementAt(cpu, e.reg, i, width);
      for (let j = 0; j < width; j++) {
        cpu.bytes[to + j] = cpu.bytes[cpu.operandArea + j]!;
        cpu.bytes[mask + j] = 0;
      }
    }
    clearFrom(cpu, e.reg, count * width);
    clearFrom(cpu, e.v, 0);
  };
}

function clearFrom(cpu: CarriedCpu, register: number, from: number): void {
  for (let i = from; i < 32; i++) cpu.bytes[cpu.vector(register, i < 16 ? 0 : 1) + (i & 15)] = 0;
}

/** VTESTPS, VTESTPD (sign bits) and VPTEST: ZF when `and` leaves none, CF when `andn` does. */
export function test(e: Encoding, mask: number, every: number): Maker {
  const halves = e.l ? 2 : 1;
  const source = sourceOf(e, 16 * halves, !e.vex);
  const half = halfOf(e);
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    let both = 0;
    let only = 0;
    for (let i = every - 1; i < 4 * halves; i += every) {
      const h = i < 4 ? 0 : 1;
      const a = cpu.words[(cpu.vector(e.reg, h) >>> 2) + (i & 3)]!;
      const b = cpu.words[(half(cpu, h) >>> 2) + (i & 3)]!;
      both |= a & b & mask;
      only |= ~a & b & mask;
    }
    cpu.writeFlags((both === 0 ? 0x40 : 0) | (only === 0 ? 1 : 0));
  };
}
