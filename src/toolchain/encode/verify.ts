/**
 * Checks what came of labels once their addresses are known. Keystone reports some values that do
 * not fit and cuts others to what does: a short jump of 200 bytes, a sign-extended address above
 * 2 GiB.
 */
import { StatementError } from '../assembly-error.js';
import type { Expression } from '../syntax/expression.js';
import type { WrittenOperand } from '../syntax/operand.js';
import { checkDisplacement, checkImmediate } from '../syntax/operand-range.js';
import { isJump, type SourceInstruction, takesWideAddress, type Values } from './instruction.js';
import { repair } from './keystone/quirks.js';
import { type EncodedItem, recheck } from './recheck.js';

/** Throws a StatementError. */
export function verifyInstruction(
  instruction: SourceInstruction,
  values: Values,
  encoding: EncodedItem,
): void {
  const { end } = encoding;
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
      else checkDisplacement(operand, value, mode.bits, takesWideAddress(instruction, operand));
    } else if (jumps) {
      const short = /^(loop|jcxz|jecxz|jrcxz)/.test(mnemonic);
      checkDistance(value - end, short ? 8 : 32, mode.bits);
    } else {
      checkImmediate(instruction, index, value);
    }
  }
  repair(mnemonic, encoding.code);
  recheck(instruction, values, encoding);
}

function expressionOf(operand: WrittenOperand): Expression | undefined {
  if (operand.kind === 'register') return undefined;
  return operand.kind === 'memory' ? operand.displacement : operand.value;
}

function checkDistance(distance: bigint, width: number, bits: number): void {
  const wrapped = BigInt.asIntN(bits, distance);
  if (BigInt.asIntN(width, wrapped) === wrapped) return;
  throw new StatementError('the target is too far away for this instruction');
}
