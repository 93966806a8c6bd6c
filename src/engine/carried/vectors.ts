/** Instructions that apply one kernel to whole vectors, or to MMX registers. */
import type { CarriedCpu } from './cpu.js';
import type { Encoding } from './encoding.js';
import type { Kernel } from './integer-lanes.js';
import { halfOf, type Maker, sourceOf, writeResult } from './operands.js';

/** `unary`: the first operand is none, and VEX.vvvv has to say so (the caller has looked). */
export function vector(e: Encoding, kernel: Kernel): Maker {
  const halves = e.l ? 2 : 1;
  const source = sourceOf(e, 16 * halves, !e.vex);
  const half = halfOf(e);
  const first = e.vex ? e.v : e.reg;
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    for (let h: 0 | 1 = 0; ; h = 1) {
      kernel(cpu, cpu.resultArea + 16 * h, cpu.vector(first, h), half(cpu, h), 16);
      if (h + 1 >= halves) break;
    }
    writeResult(cpu, e, e.reg);
  };
}

/** Shifts by the low quadword of the second operand, 16 bytes of memory whatever the vector's length is. */
export function shiftByVector(e: Encoding, kernelFor: (count: number) => Kernel): Maker {
  const halves = e.l ? 2 : 1;
  const source = sourceOf(e, 16, !e.vex);
  const half = halfOf(e);
  const first = e.vex ? e.v : e.reg;
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    const kernel = kernelFor(countAt(cpu, half(cpu, 0)));
    for (let h: 0 | 1 = 0; ; h = 1) {
      const a = cpu.vector(first, h);
      kernel(cpu, cpu.resultArea + 16 * h, a, a, 16);
      if (h + 1 >= halves) break;
    }
    writeResult(cpu, e, e.reg);
  };
}

/** Beyond 64 all counts are alike. */
export function countAt({ words }: CarriedCpu, at: number): number {
  const low = words[at >>> 2]!;
  return words[(at >>> 2) + 1] !== 0 || low > 64 ? 64 : low;
}

/** Shifts by an immediate (0F 71 to 73), from ModRM.rm into VEX.vvvv. */
export function shiftByImmediate(e: Encoding, kernel: Kernel): Maker {
  const halves = e.l ? 2 : 1;
  return () => (cpu) => {
    for (let h: 0 | 1 = 0; ; h = 1) {
      const a = cpu.vector(e.rm, h);
      kernel(cpu, cpu.resultArea + 16 * h, a, a, 16);
      if (h + 1 >= halves) break;
    }
    writeResult(cpu, e, e.vex ? e.v : e.rm);
  };
}

/** An instruction of MMX; `bytes` of its second operand in memory. */
export function mmx(e: Encoding, kernel: Kernel, bytes = 8): Maker {
  const source = sourceOf(e, bytes, false);
  const { memory } = e;
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    const b = memory === undefined ? cpu.mmx(e.rm & 7) : cpu.operandArea;
    kernel(cpu, cpu.resultArea, cpu.mmx(e.reg & 7), b, 8);
    writeMmx(cpu, e.reg & 7);
  };
}

/** The result area into an MMX register: the x87 stack has all registers in use then, its top at 0. */
export function writeMmx(cpu: CarriedCpu, register: number): void {
  const { words, halves } = cpu;
  const to = cpu.mmx(register) >>> 2;
  const from = cpu.resultArea >>> 2;
  words[to] = words[from]!;
  words[to + 1] = words[from + 1]!;
  halves[2 * to + 4] = 0xffff;
  cpu.enterMmx();
}
