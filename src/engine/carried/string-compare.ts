/** PCMPISTRI, PCMPISTRM, PCMPESTRI, PCMPESTRM (Intel SDM volume 2, section 4.1). */
import { type CarriedCpu, CF, OF, SF, ZF } from './cpu.js';
import type { Encoding } from './encoding.js';
import { setGeneral } from './moves.js';
import { clear16, copy16, halfOf, type Maker, sourceOf } from './operands.js';

const EQUAL_ANY = 0;
const RANGES = 1;
const EQUAL_EACH = 2;

/** 0F3A 60 to 63. */
export function compileStringCompare(e: Encoding): Maker {
  const explicit = e.opcode < 0x62;
  const toMask = (e.opcode & 1) === 0;
  const { immediate } = e;
  const width = immediate & 1 ? 2 : 1;
  const count = 16 / width;
  const source = sourceOf(e, 16, false);
  const half = halfOf(e);
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    const read = (at: number): number[] => elements(cpu, at, width, (immediate & 2) !== 0);
    const a = read(cpu.vector(e.reg, 0));
    const b = read(half(cpu, 0));
    const lengthA = explicit ? explicitLength(cpu, 0, e.w, count) : implicitLength(a);
    const lengthB = explicit ? explicitLength(cpu, 2, e.w, count) : implicitLength(b);
    const raw = aggregate((immediate >> 2) & 3, a, lengthA, b, lengthB);
    const bits = polarity((immediate >> 4) & 3, raw, count, lengthB);
    if (toMask) writeMask(cpu, e, bits, count, width);
    else {
      const found = immediate & 0x40 ? 31 - Math.clz32(bits) : lowestBit(bits);
      setGeneral(cpu, 1, bits === 0 ? count : found);
    }
    cpu.writeFlags(
      (bits !== 0 ? CF : 0) |
        (lengthB < count ? ZF : 0) |
        (lengthA < count ? SF : 0) |
        (bits & 1 ? OF : 0),
    );
  };
}

function elements(
  { bytes, halves }: CarriedCpu,
  at: number,
  width: number,
  signed: boolean,
): number[] {
  return Array.from({ length: 16 / width }, (_, i) => {
    const value = width === 1 ? bytes[at + i]! : halves[(at >>> 1) + i]!;
    const shift = 32 - 8 * width;
    return signed ? (value << shift) >> shift : value;
  });
}

function implicitLength(all: readonly number[]): number {
  const end = all.indexOf(0);
  return end < 0 ? all.length : end;
}

/** The absolute value of eax or edx, or of the whole register with REX.W, and no more than there are. */
function explicitLength(cpu: CarriedCpu, register: number, wide: boolean, count: number): number {
  const value = cpu.view.getBigInt64(cpu.general(register), true);
  const signed = wide ? value : BigInt.asIntN(32, value);
  const size = signed < 0n ? -signed : signed;
  return size > BigInt(count) ? count : Number(size);
}

function aggregate(
  how: number,
  a: readonly number[],
  lengthA: number,
  b: readonly number[],
  lengthB: number,
): number {
  const count = a.length;
  let bits = 0;
  for (let j = 0; j < count; j++)
    if (matches(how, a, lengthA, b, lengthB, j, count)) bits |= 1 << j;
  return bits;
}

/** Whether element `j` of the second operand matches; what lies past an end is as the table of overrides says. */
function matches(
  how: number,
  a: readonly number[],
  lengthA: number,
  b: readonly number[],
  lengthB: number,
  j: number,
  count: number,
): boolean {
  if (how === EQUAL_ANY) return j < lengthB && a.slice(0, lengthA).includes(b[j]!);
  if (how === RANGES) {
    if (j >= lengthB) return false;
    for (let i = 0; i + 1 < lengthA; i += 2) if (a[i]! <= b[j]! && b[j]! <= a[i + 1]!) return true;
    return false;
  }
  if (how === EQUAL_EACH) {
    if (j >= lengthA || j >= lengthB) return j >= lengthA && j >= lengthB;
    return a[j] === b[j];
  }
  // Equal ordered: a match may run over the end of the register, but not of the string.
  for (let i = 0; i < lengthA && i + j < count; i++)
    if (i + j >= lengthB || a[i] !== b[i + j]) return false;
  return true;
}

function polarity(how: number, bits: number, count: number, lengthB: number): number {
  const all = 2 ** count - 1;
  if (how === 1) return bits ^ all;
  return how === 3 ? bits ^ (2 ** lengthB - 1) : bits;
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

function writeMask(cpu: CarriedCpu, e: Encoding, bits: number, count: number, width: number): void {
  clear16(cpu, cpu.resultArea);
  if (e.immediate & 0x40) {
    for (let i = 0; i < count; i++) {
      const value = (bits >> i) & 1 ? 0xffff : 0;
      if (width === 1) cpu.bytes[cpu.resultArea + i] = value;
      else cpu.halves[(cpu.resultArea >>> 1) + i] = value;
    }
  } else cpu.halves[cpu.resultArea >>> 1] = bits;
  copy16(cpu, cpu.vector(0, 0), cpu.resultArea);
  if (e.vex) clear16(cpu, cpu.vector(0, 1));
}
