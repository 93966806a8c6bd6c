/**
 * Instructions whose length or name Capstone 5.0.9 has otherwise than CPUs in 64-bit mode: branches with 66, which AMD's CPUs
 * (CPUID names one) take for 16-bit ones, returns with 66, and hints and UD1 with a register (AMD manual volume 3, 1.2.1 and
 * NOP; Intel SDM volume 2, NOP, UD).
 */
import type { Arch } from '../../base/address.js';
import { decode, type Opcode } from '../../x86/instruction.js';
import { operandLength } from '../../x86/modrm.js';

export interface Corrected {
  readonly size: number;
  readonly mnemonic: string;
  readonly operands: string;
}

const RAX = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'];
const CONDITIONS = 'o no b ae e ne be a s ns p np l ge le g'.split(' ');

/** The instruction at the beginning of `bytes`; undefined: Capstone has it right. */
export function corrected(
  bytes: Uint8Array,
  address: bigint,
  arch: Arch,
  syntax: 'intel' | 'att',
): Corrected | undefined {
  const code = decode(bytes, arch === 'x86-64');
  const found =
    code.map === 0 ? oneByte(code, bytes, address, syntax) : twoByte(code, bytes, address, syntax);
  if (found === undefined || found.size > Math.min(bytes.length, 15)) return undefined;
  return found;
}

function oneByte(
  code: Opcode,
  bytes: Uint8Array,
  address: bigint,
  syntax: 'intel' | 'att',
): Corrected | undefined {
  const { opcode, operandSize, rexW, wide, at } = code;
  if (!wide || !operandSize) return undefined;
  if (opcode === 0xc2 && rexW) {
    const count = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    return { size: at + 2, mnemonic: 'ret', operands: number(count, syntax) };
  }
  if (rexW) return undefined;
  if (opcode === 0xe8 || opcode === 0xe9)
    return near(opcode === 0xe8 ? 'call' : 'jmp', code, bytes, address);
  if (opcode === 0xc3 || opcode === 0xc9)
    return { size: at, mnemonic: opcode === 0xc3 ? 'retw' : 'leavew', operands: '' };
  return undefined;
}

/** To a 16-bit address. */
function near(mnemonic: string, { at }: Opcode, bytes: Uint8Array, address: bigint): Corrected {
  const distance = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  const target = BigInt.asUintN(16, address + BigInt(at + 2) + BigInt(distance));
  return { size: at + 2, mnemonic, operands: `0x${target.toString(16)}` };
}

function number(value: number, syntax: 'intel' | 'att'): string {
  const text = value > 9 ? `0x${value.toString(16)}` : String(value);
  return syntax === 'att' ? `$${text}` : text;
}

function twoByte(
  code: Opcode,
  bytes: Uint8Array,
  address: bigint,
  syntax: 'intel' | 'att',
): Corrected | undefined {
  const { map, opcode, modrm, operandSize, rexW, wide, at, rex } = code;
  if (map !== 1) return undefined;
  if (wide && operandSize && !rexW && (opcode & 0xf0) === 0x80)
    return near(`j${CONDITIONS[opcode & 15]}`, code, bytes, address);
  // UD1, whose operands nobody reads.
  if (opcode === 0xb9) return { size: at + operandLength(code), mnemonic: 'ud1', operands: '' };
  const isRegister = modrm >> 6 === 3;
  const isHint = opcode >= 0x18 && opcode <= 0x1f;
  // ENDBR, RDSSP, PREFETCHIT and their kin have prefixes.
  if (!isRegister || !isHint || code.repeat !== 0) return undefined;
  const rm = (modrm & 7) | ((rex & 1) << 3);
  const name = register(rm, rexW, operandSize);
  return { size: at + 1, mnemonic: 'nop', operands: syntax === 'att' ? `%${name}` : name };
}

function register(index: number, rexW: boolean, operandSize: boolean): string {
  if (index > 7) return `r${index}${rexW ? '' : operandSize ? 'w' : 'd'}`;
  const name = RAX[index]!;
  return rexW ? name : operandSize ? name.slice(1) : `e${name.slice(1)}`;
}
