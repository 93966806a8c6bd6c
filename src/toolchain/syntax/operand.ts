/** Operands of one instruction, read from either syntax and checked before Keystone sees them. */

import { isExtended, isHighByte, isVector, registerWidth } from '../../x86/registers.js';
import { StatementError } from '../assembly-error.js';
import type { Expression } from './expression.js';

export type Bits = 16 | 32 | 64;
export type Syntax = 'intel' | 'att';

/** How statements are read from here on: `.code32`, `.att_syntax` and the like change it. */
export interface Mode {
  readonly bits: Bits;
  readonly syntax: Syntax;
}

export interface RegisterOperand {
  readonly kind: 'register';
  /** As Keystone takes it: `st(1)` for one of the floating-point stack. */
  readonly name: string;
}

export interface ImmediateOperand {
  readonly kind: 'immediate';
  readonly value: Expression;
}

export interface WrittenMemoryOperand {
  readonly kind: 'memory';
  /** `dword` of `dword ptr`, Intel syntax only. */
  readonly size: string | undefined;
  readonly segment: string | undefined;
  readonly base: string | undefined;
  readonly index: string | undefined;
  /** Undefined is 1. */
  readonly scale: Expression | undefined;
  readonly displacement: Expression | undefined;
}

export type WrittenOperand = (RegisterOperand | ImmediateOperand | WrittenMemoryOperand) & {
  readonly offset: number;
  /** AVX-512 masks and rounding, `{k1}{z}`, and AT&T's `*` of an indirect jump: passed through. */
  readonly decoration: string;
  readonly indirect: boolean;
};

export const SIZES: Readonly<Record<string, number>> = {
  byte: 8,
  word: 16,
  dword: 32,
  fword: 48,
  qword: 64,
  mmword: 64,
  tbyte: 80,
  oword: 128,
  xmmword: 128,
  ymmword: 256,
  zmmword: 512,
};

/**
 * Refuses memory operands that no x86 has. Keystone assembles several of them as something else:
 * `[rip + rax]` loses its index, a scale or displacement that does not fit loses bits.
 */
export function checkMemory(
  { base, index, offset }: WrittenMemoryOperand & { offset: number },
  scale: bigint,
  bits: Bits,
): void {
  const fail = (message: string): never => {
    throw new StatementError(message, offset);
  };
  if (![1n, 2n, 4n, 8n].includes(scale)) fail(`a scale of ${scale} is none of 1, 2, 4, 8`);
  if ((base === 'rip' || base === 'eip') && index !== undefined) {
    fail(`${base} takes no index register`);
  }
  if (base === 'eip' && bits !== 64) fail('eip addresses memory in 64-bit code only');
  if (index === 'rip' || index === 'eip') fail(`${index} cannot be scaled or added to a register`);
  if (index === 'rsp' || index === 'esp') fail(`${index} cannot be an index`);
  for (const name of [base, index]) {
    if (name === undefined) continue;
    const width = registerWidth(name) ?? 0;
    if (isVector(name) && name === index) continue;
    if (![16, 32, 64].includes(width)) fail(`${name} cannot address memory`);
    if (width === 64 && bits !== 64) fail(`${name} exists in 64-bit code only`);
    if (width === 16 && bits === 64) fail(`${name} cannot address memory in 64-bit code`);
  }
  const mixed = base !== undefined && index !== undefined && !isVector(index);
  if (mixed && registerWidth(base) !== registerWidth(index)) {
    fail(`${base} and ${index} differ in width`);
  }
}

/** Keystone takes it for rax. */
export function checkProgramCounter(operands: readonly WrittenOperand[]): void {
  for (const operand of operands) {
    if (operand.kind !== 'register' || !/^([re]?ip|[re]iz)$/.test(operand.name)) continue;
    const message = `${operand.name} cannot be an operand by itself; lea with [rip] gives an address`;
    throw new StatementError(message, operand.offset, operand.name);
  }
}

/** Instructions that may be locked, without AT&T's suffix. */
const LOCKABLE = new Set(
  'adc add and btc btr bts cmpxchg cmpxchg8b cmpxchg16b dec inc neg not or sbb sub xadd xchg xor'.split(
    ' ',
  ),
);

/** On a CPU it is an invalid instruction; what stands behind the prefix on a line of its own is not seen here. */
export function checkLock(mnemonic: string, operands: readonly WrittenOperand[]): void {
  if (mnemonic === '') return;
  const isLockable = LOCKABLE.has(mnemonic) || LOCKABLE.has(mnemonic.replace(/[bwlq]$/, ''));
  if (!isLockable) throw new StatementError(`'${mnemonic}' cannot be locked`);
  if (operands.some(({ kind }) => kind === 'memory')) return;
  throw new StatementError(`'lock ${mnemonic}' needs memory that it changes`);
}

/** Keystone ends itself over `mov ah, sil`, which no encoding has. */
export function checkHighBytes(operands: readonly WrittenOperand[]): void {
  const high = operands.find((each) => each.kind === 'register' && isHighByte(each.name));
  if (high?.kind !== 'register') return;
  const extended = operands.flatMap(rexRegisters);
  if (extended.length === 0) return;
  throw new StatementError(
    `${high.name} cannot be used together with ${extended[0]}`,
    high.offset,
    high.name,
  );
}

function rexRegisters(operand: WrittenOperand): string[] {
  if (operand.kind === 'register') {
    const { name } = operand;
    return isExtended(name) || registerWidth(name) === 64 ? [name] : [];
  }
  if (operand.kind === 'immediate') return [];
  return [operand.base, operand.index].filter(
    (name): name is string => name !== undefined && isExtended(name),
  );
}
