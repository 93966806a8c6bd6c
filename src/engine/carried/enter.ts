/** ENTER: the end of its frame has to be writable, and registers change last (Intel SDM volume 2, ENTER). */
import type { CarriedCpu } from './cpu.js';
import type { Encoding, MemoryForm } from './encoding.js';
import type { Maker } from './operands.js';

const RSP = 4;
const RBP = 5;

export function compileEnter(e: Encoding, code: Uint8Array): Maker {
  const bytes = e.operandSize ? 2 : e.wide ? 8 : 4;
  const at = e.length - 3;
  const allocated = code[at]! | (code[at + 1]! << 8);
  const level = code[at + 2]! & 31;
  const pushes = level === 0 ? 1 : level + 1;
  const bits = e.wide ? 64 : 32;
  const below = (base: number, distance: number): MemoryForm => ({
    ...{ base, index: -1, scale: 1, displacement: -distance, segment: -1, bits, stack: true },
  });
  return (next, nextHi) => (cpu) => {
    cpu.keepLoads();
    const locate = (base: number, distance: number): void =>
      cpu.locate(below(base, distance), next, nextHi);
    const read = (register: number): bigint => cpu.view.getBigUint64(cpu.general(register), true);
    const frame = read(RSP) - BigInt(bytes);
    const end = pushes * bytes + allocated;
    const push = (index: number, value: bigint): void => {
      cpu.view.setBigUint64(cpu.resultArea, BigInt.asUintN(64, value), true);
      locate(RSP, index * bytes);
      cpu.store(bytes, cpu.resultArea);
    };
    push(1, read(RBP));
    for (let i = 1; i < level; i++) {
      // It may have been pushed just now.
      locate(RBP, i * bytes);
      cpu.load(bytes, cpu.operandArea);
      push(1 + i, cpu.view.getBigUint64(cpu.operandArea, true));
    }
    if (level > 0) push(pushes, frame);
    locate(RSP, end);
    cpu.prepare(bytes);
    write(cpu, RBP, bytes === 2 ? 2 : bits / 8, frame);
    write(cpu, RSP, bits / 8, read(RSP) - BigInt(end));
  };
}

function write(cpu: CarriedCpu, register: number, bytes: number, value: bigint): void {
  cpu.view.setBigUint64(cpu.resultArea, BigInt.asUintN(64, value), true);
  const at = cpu.general(register);
  for (let i = 0; i < bytes; i++) cpu.bytes[at + i] = cpu.bytes[cpu.resultArea + i]!;
}
