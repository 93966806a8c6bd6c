/** Encodings without a VEX prefix: which of them the engine must not do, and what happens instead. */
import { AF, CF, OF, PF, SF, ZF } from './cpu.js';
import type { Encoding } from './encoding.js';
import type { Maker } from './operands.js';

const VECTOR_GP = 13;
const STACK_POINTER = 4;

export const raises =
  (vector: number): Maker =>
  () =>
  (cpu) =>
    cpu.raise(vector);
export const generalProtection = raises(VECTOR_GP);

/** May this instruction have a LOCK prefix? Only what reads, changes and writes memory. */
export function mayLock({ map, opcode, group, memory }: Encoding): boolean {
  if (memory === undefined) return false;
  if (map === 0) {
    if (opcode < 0x38) return (opcode & 7) < 2;
    if (opcode >= 0x80 && opcode <= 0x83) return group !== 7;
    if (opcode === 0x86 || opcode === 0x87) return true;
    if (opcode === 0xf6 || opcode === 0xf7) return group === 2 || group === 3;
    return (opcode === 0xfe || opcode === 0xff) && group < 2;
  }
  if (map !== 1) return false;
  if (opcode === 0xba) return group >= 5;
  if (opcode === 0xc7) return group === 1;
  return [0xab, 0xb3, 0xbb, 0xb0, 0xb1, 0xc0, 0xc1].includes(opcode);
}

/** TEST with an immediate as its second encoding, F6 /1 and F7 /1, which the engine lacks. */
export function compileTest(e: Encoding, immediate: bigint): Maker {
  const bytes = e.opcode === 0xf6 ? 1 : e.w ? 8 : e.operandSize ? 2 : 4;
  const bits = 8 * bytes;
  const { memory } = e;
  const high = e.opcode === 0xf6 && e.rex === 0 && e.rm >= 4;
  return (next, nextHi) => (cpu) => {
    let at = high ? cpu.general(e.rm - 4) + 1 : cpu.general(e.rm);
    if (memory !== undefined) {
      cpu.locate(memory, next, nextHi);
      cpu.load(bytes, cpu.operandArea);
      at = cpu.operandArea;
    }
    const value = BigInt.asUintN(bits, cpu.view.getBigUint64(at, true));
    cpu.writeFlags(logicFlags(value & BigInt.asUintN(bits, immediate), bits));
  };
}

/** MOV of an immediate, C6 and C7. */
export function compileMoveImmediate(e: Encoding, immediate: bigint): Maker {
  const bytes = e.opcode === 0xc6 ? 1 : e.w ? 8 : e.operandSize ? 2 : 4;
  const { memory } = e;
  // A doubleword clears the upper half.
  const value = BigInt.asUintN(8 * bytes, immediate);
  return (next, nextHi) => (cpu) => {
    cpu.view.setBigUint64(cpu.resultArea, value, true);
    if (memory !== undefined) {
      cpu.locate(memory, next, nextHi);
      cpu.store(bytes, cpu.resultArea);
      return;
    }
    const at = cpu.general(e.rm);
    const count = bytes === 4 ? 8 : bytes;
    for (let i = 0; i < count; i++) cpu.bytes[at + i] = cpu.bytes[cpu.resultArea + i]!;
  };
}

/** SHLD and SHRD by an immediate. */
export function compileDoubleShift(e: Encoding): Maker {
  const bytes = e.w ? 8 : e.operandSize ? 2 : 4;
  const bits = BigInt(8 * bytes);
  const count = BigInt(e.immediate & (e.w ? 63 : 31));
  const left = e.opcode === 0xa4;
  const { memory } = e;
  return (next, nextHi) => (cpu) => {
    cpu.locate(memory!, next, nextHi);
    cpu.prepare(bytes);
    cpu.load(bytes, cpu.operandArea);
    if (count === 0n) return;
    const read = (at: number): bigint => BigInt.asUintN(8 * bytes, cpu.view.getBigUint64(at, true));
    const value = read(cpu.operandArea);
    const other = read(cpu.general(e.reg));
    const both = left ? (value << bits) | other : (other << bits) | value;
    const result = BigInt.asUintN(8 * bytes, left ? (both << count) >> bits : both >> count);
    const carry = left ? (value >> (bits - count)) & 1n : (value >> (count - 1n)) & 1n;
    const changed = (value ^ result) >> (bits - 1n) ? OF : 0;
    cpu.view.setBigUint64(cpu.resultArea, result, true);
    cpu.store(bytes, cpu.resultArea);
    cpu.writeFlags(logicFlags(result, 8 * bytes) | (carry ? CF : 0) | changed);
  };
}

/** Flags of AND and its kin, AF clear. */
export function logicFlags(result: bigint, bits: number): number {
  let flags = 0;
  if (result === 0n) flags |= ZF;
  if (result >> BigInt(bits - 1)) flags |= SF;
  if (evenParity(Number(result & 0xffn))) flags |= PF;
  return flags & ~(CF | OF | AF);
}

export function evenParity(byte: number): boolean {
  let bits = byte ^ (byte >> 4);
  bits ^= bits >> 2;
  bits ^= bits >> 1;
  return (bits & 1) === 0;
}

