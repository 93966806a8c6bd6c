/** A call that the guest did not make: of the host's, or of an interceptor's in the guest's name. Traced as any. */
import { STATUS, succeeds, win32Error } from '../../abi/windows/status.js';
import { unknownValue } from '../../base/errors.js';
import type { CallAnswer } from '../../kernel/guest.js';
import { GuestFault } from '../process/memory-io.js';
import type { Win32Process } from '../process/process.js';
import { ApiCall } from './call.js';
import { CallbackReturned, ProcessEnded, Resumed } from './control.js';
import { answersStatus, type FoundFunction, findFunction, functionNames } from './find-function.js';
import { recordCall, recordEntry } from './trace.js';

/** 'no-return': it ends the process, or goes on elsewhere in it. @throws MayexecError for an unknown function. */
export function callByHost(
  process: Win32Process,
  name: string,
  given: readonly bigint[],
): CallAnswer | 'no-return' {
  const found = namedFunction(process, name);
  const call = new ApiCall(process, found.fn, process.pc, (index) => given[index] ?? 0n);
  const entry = recordEntry(process, found, call);
  let value: bigint;
  try {
    value = wordOfResult(found.fn.handler(call));
  } catch (error) {
    const left = [ProcessEnded, Resumed, CallbackReturned].some((kind) => error instanceof kind);
    if (left) return 'no-return';
    if (!(error instanceof GuestFault)) throw error;
    const status = STATUS.ACCESS_VIOLATION;
    return { value: -1n, status, ...(answersStatus(found) ? {} : { error: win32Error(status) }) };
  }
  const bits = process.wide ? 64 : 32;
  recordCall(process, found, entry, call, { value: BigInt.asUintN(bits, value), byHost: true });
  if (answersStatus(found)) {
    const status = Number(BigInt.asUintN(32, value));
    return { value: succeeds(status) ? BigInt(status) : -1n, status };
  }
  const error = call.error === undefined ? {} : { error: call.error };
  return { value: BigInt.asIntN(bits, value), ...error };
}

/** @throws MayexecError for a function that the system has not here. */
export function namedFunction({ system }: Win32Process, name: string): FoundFunction {
  const found = findFunction(system, name);
  if (found === undefined) throw unknownValue('function', name, functionNames(system));
  return found;
}

/** What a handler gives, as a register has it. */
export function wordOfResult(result: bigint | number | boolean): bigint {
  return typeof result === 'bigint' ? result : BigInt(Number(result));
}
