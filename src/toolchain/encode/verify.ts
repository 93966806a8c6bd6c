/**
 * Checks what came of labels once their addresses are known. Keystone reports some values that do
 * not fit and cuts others to what does: a short jump of 200 bytes, a sign-extended address above
 * 2 GiB.
 */
import { StatementError } from '../assembly-error.js';
import type { Expression } from '../syntax/expression.js';
import type { WrittenOperand } from '../syntax/operand.js';
import { checkDisplacement, checkImmediate } from '../syntax/operand-range.js';
import { isJump, type SourceInstruction, type Values } from './instruction.js';

/** `end`: the address of the next instruction. Throws a StatementError. */
export function verifyInstruction(
  instruction: SourceInstruction,
  values: Values,
  end: bigint,
): void {
  const { mnemonic, operands, mode } = instruction;
  for (const [index, operand] of operands.entries()) {
    const jumps = operand.kind === 'immediate' && isJump(mnemonic);
    const expression = expressionOf(operand);
    if (expression === undefined) continue;
    // Constants were checked when they were written; how far a jump goes is known only now.
    if (!jumps && values.linear(expression)?.anchors.size === 0) continue;
    const value = values.number(expression);
    if (operand.kind === 'memory') {
      const relative = operand.base === 'rip' || operand.base === 'eip';
      if (relative) checkDistance(value - end, 32, mode.bits);
      else checkDisplacement(operand, value, mode.bits, isAbsolute(instruction, operand));
    } else if (jumps) {
      const short = /^(loop|jcxz|jecxz|jrcxz)/.test(mnemonic);
      checkDistance(value - end, short ? 8 : 32, mode.bits);
    } else {
      checkImmediate(instruction, index, value);
    }
  }
}

function expressionOf(operand: WrittenOperand): Expression | undefined {
  if (operand.kind === 'register') return undefined;
  return operand.kind === 'memory' ? operand.displacement : operand.value;
}

/** `mov rax, [label]` has an encoding with 64 bits of address, and Keystone takes it. */
function isAbsolute({ mnemonic, operands }: SourceInstruction, operand: WrittenOperand): boolean {
  const accumulator = operands.find((each) => each.kind === 'register');
  const plain = operand.kind === 'memory' && !operand.base && !operand.index;
  const register = accumulator?.kind === 'register' ? accumulator.name : '';
  return plain && /^mov(abs)?[bwlq]?$/.test(mnemonic) && /^(al|ax|eax|rax)$/.test(register);
}

function checkDistance(distance: bigint, width: number, bits: number): void {
  const wrapped = BigInt.asIntN(bits, distance);
  if (BigInt.asIntN(width, wrapped) === wrapped) return;
  throw new StatementError('the target is too far away for this instruction');
}
