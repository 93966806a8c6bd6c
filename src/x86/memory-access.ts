/**
 * Which memory an instruction touches, from its bytes and the registers before it: its operand, what string
 * instructions and their like touch beside it, and the stack. Each repetition of `rep` is a step of its own.
 */
import type { Addr, Arch } from '../base/address.js';
import {
  addressBits,
  effectiveAddress,
  generalRegister,
  numberAt,
  type ReadRegister,
  segmentBase,
} from './effective-address.js';
import { decode, type Opcode, regOf } from './instruction.js';
import { isPlainOffset, memoryOperand, stacked, whole } from './operands.js';

export type { ReadRegister };

export interface MemoryAccess {
  readonly address: Addr;
  /** In bytes. */
  readonly length: number;
  readonly read: boolean;
  readonly write: boolean;
  /** On the stack without naming it: push, pop, call, ret and their like. */
  readonly stack: boolean;
}

/** What the disassembler says of an instruction, as far as it counts here. */
export interface InstructionBytes {
  readonly address: Addr;
  readonly bytes: Uint8Array;
}

/** What an instruction does, worked out once; `accessesOf` gives the addresses. */
export interface Decoded {
  readonly code: Opcode;
  readonly isCall: boolean;
  readonly isRet: boolean;
  /** Where a conditional branch goes. */
  readonly branchTarget: Addr | undefined;
  /** The address after it. */
  readonly next: Addr;
}

export function decodeInstruction<T extends InstructionBytes>(
  instruction: T,
  arch: Arch,
): T & Decoded {
  const { address, bytes } = instruction;
  const code = decode(bytes, arch === 'x86-64');
  const next = address + BigInt(bytes.length);
  const { map, opcode } = code;
  return {
    ...instruction,
    code,
    isCall: map === 0 && (opcode === 0xe8 || (opcode === 0xff && regOf(code) === 2)),
    isRet: map === 0 && [0xc2, 0xc3, 0xca, 0xcb].includes(opcode),
    branchTarget: branchTarget(code, bytes, next),
    next,
  };
}

/** jcc, and jcxz with the loops: the displacement ends the instruction. */
function branchTarget(code: Opcode, bytes: Uint8Array, next: Addr): Addr | undefined {
  const { map, opcode, wide, operandSize } = code;
  const short = map === 0 && ((opcode & 0xf0) === 0x70 || (opcode >= 0xe0 && opcode <= 0xe3));
  const long = map === 1 && (opcode & 0xf0) === 0x80;
  if (!short && !long) return undefined;
  const length = bytes.length - code.at;
  const target = next + BigInt.asIntN(8 * length, numberAt(bytes, code.at, length));
  return BigInt.asUintN(wide ? 64 : operandSize ? 16 : 32, target);
}

/** Before the instruction runs: what it will touch, with registers as they are. Loads stand before stores. */
export function accessesOf(
  { code, bytes, next }: InstructionBytes & Decoded,
  read: ReadRegister,
): MemoryAccess[] {
  // The engine comes by once more to see that nothing is left to repeat.
  if (isString(code) && code.repeat !== 0 && countOf(code, read) === 0n) return [];
  const implied = impliedOperands(code, read);
  const named = implied.length > 0 ? [] : namedOperand(code, bytes, next, read);
  const all = [...named, ...implied, ...stackAccesses(code, bytes, read)];
  return all.sort((a, b) => Number(a.write) - Number(b.write));
}

function isString({ map, opcode }: Opcode): boolean {
  return map === 0 && opcode >= 0xa4 && opcode <= 0xaf && opcode !== 0xa8 && opcode !== 0xa9;
}

function countOf(code: Opcode, read: ReadRegister): bigint {
  const bits = addressBits(code);
  return BigInt.asUintN(bits, read(generalRegister(1, code.wide)));
}

const access = (
  address: Addr,
  length: number,
  kind: 'r' | 'w' | 'rw',
  stack = false,
): MemoryAccess => ({
  address,
  length,
  read: kind !== 'w',
  write: kind !== 'r',
  stack,
});

function namedOperand(
  code: Opcode,
  bytes: Uint8Array,
  next: Addr,
  read: ReadRegister,
): MemoryAccess[] {
  const operand = memoryOperand(code);
  if (operand === undefined || operand.access === '') return [];
  const { bytes: length, access: kind } = operand;
  // `pop [rsp]` counts from the stack pointer after the pop.
  const popped = isPop(code) && !isPlainOffset(code) ? length : 0;
  const moved: ReadRegister = (name) =>
    name === stackPointer(code) ? read(name) + BigInt(popped) : read(name);
  const address = effectiveAddress(code, bytes, next, moved) + bitString(code, length, read);
  return [access(BigInt.asUintN(code.wide ? 64 : 32, address), length, kind)];
}

/** bt, bts, btr and btc count their bits from the address, by a register beyond the operand, also backwards. */
function bitString(code: Opcode, length: number, read: ReadRegister): bigint {
  if (code.map !== 1 || ![0xa3, 0xab, 0xb3, 0xbb].includes(code.opcode)) return 0n;
  const number = regOf(code) | ((code.rex & 4) << 1);
  const bits = 8 * length;
  const offset = BigInt.asIntN(bits, read(generalRegister(number, code.wide)));
  return (offset >> BigInt(Math.log2(bits))) * BigInt(length);
}

