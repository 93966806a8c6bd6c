/** What a general protection fault was about, by its instruction: Linux arch/x86/kernel/traps.c:get_kernel_gp_address(). */
import { effectiveAddress } from '../../../x86/effective-address.js';
import { decode } from '../../../x86/instruction.js';
import { memoryOperand } from '../../../x86/operands.js';
import { isCanonical } from '../paging/mmu.js';
import type { ReportMemory } from './memory.js';
import type { SavedRegisters } from './registers.js';

const LONGEST = 15;

/** The address that the instruction used, if that is not canonical. */
export function nonCanonicalAddress(
  memory: ReportMemory,
  regs: SavedRegisters,
): bigint | undefined {
  const bytes = memory.bytes(regs.rip, LONGEST);
  if (bytes === undefined) return undefined;
  const code = decode(bytes, true);
  if (memoryOperand(code) === undefined) return undefined;
  // Relative to the instruction pointer is never far away.
  const address = effectiveAddress(code, bytes, regs.rip, (name) =>
    name === 'rsp' ? regs.rsp : (regs.general[name] ?? 0n),
  );
  return isCanonical(address) ? undefined : address;
}
