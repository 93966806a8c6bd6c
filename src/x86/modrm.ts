/** How many bytes a ModRM operand takes (Intel SDM volume 2, section 2.1.5). */
import { addressBits } from './effective-address.js';
import type { Opcode } from './instruction.js';

const STACK = 4;
const BASE = 5;

/** ModRM with its SIB byte and displacement. */
export function operandLength(code: Opcode): number {
  const mode = code.modrm >> 6;
  const base = code.modrm & 7;
  if (mode === 3) return 1;
  if (addressBits(code) === 16) return 1 + (mode === 0 ? (base === 6 ? 2 : 0) : mode);
  const sib = base === STACK ? 1 : 0;
  const absolute = mode === 0 && (sib === 1 ? (code.sib & 7) === BASE : base === BASE);
  return 1 + sib + (absolute ? 4 : mode === 0 ? 0 : mode === 1 ? 1 : 4);
}
