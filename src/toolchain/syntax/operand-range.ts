/** Constants that an operation has no room for. Keystone cuts them to what fits, without a word. */

import { ownEntry } from '../../base/own-entry.js';
import { registerWidth } from '../../x86/registers.js';
import { StatementError } from '../assembly-error.js';
import type { WrittenOperand } from './operand.js';
import { SIZES } from './operand.js';

interface Checked {
  readonly mnemonic: string;
  readonly operands: readonly WrittenOperand[];
  readonly mode: { readonly bits: number; readonly syntax: 'intel' | 'att' };
}

/** Operations whose constant has the width of the operation. AT&T's suffix is cut off before. */
const FULL_WIDTH = new Set('mov movabs add adc sub sbb cmp and or xor test imul push'.split(' '));
const COUNTS = new Set('shl sal shr sar rol ror rcl rcr shld shrd bt bts btr btc int'.split(' '));

/** Bits of constants that are never negative, by operand. */
const UNSIGNED: Readonly<Record<string, readonly (number | undefined)[]>> = {
  ret: [16],
  retf: [16],
  enter: [16, 8],
  in: [8, 8],
  out: [8, 8],
};

const SUFFIX: Readonly<Record<string, number>> = { b: 8, w: 16, l: 32, q: 64 };

export function checkImmediate(instruction: Checked, index: number, given: bigint): void {
  // 0xffffffffffffffff is -1 in any width, as in GNU as.
  const value = given >= 1n << 63n && given < 1n << 64n ? given - (1n << 64n) : given;
  const operand = instruction.operands[index]!;
  const { name, suffix } = baseName(instruction);
  if (COUNTS.has(name)) {
    if (value < -128n || value > 255n) refuse(operand, given, 'the 8 bits of a count');
    return;
  }
  const unsigned = ownEntry(UNSIGNED, name)?.[index];
  if (unsigned !== undefined && (value < 0n || value >= 1n << BigInt(unsigned))) {
    refuse(operand, given, `${unsigned} bits without sign`);
  }
  if (!FULL_WIDTH.has(name)) return;
  const width = suffix ?? operationWidth(instruction, name);
  if (width === undefined) return;
  if (value < -(1n << BigInt(width - 1)) || value >= 1n << BigInt(width)) {
    refuse(operand, given, `${width} bits`);
  }
  const target = instruction.operands[instruction.mode.syntax === 'intel' ? 0 : index + 1];
  const whole = name === 'movabs' || (name === 'mov' && target?.kind === 'register');
  if (width < 64 || whole) return;
  if (value < -0x80000000n || value > 0x7fffffffn) {
    const way = 'the 32 bits, sign-extended, that a 64-bit operation takes: load it first';
    refuse(operand, given, way);
  }
}

/** Of a jump by number. */
export function checkTarget({ offset }: WrittenOperand, target: bigint, bits: number): void {
  if (BigInt.asUintN(bits, target) === target || BigInt.asIntN(bits, target) === target) return;
  const text = target < 0n ? target.toString() : `0x${target.toString(16)}`;
  throw new StatementError(`${text} is no address of ${bits}-bit code`, offset, text);
}

function baseName({ mnemonic, mode }: Checked): { name: string; suffix: number | undefined } {
  const known = FULL_WIDTH.has(mnemonic) || COUNTS.has(mnemonic);
  if (mode.syntax === 'intel' || known) return { name: mnemonic, suffix: undefined };
  return { name: mnemonic.slice(0, -1), suffix: SUFFIX[mnemonic.at(-1) ?? ''] };
}

/** Bits of the operation, as far as operands say. */
export function operationWidth({ operands, mode }: Checked, name: string): number | undefined {
  if (name === 'push') return mode.bits;
  for (const operand of operands) {
    if (operand.kind === 'register') return registerWidth(operand.name);
    if (operand.kind === 'memory' && operand.size !== undefined) return SIZES[operand.size];
  }
  return undefined;
}

function refuse({ offset }: WrittenOperand, value: bigint, room: string): never {
  const text = value < 0n ? value.toString() : `0x${value.toString(16)}`;
  throw new StatementError(`${text} does not fit in ${room}`, offset, text);
}

/**
 * Whether it fits in the 32 bits, sign-extended, of a displacement. `absolute`: without registers,
 * where some instructions take 64 bits. Throws when it fits in neither.
 */
export function checkDisplacement(
  { offset }: WrittenOperand,
  given: bigint,
  bits: number,
  absolute: boolean,
): boolean {
  const value = bits === 64 && given >= 1n << 63n ? given - (1n << 64n) : given;
  const limit = bits === 64 ? 0x7fffffffn : 0xffffffffn;
  if (value >= -0x80000000n && value <= limit) return true;
  if (absolute && bits === 64 && BigInt.asIntN(64, value) === value) return false;
  const text = value < 0n ? value.toString() : `0x${value.toString(16)}`;
  const way = 'the 32 bits of a displacement: use [rip + label], or load the address first';
  throw new StatementError(`${text} does not fit in ${way}`, offset, text);
}
