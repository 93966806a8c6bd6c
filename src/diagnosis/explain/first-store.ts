/**
 * Where a program first stored to memory of its own. Stores leave no trace, so the program runs once more, where
 * nothing stands in its way, with that memory read-only until the first store faults.
 */
import { PROT_WRITE } from '../../abi/linux/mman.js';
import type { FaultInterceptor, SyscallInterceptor } from '../../kernel/intercept.js';
import { RIGHT_WRITE } from '../../memory/mapping.js';
import type { SandboxOptions } from '../../sandbox/options.js';
import type { CallEvent } from '../../trace/events.js';
import { unhindered } from '../outcome/finished-run.js';
import type { ExplainBudget } from './budget.js';
import { isSame, resultOf, succeeded } from './change.js';
import { isMmap } from './subject.js';

const WRITE = BigInt(PROT_WRITE);

/** The instruction, or undefined: the memory is no writable mapping, or only the kernel ever wrote there. */
export async function firstStore(
  budget: ExplainBudget,
  options: SandboxOptions,
  made: CallEvent | undefined,
  entry: string | undefined,
): Promise<bigint | undefined> {
  if (made?.asks === undefined || !isMmap(made) || !(made.asks.rights & RIGHT_WRITE)) {
    return undefined;
  }
  let start: bigint | undefined;
  let store: bigint | undefined;
  const [, length = 0n, prot = 0n] = made.args;
  const intercept: SyscallInterceptor = (call) => {
    if (start !== undefined || !isSame(call, made)) return undefined;
    const args = call.args.map((arg, index) => (index === 2 ? arg & ~WRITE : arg));
    start = resultOf(call.perform(call.name, ...args));
    return start === undefined ? undefined : { kind: 'answer', value: start };
  };
  const interceptFault: FaultInterceptor = ({ access, address, pc, perform }) => {
    if (start === undefined || access !== 'write') return undefined;
    if (store !== undefined || address < start || address >= start + length) return undefined;
    store = pc;
    return succeeded(perform('mprotect', start, length, prot)) ? 'retry' : undefined;
  };
  await budget.attempt({ ...unhindered(options), intercept, interceptFault }, entry);
  return store;
}