const REPZ = 1;
const REPNZ = 2;
const DATA = 8;
/** Whose 66 counts beside F2 or F3, because it says how many bits there are: POPCNT, TZCNT, LZCNT; CRC32. */
const SIZED = [0xb8, 0xbc, 0xbd];

/** Prefixes that do not count, as bits of QEMU's: the last of F2 and F3 is the one, and 66 is none beside it. */
export function droppedPrefixes({ map, opcode, repeat }: Encoding): number {
  if (repeat === 0) return 0;
  const other = repeat === 0xf3 ? REPNZ : REPZ;
  const sized = map === 0 || (map === 1 && SIZED.includes(opcode)) || (map === 2 && opcode >= 0xf0);
  return sized ? other : other | DATA;
}

/** Bits 0 to 3 by mandatory prefix (none, 66, F3, F2): the operand in memory has 16 bytes, and has to be aligned. */
const ALIGNED_0F = alignedTable([
  [0x14, 0x15, 3],
  [0x12, 0x12, 4],
  [0x16, 0x16, 4],
  [0x28, 0x29, 3],
  [0x2b, 0x2b, 3],
  [0x54, 0x57, 3],
  [0x60, 0x6d, 2],
  [0x6f, 0x6f, 2],
  [0x70, 0x70, 14],
  [0x74, 0x76, 2],
  [0x7f, 0x7f, 2],
  [0xc6, 0xc6, 3],
  [0xd1, 0xd5, 2],
  [0xd8, 0xe5, 2],
  [0xe7, 0xef, 2],
  [0xf1, 0xf6, 2],
  [0xf8, 0xfe, 2],
]);
const ALIGNED_0F38 = alignedTable([
  [0x00, 0x1e, 2],
  [0x28, 0x2b, 2],
  [0x37, 0x41, 2],
  [0xdb, 0xdf, 2],
]);
const ALIGNED_0F3A = alignedTable([
  [0x0c, 0x0f, 2],
  [0x42, 0x44, 2],
  [0xdf, 0xdf, 2],
]);

function alignedTable(rows: readonly (readonly [number, number, number])[]): Uint8Array {
  const table = new Uint8Array(256);
  for (const [first, last, prefixes] of rows) table.fill(prefixes, first, last + 1);
  return table;
}

/** CALL and JMP by a register or memory, of 64 bits where there are so many: AMD's CPUs make 66 one of 16. */
export function isNearIndirect({ map, opcode, group, operandSize, w }: Encoding): boolean {
  return map === 0 && opcode === 0xff && (group === 2 || group === 4) && (!operandSize || w);
}

/** A call of an address that is not canonical: where its return address would go is looked at first. */
export const refusedCall: Maker = (next, nextHi) => (cpu) => {
  const top = { base: STACK_POINTER, index: -1, scale: 1, displacement: -8, segment: -1 } as const;
  cpu.locate({ ...top, bits: 64, stack: true }, next, nextHi);
  cpu.prepare(8);
  cpu.raise(VECTOR_GP);
};

/** Does it load the address that it jumps to? */
function loadsTarget(e: Encoding): boolean {
  if (!e.wide) return false;
  if (e.map === 0 && (e.opcode === 0xc2 || e.opcode === 0xc3)) return !e.operandSize || e.w;
  return isNearIndirect(e) && e.memory !== undefined;
}

/**
 * How the first load or store is made: 1, of 16 bytes at a multiple of 16, else #GP (SSE without VEX: Intel SDM volume 1,
 * 4.1.1); 2, of 16 bytes anywhere; 4, in user mode, of an address, which has to be canonical, else #GP.
 */
export function wholeness(e: Encoding, user: boolean): 0 | 1 | 2 | 4 {
  const { map, opcode, pp, memory, vex } = e;
  if (user && loadsTarget(e)) return 4;
  if (memory === undefined || vex || map === 0) return 0;
  const table = map === 1 ? ALIGNED_0F : map === 2 ? ALIGNED_0F38 : ALIGNED_0F3A;
  if ((table[opcode]! >> pp) & 1) return 1;
  if (map !== 1) return 0;
  const unaligned =
    (opcode === 0x10 && pp < 2) || (opcode === 0x6f && pp === 2) || (opcode === 0xf0 && pp === 3);
  return unaligned ? 2 : 0;
}

/** SAHF and LAHF, which the engine takes for SPL's with a REX prefix. */
export function compileAh(stores: boolean): Maker {
  const EIGHT = AF | CF | PF | SF | ZF;
  return () => (cpu) => {
    const ah = cpu.general(0) + 1;
    if (stores) cpu.writeFlags((cpu.bytes[ah]! & EIGHT) | (cpu.readFlags() & OF));
    else cpu.bytes[ah] = (cpu.readFlags() & EIGHT) | 2;
  };
}

/** BSWAP of 16 bits, which the manual leaves undefined: AMD's CPUs answer 0. */
export function compileSwap16({ opcode, rex }: Encoding): Maker {
  const register = (opcode & 7) | ((rex & 1) << 3);
  return () => (cpu) => {
    cpu.halves[cpu.general(register) >>> 1] = 0;
  };
}