/** String instructions, xlat, maskmovq and maskmovdqu. */
function impliedOperands(code: Opcode, read: ReadRegister): MemoryAccess[] {
  const at = (number: number, base: bigint, add = 0n): Addr => {
    const value = read(generalRegister(number, code.wide)) + add;
    return BigInt.asUintN(code.wide ? 64 : 32, base + BigInt.asUintN(addressBits(code), value));
  };
  const { map, opcode } = code;
  const base = segmentBase(code, read);
  const length = opcode & 1 ? whole(code) : 1;
  const source = (): MemoryAccess => access(at(6, base), length, 'r');
  const target = (kind: 'r' | 'w'): MemoryAccess => access(at(7, 0n), length, kind);
  if (map === 1) return opcode === 0xf7 ? maskedBytes(code, at(7, base), read) : [];
  if (map !== 0) return [];
  switch (opcode & 0xfe) {
    case 0xa4:
      return [source(), target('w')];
    case 0xa6:
      return [source(), target('r')];
    case 0xaa:
      return [target('w')];
    case 0xac:
      return [source()];
    case 0xae:
      return [target('r')];
    default:
      return opcode === 0xd7 ? [access(at(3, base, read(accumulator(code)) & 0xffn), 1, 'r')] : [];
  }
}

const accumulator = ({ wide }: Opcode): string => generalRegister(0, wide);
const stackPointer = ({ wide }: Opcode): string => generalRegister(4, wide);

/** Bytes whose mask has its highest bit, in runs. */
function maskedBytes(code: Opcode, address: Addr, read: ReadRegister): MemoryAccess[] {
  const { modrm, rex, operandSize } = code;
  if (modrm >> 6 !== 3) return [];
  const number = (modrm & 7) | ((rex & 1) << 3);
  const mask = operandSize ? read(`xmm${number}`) : read(`st${number & 7}`);
  const runs: { start: number; length: number }[] = [];
  for (let index = 0; index < (operandSize ? 16 : 8); index++) {
    if (((mask >> BigInt(8 * index + 7)) & 1n) === 0n) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.start + last.length === index) last.length++;
    else runs.push({ start: index, length: 1 });
  }
  return runs.map(({ start, length }) => access(address + BigInt(start), length, 'w'));
}

/** What pushes and pops beside the operand: bytes pushed (positive) or popped (negative). */
function stackAccesses(code: Opcode, bytes: Uint8Array, read: ReadRegister): MemoryAccess[] {
  const sp = read(stackPointer(code));
  const bits = code.wide ? 64 : 32;
  const push = (length: number): MemoryAccess[] => [
    access(BigInt.asUintN(bits, sp - BigInt(length)), length, 'w', true),
  ];
  const pop = (length: number): MemoryAccess[] => [access(sp, length, 'r', true)];
  const { map, opcode } = code;
  const size = stacked(code);
  if (map === 1) {
    if (opcode === 0xa0 || opcode === 0xa8) return push(size);
    return opcode === 0xa1 || opcode === 0xa9 ? pop(size) : [];
  }
  if (map !== 0) return [];
  if (isPop(code)) return pop(size);
  if (isPush(code)) return push(size);
  switch (opcode) {
    case 0x60:
      return push(8 * size);
    case 0x61:
      return pop(8 * size);
    case 0xe8:
      return push(size);
    case 0xc2:
    case 0xc3:
      return pop(size);
    case 0xca:
    case 0xcb:
      return pop(2 * whole(code));
    case 0xcf:
      return pop((code.wide ? 5 : 3) * whole(code));
    case 0xc8:
      return entered(code, bytes, read, size);
    case 0xc9:
      return [access(read(generalRegister(5, code.wide)), size, 'r', true)];
    case 0xff:
      if (regOf(code) === 2) return push(size);
      return regOf(code) === 3 ? push(2 * whole(code)) : [];
    default:
      return [];
  }
}

/** push of a register, an immediate, a segment, the flags or memory. */
function isPush(code: Opcode): boolean {
  const { map, opcode, wide } = code;
  if (map !== 0) return false;
  if ([0x06, 0x0e, 0x16, 0x1e].includes(opcode)) return !wide;
  if (opcode === 0xff) return regOf(code) === 6;
  return (opcode >= 0x50 && opcode <= 0x57) || [0x68, 0x6a, 0x9c].includes(opcode);
}

function isPop(code: Opcode): boolean {
  const { map, opcode, wide } = code;
  if (map !== 0) return false;
  if ([0x07, 0x17, 0x1f].includes(opcode)) return !wide;
  if (opcode === 0x8f) return regOf(code) === 0;
  return (opcode >= 0x58 && opcode <= 0x5f) || opcode === 0x9d;
}

/** enter: the frame pointer, and with a level those of the frames around it and the new one. */
function entered(
  code: Opcode,
  bytes: Uint8Array,
  read: ReadRegister,
  size: number,
): MemoryAccess[] {
  const level = Number(numberAt(bytes, code.at + 2, 1)) & 31;
  const pushed = BigInt(size * (level === 0 ? 1 : level + 1));
  const sp = read(stackPointer(code));
  const writes = access(sp - pushed, Number(pushed), 'w', true);
  if (level < 2) return [writes];
  const outer = size * (level - 1);
  const frame = read(generalRegister(5, code.wide));
  return [access(frame - BigInt(outer), outer, 'r', true), writes];
}
