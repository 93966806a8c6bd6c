/** Where a vector instruction takes its operands from, and how its result goes back. */
import type { CarriedCpu, Routine } from './cpu.js';
import { settle } from './cpu.js';
import type { Encoding } from './encoding.js';

/** A routine for the instruction whose next one lies at `nextHi:next`. */
export type Maker = (next: number, nextHi: number) => Routine;

const VECTOR_GP = 13;

/** Brings the operand of ModRM.rm where it can be read: the address of each half. */
export type Source = (cpu: CarriedCpu, next: number, nextHi: number) => void;

/**
 * `bytes` of a memory operand; `aligned`: it has to lie at a multiple of its length. Afterwards `halfOf` says where
 * it is.
 */
export function sourceOf(e: Encoding, bytes: number, aligned: boolean): Source {
  const { memory } = e;
  if (memory === undefined) return () => undefined;
  return (cpu, next, nextHi) => {
    cpu.locate(memory, next, nextHi);
    if (aligned && (cpu.lo & (bytes - 1)) !== 0) cpu.raise(VECTOR_GP);
    cpu.load(bytes, cpu.operandArea);
  };
}

/** The lower or upper 16 bytes of the operand of ModRM.rm. */
export function halfOf(e: Encoding): (cpu: CarriedCpu, half: 0 | 1) => number {
  const { memory, rm } = e;
  if (memory === undefined) return (cpu, half) => cpu.vector(rm, half);
  return (cpu, half) => cpu.operandArea + 16 * half;
}

/** Copies 16 bytes from one multiple of 4 to another. */
export function copy16(cpu: CarriedCpu, to: number, from: number): void {
  const { words } = cpu;
  const t = to >>> 2;
  const f = from >>> 2;
  words[t] = words[f]!;
  words[t + 1] = words[f + 1]!;
  words[t + 2] = words[f + 2]!;
  words[t + 3] = words[f + 3]!;
}

export function clear16(cpu: CarriedCpu, to: number): void {
  const { words } = cpu;
  const t = to >>> 2;
  words[t] = 0;
  words[t + 1] = 0;
  words[t + 2] = 0;
  words[t + 3] = 0;
}

/** Writes the result area to a register: with a VEX prefix what lies above the result becomes zero. */
export function writeResult(cpu: CarriedCpu, e: Encoding, register: number): void {
  copy16(cpu, cpu.vector(register, 0), cpu.resultArea);
  if (!e.vex) return;
  if (e.l) copy16(cpu, cpu.vector(register, 1), cpu.resultArea + 16);
  else clear16(cpu, cpu.vector(register, 1));
}

/** Flags of the floating-point lanes that were computed, then the result. */
export function finish(cpu: CarriedCpu, e: Encoding, register: number): void {
  settle(cpu);
  writeResult(cpu, e, register);
}
