/** One instruction: read in either syntax, checked, and written again in the form that Keystone gets right. */

import { registerWidth } from '../../x86/registers.js';
import { StatementError } from '../assembly-error.js';
import type { LinearValue } from '../syntax/evaluate.js';
import type { Expression, TokenReader } from '../syntax/expression.js';
import {
  checkHighBytes,
  checkLock,
  checkMemory,
  checkProgramCounter,
  type ImmediateOperand,
  type Mode,
  type WrittenMemoryOperand,
  type WrittenOperand,
} from '../syntax/operand.js';
import { parseAttOperand } from '../syntax/operand-att.js';
import { parseIntelOperand } from '../syntax/operand-intel.js';
import { checkDisplacement, checkImmediate, checkTarget } from '../syntax/operand-range.js';
import { existsIn, isPrefix, keystoneText } from './keystone/quirks.js';

export interface SourceInstruction {
  readonly prefixes: readonly string[];
  /** Lower case; empty for prefixes alone. */
  readonly mnemonic: string;
  readonly operands: readonly WrittenOperand[];
  readonly mode: Mode;
}

/** Values of expressions in one round of assembly. */
export interface Values {
  /** Undefined for what is no sum of places. */
  linear(expression: Expression): LinearValue | undefined;
  /** Uses the addresses of the round before; in the first they are guesses. */
  number(expression: Expression): bigint;
  /** False in a first round for what depends on addresses: it may be far from what it will be. */
  settled(expression: Expression): boolean;
}

/** The name under which Keystone knows a place. */
export function anchorName(anchor: number): string {
  return `zz${anchor}`;
}

