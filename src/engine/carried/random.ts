/** RDRAND and RDSEED: numbers that follow from the sandbox's seed, and never fail (Intel SDM volume 2). */
import { CF } from './cpu.js';
import type { Encoding } from './encoding.js';
import type { Maker } from './operands.js';

export function compileRandom(e: Encoding): Maker {
  const bytes = e.w ? 8 : e.operandSize ? 2 : 4;
  return () => (cpu) => {
    cpu.view.setBigUint64(cpu.resultArea, cpu.random(), true);
    const at = cpu.general(e.rm);
    for (let i = 0; i < bytes; i++) cpu.bytes[at + i] = cpu.bytes[cpu.resultArea + i]!;
    if (bytes === 4) cpu.words[(at >>> 2) + 1] = 0;
    cpu.writeFlags(CF);
  };
}
