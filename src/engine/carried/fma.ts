/** FMA (Intel SDM volume 2, VFMADD* to VFNMSUB*): 0F38 96 to 9F, A6 to AF, B6 to BF. */
import { type CarriedCpu, settle } from './cpu.js';
import type { Encoding } from './encoding.js';
import { readBits, writeBits } from './float-lanes.js';
import { copy16, halfOf, type Maker, sourceOf, writeResult } from './operands.js';
import { FLOAT32, FLOAT64, fused } from './softfloat.js';

/** Which of destination (0), VEX.vvvv (1) and ModRM.rm (2) are multiplied, and which is added, by the opcode's row. */
const ORDERS: Readonly<Record<number, readonly [number, number, number]>> = {
  9: [0, 2, 1],
  10: [1, 0, 2],
  11: [1, 2, 0],
};

export function compileFma(e: Encoding): Maker | undefined {
  const order = ORDERS[e.opcode >> 4];
  const low = e.opcode & 15;
  if (order === undefined || low < 6) return undefined;
  const format = e.w ? FLOAT64 : FLOAT32;
  const width = format.width / 8;
  const scalar = low >= 8 && (low & 1) === 1;
  const count = scalar ? 1 : (e.l ? 32 : 16) / width;
  const source = sourceOf(e, scalar ? width : count * width, false);
  const half = halfOf(e);
  /** 6: add and subtract in turn, 7: subtract and add; then add, subtract, and both of the negated product. */
  const minusAt = (lane: number): boolean =>
    low === 6 ? (lane & 1) === 0 : low === 7 ? (lane & 1) === 1 : (low & 2) !== 0;
  const minusProduct = low >= 12;
  // NaNs: the first operand in the order of the mnemonic's digits.
  const [x, y, z] = order;
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    cpu.status.follow(cpu.mxcsr);
    copy16(cpu, cpu.resultArea, cpu.vector(e.reg, 0));
    for (let lane = 0; lane < count; lane++) {
      const h = lane * width < 16 ? 0 : 1;
      const at = (lane * width) & 15;
      const operands = [cpu.vector(e.reg, h), cpu.vector(e.v, h), half(cpu, h)];
      const bits = (which: number): bigint => readBits(cpu, operands[which]! + at, format);
      const result = fused(bits(x), bits(y), bits(z), format, cpu.status, {
        minusProduct,
        minusAddend: minusAt(lane),
      });
      writeBits(cpu, cpu.resultArea + lane * width, format, result);
    }
    finishFma(cpu, e);
  };
}

function finishFma(cpu: CarriedCpu, e: Encoding): void {
  settle(cpu);
  writeResult(cpu, e, e.reg);
}