export function hex(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

export function parseInstruction(reader: TokenReader, mode: Mode): SourceInstruction {
  const prefixes: string[] = [];
  let mnemonic = '';
  while (!reader.atEnd) {
    const token = reader.peek();
    if (token?.kind !== 'name') throw reader.unexpected('expected an instruction');
    reader.take();
    const word = token.text.toLowerCase();
    if (isPrefix(word)) {
      prefixes.push(word);
    } else {
      // Nothing that Keystone takes for a directive may come through here.
      if (!/^[a-z][a-z0-9]*$/.test(word)) throw new StatementError('expected an instruction');
      mnemonic = word;
      break;
    }
  }
  const jumps = isJump(mnemonic);
  const operands: WrittenOperand[] = [];
  while (!reader.atEnd) {
    if (operands.length > 0) reader.expect(',');
    operands.push(
      mode.syntax === 'intel' ? parseIntelOperand(reader) : parseAttOperand(reader, jumps),
    );
  }
  mnemonic = signExtension(mnemonic, operands);
  checkHighBytes(operands);
  checkProgramCounter(operands);
  if (prefixes.includes('lock')) checkLock(mnemonic, operands);
  if (operands.length === 0 && !existsIn(mode.bits, mnemonic)) {
    throw new StatementError(`'${mnemonic}' does not exist in ${mode.bits}-bit code`);
  }
  return { prefixes, mnemonic, operands, mode };
}

/** gcc writes `movsx rax, DWORD PTR [rbx]`, which is movsxd. */
function signExtension(mnemonic: string, operands: readonly WrittenOperand[]): string {
  const [target, source] = operands;
  if (mnemonic !== 'movsx' || target?.kind !== 'register' || registerWidth(target.name) !== 64) {
    return mnemonic;
  }
  const isWide =
    source?.kind === 'register'
      ? registerWidth(source.name) === 32
      : source?.kind === 'memory' && source.size === 'dword';
  return isWide ? 'movsxd' : mnemonic;
}

export function isJump(mnemonic: string): boolean {
  return /^(j[a-z]+|call[lq]?|loop(e|ne|z|nz)?|xbegin)$/.test(mnemonic);
}

/** Keystone's text, which depends on the round only where a value needs addresses. */
export function renderInstruction(instruction: SourceInstruction, values: Values): string {
  const { prefixes, mnemonic, mode } = instruction;
  const operands = instruction.operands.map(
    (operand, index) => renderOperand(instruction, operand, index, values) + operand.decoration,
  );
  const short = instruction.operands.some((each) => each.kind === 'memory' && each.base === 'eip');
  return keystoneText(short ? [...prefixes, 'addr32'] : prefixes, mnemonic, operands, mode.bits);
}

/** `mov rax, [label]` has an encoding with 64 bits of address, and Keystone takes it. */
export function takesWideAddress(
  { mnemonic, operands }: SourceInstruction,
  operand: WrittenOperand,
): boolean {
  const accumulator = operands.find((each) => each.kind === 'register');
  const plain = operand.kind === 'memory' && !operand.base && !operand.index;
  const register = accumulator?.kind === 'register' ? accumulator.name : '';
  return plain && /^mov(abs)?[bwlq]?$/.test(mnemonic) && /^(al|ax|eax|rax)$/.test(register);
}

function renderOperand(
  instruction: SourceInstruction,
  operand: WrittenOperand,
  index: number,
  values: Values,
): string {
  const percent = instruction.mode.syntax === 'att' ? '%' : '';
  switch (operand.kind) {
    case 'register':
      return `${operand.indirect ? '*' : ''}${percent}${operand.name}`;
    case 'immediate':
      return renderImmediate(instruction, operand, index, values);
    case 'memory':
      return renderMemory(instruction, operand, values);
  }
}

function renderImmediate(
  instruction: SourceInstruction,
  operand: ImmediateOperand & WrittenOperand,
  index: number,
  values: Values,
): string {
  const { mnemonic, mode } = instruction;
  const jumps = isJump(mnemonic);
  // Intel's `lea rax, label`: there is nothing but memory that it could be.
  if (mnemonic === 'lea' && index === 1) {
    const memory = { size: undefined, segment: undefined, base: undefined, index: undefined };
    const displacement = operand.value;
    const place = {
      ...operand,
      kind: 'memory' as const,
      ...memory,
      scale: undefined,
      displacement,
    };
    return renderMemory(instruction, place, values);
  }
  const dollar = mode.syntax === 'att' && !jumps ? '$' : '';
  const linear = values.linear(operand.value);
  // Keystone knows no `jmp label + 1`, and gives `mov rax, label` 32 bits at any address.
  const numeric = jumps ? linear?.constant !== 0n : loadsWide(instruction);
  const symbolic = numeric ? undefined : symbolText(linear);
  if (symbolic !== undefined) return dollar + symbolic;
  const value = values.number(operand.value);
  if (values.settled(operand.value)) {
    if (jumps) checkTarget(operand, value, mode.bits);
    else checkImmediate(instruction, index, value);
  }
  return dollar + hex(value);
}

function loadsWide({ mnemonic, operands, mode }: SourceInstruction): boolean {
  const target = operands[mode.syntax === 'intel' ? 0 : 1];
  if (!/^movq?$/.test(mnemonic) || target?.kind !== 'register') return false;
  return registerWidth(target.name) === 64;
}

/** `label` or `label + constant`; undefined when it is anything else. */
function symbolText(linear: LinearValue | undefined): string | undefined {
  if (linear?.anchors.size !== 1) return undefined;
  const [[anchor, factor]] = [...linear.anchors] as [[number, bigint]];
  if (factor !== 1n) return undefined;
  const { constant } = linear;
  if (constant === 0n) return anchorName(anchor);
  const sign = constant < 0n ? '-' : '+';
  return `${anchorName(anchor)} ${sign} ${hex(constant < 0n ? -constant : constant)}`;
}

function renderMemory(
  instruction: SourceInstruction,
  operand: WrittenMemoryOperand & WrittenOperand,
  values: Values,
): string {
  const { bits, syntax } = instruction.mode;
  const scale = operand.scale === undefined ? 1n : values.number(operand.scale);
  checkMemory(operand, scale, bits);
  const linear = operand.displacement && values.linear(operand.displacement);
  let displacement = symbolText(linear);
  let { index } = operand;
  if (displacement === undefined) {
    const value = operand.displacement === undefined ? 0n : values.number(operand.displacement);
    const absolute = operand.base === undefined && index === undefined;
    const settled = operand.displacement === undefined || values.settled(operand.displacement);
    const wide = takesWideAddress(instruction, operand);
    const fits = settled ? checkDisplacement(operand, value, bits, wide) : true;
    // Without registers Keystone would count it from RIP. RIZ is "no index", in an encoding of its own.
    if (absolute && bits === 64 && fits) index = 'riz';
    displacement = value === 0n && !absolute ? '' : hex(value);
  }
  // What makes it 32 bits of it is a prefix.
  const shown = { ...operand, index, base: operand.base === 'eip' ? 'rip' : operand.base };
  return syntax === 'intel'
    ? intelMemory(shown, scale, displacement)
    : attMemory(shown, scale, displacement);
}

function intelMemory(
  { size, segment, base, index }: WrittenMemoryOperand,
  scale: bigint,
  displacement: string,
): string {
  const scaled = index === undefined ? '' : `${index}*${scale}`;
  const terms = [base ?? '', scaled, displacement].filter((term) => term !== '');
  const prefix = `${size === undefined ? '' : `${size} ptr `}${segment ? `${segment}:` : ''}`;
  return `${prefix}[${terms.join(' + ').replaceAll('+ -', '- ')}]`;
}

function attMemory(
  { segment, base, index, indirect }: WrittenMemoryOperand & WrittenOperand,
  scale: bigint,
  displacement: string,
): string {
  const start = `${indirect ? '*' : ''}${segment ? `%${segment}:` : ''}${displacement}`;
  if (base === undefined && index === undefined) return start;
  const scaled = index === undefined ? '' : `,%${index},${hex(scale)}`;
  return `${start}(${base === undefined ? '' : `%${base}`}${scaled})`;
}
