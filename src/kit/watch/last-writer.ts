/** Which instruction to blame: the last that changed a register, stored to an address, or ran at all. */

import type { Addr } from '../../base/address.js';
import { checkText } from '../../base/arguments.js';
import { aBigint, checkShape } from '../../base/shape.js';
import type { CallResult } from '../run/call-result.js';
import { checkResult } from '../run/result-shape.js';

/** The last instruction after which the register had another value than before it. */
export function lastWriter(result: CallResult, register: string): Addr | undefined {
  checkResult('lastWriter', result);
  checkText('lastWriter: the register', register);
  const { facts } = result;
  let writer: Addr | undefined;
  let last: { readonly pc: Addr; readonly value: bigint } | undefined;
  const { after } = facts.rerun(({ regs }) => (pc) => {
    const value = regs[register] ?? 0n;
    if (last !== undefined && last.value !== value) writer = last.pc;
    last = { pc, value };
  });
  // The last instruction of all is no observer's: a ret, mostly.
  return last !== undefined && after[register] !== undefined && after[register] !== last.value
    ? last.pc
    : writer;
}

/** The instruction that made what the code returned, where that is in a register. */
export function valueWriter(result: CallResult): Addr | undefined {
  const [piece] = result.facts.plan.result.pieces;
  const returned = result.outcome.kind === 'return';
  return returned && piece?.where === 'register' ? lastWriter(result, piece.name) : undefined;
}

/** The last instruction that stored to [start, end). */
export function lastStore(result: CallResult, start: Addr, end: Addr): Addr | undefined {
  checkResult('lastStore', result);
  checkShape('lastStore: the start', start, aBigint);
  checkShape('lastStore: the end', end, aBigint);
  const store = result
    .watched()
    .touched.findLast(
      ({ write, address, length }) => write && address < end && address + BigInt(length) > start,
    );
  return store?.pc;
}

/** Where the call ended: the faulting instruction, or the last that ran. */
export function lastPlace(result: CallResult): Addr | undefined {
  const { outcome } = result;
  if (outcome.kind === 'refused') return undefined;
  if (outcome.kind === 'signal' && outcome.access !== 'exec') return outcome.pc;
  return result.watched().path.at(-1);
}
