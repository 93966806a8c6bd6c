/**
 * Reads the bytes of an instruction back and compares them with what was written: where its memory operand lies, its
 * constants, its registers, its prefixes. An encoder that drops an index, cuts an address or takes rip for rax
 * says nothing; here it is refused. Two settings of the registers tell one address from another.
 */
import { effectiveAddress, numberAt } from '../../x86/effective-address.js';
import { decode, type Opcode } from '../../x86/instruction.js';
import { isPlainOffset, memoryOperand } from '../../x86/operands.js';
import { isSegment, isVector, registerNumber, registerWidth } from '../../x86/registers.js';
import { StatementError } from '../assembly-error.js';
import type { ImmediateOperand, WrittenMemoryOperand, WrittenOperand } from '../syntax/operand.js';
import { operationWidth } from '../syntax/operand-range.js';
import { isJump, type SourceInstruction, type Values } from './instruction.js';
import { prefixByte, segmentPrefix } from './keystone/quirks.js';

/** What came of an instruction. */
export interface EncodedItem {
  readonly code: Uint8Array;
  /** Address of the next instruction. */
  readonly end: bigint;
}

/** An instruction as its bytes say, VEX and EVEX included. */
interface Read {
  readonly opcode: Opcode;
  readonly bytes: Uint8Array;
  readonly isVex: boolean;
  readonly isEvex: boolean;
  /** Numbers in the fields that name registers; `others`: those that do beside a memory operand. */
  readonly registers: ReadonlySet<number>;
  readonly others: ReadonlySet<number>;
}

const FWAIT = 0x9b;
const XLAT = 0xd7;
/** Implicit in many: a, c and d, and the first vector register. */
const IMPLICIT = new Set([0, 1, 2]);

/** Throws a StatementError where the bytes say something else than the statement. */
export function recheck(
  instruction: SourceInstruction,
  values: Values,
  encoding: EncodedItem,
): void {
  const { mnemonic, operands, mode, prefixes } = instruction;
  // 16-bit code is read as it is: nothing runs it here.
  if (mode.bits === 16 || mnemonic === '') return;
  const read = readBack(encoding.code, mode.bits === 64);
  const { opcode, bytes } = read;
  const before = bytes.subarray(0, opcode.at - 1);
  if (!prefixes.every((word) => before.includes(prefixByte(word)))) {
    throw otherwise(undefined, 'without its prefix');
  }
  for (const operand of operands) {
    if (operand.kind === 'memory') checkAddress(instruction, operand, read, values, encoding);
    if (operand.kind === 'register') checkRegister(operand, read, operands.some(isMemory));
  }
  const readsMemory = !read.isVex && memoryOperand(opcode) !== undefined;
  if (readsMemory && !operands.some(isMemory)) {
    throw otherwise(undefined, 'with memory');
  }
  const constants = operands.filter((operand) => operand.kind === 'immediate');
  const [constant] = constants;
  if (constants.length !== 1 || constant?.kind !== 'immediate' || mnemonic === 'lea') return;
  if (isJump(mnemonic)) checkTarget(constant, values, encoding, mode.bits);
  else checkConstant(instruction, constant, values, read);
}

/** `lea eax, label` has an address too. */
function isMemory({ kind }: WrittenOperand): boolean {
  return kind === 'memory';
}

function otherwise(operand: WrittenOperand | undefined, how: string): StatementError {
  return new StatementError(
    `this would be encoded ${how}: write its bytes with .byte`,
    operand?.offset ?? 0,
  );
}

