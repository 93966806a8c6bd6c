/**
 * String instructions with 32-bit addresses in 64-bit mode, of which the engine takes all 64 bits of the registers. One round
 * each time: a repeated one jumps to itself (Intel SDM volume 2, REP).
 */
import { AF, type CarriedCpu, CF, OF } from './cpu.js';
import type { Encoding, MemoryForm } from './encoding.js';
import { logicFlags } from './legacy.js';
import type { Maker } from './operands.js';

const RAX = 0;
const RCX = 1;
const RSI = 6;
const RDI = 7;

export function compileString(e: Encoding): Maker {
  const { opcode, length, repeat } = e;
  const bytes = (opcode & 1) === 0 ? 1 : e.w ? 8 : e.operandSize ? 2 : 4;
  const kind = opcode & 0xfe;
  const source = kind === 0xa4 || kind === 0xa6 || kind === 0xac;
  const target = kind !== 0xac;
  const compares = kind === 0xa6 || kind === 0xae;
  const from = form(RSI, e.segment);
  const to = form(RDI, -1);
  return (next, nextHi) => (cpu) => {
    cpu.keepLoads();
    const count = cpu.words[cpu.general(RCX) >>> 2]!;
    if (repeat !== 0 && count === 0) {
      cpu.jump(next, nextHi);
      return;
    }
    const { operandArea, resultArea } = cpu;
    if (source) {
      cpu.locate(from, next, nextHi);
      cpu.load(bytes, operandArea);
    } else cpu.view.setBigUint64(operandArea, cpu.view.getBigUint64(cpu.general(RAX), true), true);
    if (target) {
      cpu.locate(to, next, nextHi);
      if (compares) cpu.load(bytes, resultArea);
      else cpu.store(bytes, operandArea);
    } else load(cpu, bytes);
    if (source) advance(cpu, RSI, bytes);
    if (target) advance(cpu, RDI, bytes);
    const equal = compares && compare(cpu, bytes);
    if (repeat !== 0) set(cpu, RCX, count - 1);
    const again = repeat !== 0 && count !== 1 && (!compares || equal === (repeat === 0xf3));
    const lo = next - length;
    if (again) cpu.jump(lo >>> 0, (nextHi - (lo < 0 ? 1 : 0)) >>> 0);
    else cpu.jump(next, nextHi);
  };
}

function form(base: number, segment: number): MemoryForm {
  return { base, index: -1, scale: 1, displacement: 0, segment, bits: 32, stack: false };
}

/** A register of 32 bits: the upper half becomes zero. */
function set(cpu: CarriedCpu, register: number, value: number): void {
  const at = cpu.general(register) >>> 2;
  cpu.words[at] = value;
  cpu.words[at + 1] = 0;
}

function advance(cpu: CarriedCpu, register: number, bytes: number): void {
  const value = cpu.words[cpu.general(register) >>> 2]!;
  set(cpu, register, cpu.backwards ? value - bytes : value + bytes);
}

/** LODS: into the accumulator. */
function load(cpu: CarriedCpu, bytes: number): void {
  const at = cpu.general(RAX);
  for (let i = 0; i < bytes; i++) cpu.bytes[at + i] = cpu.bytes[cpu.operandArea + i]!;
  if (bytes === 4) cpu.words[(at >>> 2) + 1] = 0;
}

/** Flags of the first operand less the second. */
function compare(cpu: CarriedCpu, bytes: number): boolean {
  const bits = 8 * bytes;
  const a = BigInt.asUintN(bits, cpu.view.getBigUint64(cpu.operandArea, true));
  const b = BigInt.asUintN(bits, cpu.view.getBigUint64(cpu.resultArea, true));
  const difference = BigInt.asUintN(bits, a - b);
  const overflow = ((a ^ b) & (a ^ difference)) >> BigInt(bits - 1);
  const adjust = (a ^ b ^ difference) & 0x10n;
  cpu.writeFlags(
    logicFlags(difference, bits) | (a < b ? CF : 0) | (overflow ? OF : 0) | (adjust ? AF : 0),
  );
  return a === b;
}
