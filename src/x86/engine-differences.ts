/** The little that the adapter must know of the instruction at which a run ended, where Unicorn differs from hardware. */
import { decode, regOf } from './instruction.js';
import { memoryOperand } from './operands.js';

/** Bytes of a store that the engine makes as eight and the rest; 0 for any other instruction. */
export function wideStoreBytes(bytes: Uint8Array, wide: boolean): number {
  const code = decode(bytes, wide);
  // fbstp stores byte by byte.
  if (code.map === 0 && code.opcode === 0xdf) return 0;
  const operand = memoryOperand(code);
  return operand?.access === 'w' && (operand.bytes === 10 || operand.bytes === 16)
    ? operand.bytes
    : 0;
}

/**
 * Does the engine read a memory operand that is written? Hardware asks for the right to write at once;
 * the engine reads first, and so reports a refused page as a read.
 */
export function isReadModifyWrite(bytes: Uint8Array, wide: boolean): boolean {
  const code = decode(bytes, wide);
  const operand = memoryOperand(code);
  // setcc reads as well: see patch-flags.ts.
  const sets = code.map === 1 && (code.opcode & 0xf0) === 0x90;
  return operand?.access === 'rw' || (operand !== undefined && sets);
}

/** A far call or jump through a register, which there is not: the engine takes a pointer from nowhere. */
export function isUndefinedFarTransfer(bytes: Uint8Array, wide: boolean): boolean {
  const code = decode(bytes, wide);
  const far = regOf(code) === 3 || regOf(code) === 5;
  return code.map === 0 && code.opcode === 0xff && code.modrm >> 6 === 3 && far;
}

/** `icebp` (INT1), which the engine does not know. */
export const ICEBP = 0xf1;