function readBack(code: Uint8Array, wide: boolean): Read {
  const bytes = code[0] === FWAIT && code.length > 1 ? code.subarray(1) : code;
  const plain = decode(bytes, wide);
  const at = plain.at - 1;
  const [first = 0, second = 0, third = 0, fourth = 0] = bytes.subarray(at);
  const isVex = (first === 0xc4 || first === 0xc5) && (wide || second >= 0xc0);
  const isEvex = first === 0x62 && (wide || second >= 0xc0);
  if (plain.map !== 0 || !(isVex || isEvex)) {
    const { modrm, opcode, rex } = plain;
    const [b, r] = [(rex & 1) << 3, (rex & 4) << 1];
    const others = new Set([((modrm >> 3) & 7) | r]);
    const inOpcode = namesRegister(plain) ? [(opcode & 7) | b] : [];
    const registers = new Set([...others, (modrm & 7) | b, ...inOpcode]);
    return { opcode: plain, bytes, isVex: false, isEvex: false, registers, others };
  }
  const length = isEvex ? 4 : first === 0xc4 ? 3 : 2;
  const inverted = ~second;
  // R, X and B as in REX; the two-byte form has R alone.
  const rex = ((inverted >> 5) & 4) | (length > 2 ? (inverted >> 5) & 3 : 0);
  const [opcodeByte = 0, modrm = 0, sib = 0] = bytes.subarray(at + length);
  const vvvv = (~(length === 2 ? second : third) >> 3) & 15;
  const high = isEvex ? [~second & 0x10, (~fourth & 8) << 1, (rex & 2) << 3] : [0, 0, 0];
  const reg = ((modrm >> 3) & 7) | ((rex & 4) << 1) | high[0]!;
  const rm = (modrm & 7) | ((rex & 1) << 3);
  const last = (bytes.at(-1) ?? 0) >> 4;
  const others = new Set([reg, vvvv, vvvv | high[1]!, last]);
  const registers = new Set([...others, rm, rm | high[2]!]);
  const opcode = { ...plain, opcode: opcodeByte, modrm, sib, rex, map: 1 as const };
  return {
    opcode: { ...opcode, at: at + length + 1 },
    bytes,
    isVex: true,
    isEvex,
    registers,
    others,
  };
}

/** inc, dec, push, pop, xchg and mov of a register, and bswap: its number is a part of the opcode. */
function namesRegister({ map, opcode }: Opcode): boolean {
  if (map === 1) return opcode >= 0xc8 && opcode <= 0xcf;
  if (map !== 0) return false;
  return (opcode >= 0x40 && opcode <= 0x5f) || (opcode & 0xf8) === 0x90 || (opcode & 0xf0) === 0xb0;
}

/** Values that no sum of others comes to. */
const SETTINGS = [0x1234_5678_9abc_def1n, 0x7e57_ab1e_c0de_5a95n];

/** By number, the same for a vector register: its elements are the indices. */
function setting(seed: bigint, number: number): bigint {
  return BigInt.asUintN(64, seed * BigInt(2 * number + 3) * 0x9e37_79b9_7f4a_7c15n);
}

const SEGMENT_VALUES: Readonly<Record<string, bigint>> = {
  fs: 0x5_0000_0000n,
  gs: 0x9_0000_0000n,
};

function checkAddress(
  instruction: SourceInstruction,
  operand: WrittenMemoryOperand & WrittenOperand,
  read: Read,
  values: Values,
  { end }: EncodedItem,
): void {
  const { bits } = instruction.mode;
  const { opcode, bytes } = read;
  checkSegment(instruction, operand, opcode);
  if (isString(opcode)) {
    checkStringAddress(operand, opcode);
    return;
  }
  const direct = isPlainOffset(opcode);
  if (!direct && opcode.modrm >= 0xc0) throw otherwise(operand, 'without its memory operand');
  // An encoder that forgets that such a byte is multiplied.
  const isByte = read.isEvex && opcode.modrm >> 6 === 1;
  const scaled = isByte && displacementByte(opcode, bytes) !== 0;
  if (scaled) {
    throw otherwise(operand, 'with its displacement multiplied, as AVX-512 does');
  }
  for (const seed of SETTINGS) {
    const named = (name: string): bigint => SEGMENT_VALUES[name.slice(0, 2)] ?? 0n;
    const register = (name: string): bigint =>
      name.endsWith('_base') ? named(name) : setting(seed, registerNumber(name));
    const actual = effectiveAddress(opcode, bytes, end, register);
    if (actual !== expectedAddress(operand, values, bits, seed, end)) {
      throw otherwise(operand, 'with another address');
    }
  }
}

function displacementByte({ at, modrm }: Opcode, bytes: Uint8Array): number {
  return bytes[at + ((modrm & 7) === 4 ? 2 : 1)] ?? 0;
}

function expectedAddress(
  operand: WrittenMemoryOperand,
  values: Values,
  bits: number,
  seed: bigint,
  end: bigint,
): bigint {
  const { base, index, scale, displacement, segment } = operand;
  const width = [base, index].flatMap((name) =>
    name === undefined || isVector(name) ? [] : [registerWidth(name) ?? bits],
  )[0];
  const relative = base === 'rip' || base === 'eip';
  const linear = displacement && values.linear(displacement);
  let sum = displacement === undefined ? 0n : values.number(displacement);
  // `[rip + label]` is the label.
  if (relative && (linear === undefined || linear.anchors.size === 0)) sum += end;
  if (base !== undefined && !relative) sum += setting(seed, registerNumber(base));
  if (index !== undefined && index !== 'riz' && index !== 'eiz') {
    const factor = scale === undefined ? 1n : values.number(scale);
    sum += factor * setting(seed, registerNumber(index));
  }
  const from = (segment !== undefined && SEGMENT_VALUES[segment]) || 0n;
  return BigInt.asUintN(bits, from + BigInt.asUintN(width ?? bits, sum));
}

