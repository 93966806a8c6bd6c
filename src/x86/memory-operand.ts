/**
 * Which memory an instruction touches, read from its disassembly: explicit operands, and the stack
 * accesses that push, pop, call and ret make. Capstone's text spells out implied operands of string
 * instructions; each repetition of `rep` is a step of its own.
 */
import type { Addr, Arch } from '../base/address.js';
import type { Instruction } from '../toolchain/disassembly/disassembler.js';

export interface MemoryAccess {
  readonly address: Addr;
  readonly length: number;
  readonly write: boolean;
  /** Made by push, pop, call or ret. */
  readonly stack: boolean;
}

export type ReadRegister = (name: string) => bigint;

interface Operand {
  readonly text: string;
  readonly length: number;
  readonly write: boolean;
}

/** What an instruction does, worked out once; `accessesOf` gives the addresses. */
export interface DecodedInstruction extends Instruction {
  readonly operandsInMemory: readonly Operand[];
  /** Bytes that it pushes (positive) or pops (negative). */
  readonly pushes: number;
  readonly isCall: boolean;
  readonly isRet: boolean;
  /** Where a conditional branch goes. */
  readonly branchTarget: Addr | undefined;
  /** The address after it. */
  readonly next: Addr;
}

const LENGTHS: Readonly<Record<string, number>> = {
  byte: 1,
  word: 2,
  dword: 4,
  fword: 6,
  qword: 8,
  tbyte: 10,
  xword: 10,
  xmmword: 16,
};

/** With a memory operand first, these only read it. */
const READS_FIRST =
  /^(v?u?comis|cmp(?!xchg|s)|test|bt$|push|call|jmp|i?mul$|i?div$|f(ld|add|sub|mul|div|com|i(ld|add|sub|mul|div|com))|ldmxcsr|fxrstor|frstor|prefetch|scas|lods|outs|verr|verw|lgdt|lidt|clflush)/;
/** An address, and no access. */
const NO_ACCESS = /^(lea|nop|prefetch\w*|endbr\d*)$/;
const CONDITIONAL = /^(j(?!mp)\w+|loop\w*)$/;

export function decodeInstruction(instruction: Instruction, arch: Arch): DecodedInstruction {
  const { mnemonic, operands, address, bytes } = instruction;
  const plain = mnemonic.replace(/^(rep\w*|lock|bnd|notrack) /, '');
  const target = CONDITIONAL.test(plain) && /^0x[0-9a-f]+$/.test(operands);
  return {
    ...instruction,
    operandsInMemory: NO_ACCESS.test(plain) ? [] : memoryOperands(plain, operands),
    pushes: pushedBytes(plain, operands, arch),
    isCall: plain === 'call',
    isRet: /^ret/.test(plain),
    branchTarget: target ? BigInt(operands) : undefined,
    next: address + BigInt(bytes.length),
  };
}

function memoryOperands(mnemonic: string, text: string): Operand[] {
  return text.split(', ').flatMap((operand, index) => {
    const match = /^(?:(\w+) ptr )?(?:[c-gs]s:)?\[(.*)\]$/.exec(operand);
    if (match === null) return [];
    const [, size, inner = ''] = match;
    const length = size === undefined ? 1 : (LENGTHS[size] ?? 1);
    const write = index === 0 && !READS_FIRST.test(mnemonic);
    return [{ text: inner, length, write }];
  });
}

function pushedBytes(mnemonic: string, operands: string, arch: Arch): number {
  const word = arch === 'x86-64' ? 8 : 4;
  const [first] = operands.split(', ');
  const short = first !== undefined && /^(\w[xip]|word ptr .*)$/.test(first) ? 2 : word;
  if (mnemonic === 'call' || /^pushf/.test(mnemonic)) return word;
  if (mnemonic === 'push') return short;
  if (mnemonic === 'pop') return -short;
  if (/^(popf|ret|leave)/.test(mnemonic)) return -word;
  return mnemonic === 'pushal' ? 32 : mnemonic === 'popal' ? -32 : 0;
}

/** Before the instruction runs: what it will touch, with registers as they are. */
export function accessesOf(
  instruction: DecodedInstruction,
  read: ReadRegister,
  arch: Arch,
): MemoryAccess[] {
  const bits = arch === 'x86-64' ? 64 : 32;
  const { operandsInMemory, pushes, mnemonic, next } = instruction;
  // The engine comes by once more to see that nothing is left to repeat.
  if (mnemonic.startsWith('rep') && read(bits === 64 ? 'rcx' : 'ecx') === 0n) return [];
  const found = operandsInMemory.map(({ text, length, write }) => ({
    address: BigInt.asUintN(bits, effectiveAddress(text, read, next)),
    length,
    write,
    stack: false,
  }));
  if (pushes === 0) return found;
  const base = mnemonic === 'leave' ? 'bp' : 'sp';
  const sp = read(arch === 'x86-64' ? `r${base}` : `e${base}`);
  const length = Math.abs(pushes);
  const address = pushes > 0 ? sp - BigInt(length) : sp;
  return [...found, { address, length, write: pushes > 0, stack: true }];
}

/** `rax + rcx*8 - 0x10`: terms with their signs. */
function effectiveAddress(text: string, read: ReadRegister, next: Addr): Addr {
  let sum = 0n;
  for (const [, sign, term = ''] of text.matchAll(/([+-]?)\s*([\w*]+)/g)) {
    const [name = '', scale = '1'] = term.split('*');
    const value = /^\d/.test(name)
      ? BigInt(name)
      : name === 'rip' || name === 'eip'
        ? next
        : isIndexOfNothing(name)
          ? 0n
          : read(name);
    sum += (sign === '-' ? -1n : 1n) * value * BigInt(scale);
  }
  return sum;
}

/** Capstone's names for an absent index. */
function isIndexOfNothing(name: string): boolean {
  return name === 'riz' || name === 'eiz';
}