/** In 64-bit code fs and gs alone say something; elsewhere ds or ss is what the base has by itself. */
function checkSegment(
  { mode, prefixes }: SourceInstruction,
  { base, segment, offset }: WrittenMemoryOperand & WrittenOperand,
  opcode: Opcode,
): void {
  if (prefixes.some(isSegment)) return;
  const stack = base !== undefined && /^[re]?[sb]p$/.test(base);
  const isDestination = isString(opcode) && base !== undefined && /^[re]?di$/.test(base);
  if (isDestination) {
    if (segment === undefined || segment === 'es') return;
    throw new StatementError(`${segment} cannot be the segment here: it is always es`, offset);
  }
  const own = stack ? 'ss' : 'ds';
  const meant = segment === undefined || segment === own ? 0 : segmentPrefix(segment);
  const plain = mode.bits === 64 && meant !== 0x64 && meant !== 0x65 ? 0 : meant;
  const said = mode.bits === 64 && opcode.segment < 0x64 ? 0 : opcode.segment;
  if (said === plain || (said === segmentPrefix(own) && plain === 0)) return;
  throw new StatementError(
    'this would be encoded with another segment: write its bytes with .byte',
    offset,
  );
}

/** movs, cmps, stos, lods, scas, ins, outs and xlat: their registers are given. */
function isString({ map, opcode }: Opcode): boolean {
  const moves = (opcode >= 0xa4 && opcode <= 0xa7) || (opcode >= 0xaa && opcode <= 0xaf);
  return map === 0 && (moves || (opcode >= 0x6c && opcode <= 0x6f) || opcode === XLAT);
}

function checkStringAddress(
  operand: WrittenMemoryOperand & WrittenOperand,
  { wide, addressSize, opcode }: Opcode,
): void {
  const { base, index, displacement } = operand;
  const width = wide ? (addressSize ? 32 : 64) : addressSize ? 16 : 32;
  const known = opcode === XLAT ? /^[re]?bx$/ : /^[re]?[sd]i$/;
  const right = base !== undefined && known.test(base) && registerWidth(base) === width;
  if (right && index === undefined && displacement === undefined) return;
  throw otherwise(operand, 'with another address');
}

function checkRegister(
  operand: WrittenOperand & { readonly name: string },
  { registers, others }: Read,
  besideMemory: boolean,
): void {
  if (isSegment(operand.name)) return;
  const number = registerNumber(operand.name);
  if (IMPLICIT.has(number) || (besideMemory ? others : registers).has(number)) return;
  throw otherwise(operand, 'with another register');
}

/** The distance is the last part of the code; short and near jumps differ in its length. */
function checkTarget(
  operand: ImmediateOperand & WrittenOperand,
  values: Values,
  { code, end }: EncodedItem,
  bits: number,
): void {
  const target = values.number(operand.value);
  const fits = BigInt.asUintN(bits, target) === target || BigInt.asIntN(bits, target) === target;
  const reaches = [1, 4].some((length) => {
    const distance = BigInt.asIntN(8 * length, numberAt(code, code.length - length, length));
    return BigInt.asUintN(bits, end + distance - target) === 0n;
  });
  if (!fits || !reaches) throw otherwise(operand, 'with another target');
}

function checkConstant(
  instruction: SourceInstruction,
  operand: ImmediateOperand & WrittenOperand,
  values: Values,
  { opcode, bytes }: Read,
): void {
  const value = values.number(operand.value);
  const { mnemonic } = instruction;
  const width = operationWidth(instruction, mnemonic.replace(/^push[lq]$/, 'push')) ?? 64;
  const isSame = (found: bigint): boolean => BigInt.asUintN(width, found - value) === 0n;
  const lengths = [1, 2, 4, 8].filter((length) => length <= bytes.length - opcode.at + 1);
  const found = lengths.some((length) => {
    const tail = numberAt(bytes, bytes.length - length, length);
    return isSame(tail) || isSame(BigInt.asIntN(8 * length, tail));
  });
  // `shl eax, 1` and `int 3` have codes of their own.
  if (found || value === 1n || (mnemonic === 'int' && value === 3n)) return;
  throw otherwise(operand, 'with another constant');
}
