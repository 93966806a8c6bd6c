/** A call that the guest did not make: of the host's, or of an interceptor's in the guest's name. Traced as any. */
import { STATUS, succeeds, win32Error } from '../../abi/windows/status.js';
import type { CallAnswer } from '../../kernel/guest.js';
import { GuestFault } from '../process/memory-io.js';
import type { Win32Process } from '../process/process.js';
import type { ApiFunction } from './api.js';
import { ApiCall } from './call.js';
import { CallbackReturned, ProcessEnded, Resumed, ThreadEnded } from './control.js';
import { answersStatus, type FoundFunction } from './find-function.js';
import { type HostTask, isTask } from './task.js';
import { recordCall, recordEntry } from './trace.js';

/** 'no-return': it ends the process, or goes on elsewhere in it. */
export type HostCallAnswer = CallAnswer | 'no-return';

export function* callByHost(
  process: Win32Process,
  found: FoundFunction,
  given: readonly bigint[],
): HostTask<HostCallAnswer> {
  const bits = process.wide ? 64 : 32;
  const words = given.map((value) => BigInt.asUintN(bits, value));
  const call = new ApiCall(process, found.fn, process.pc, (index) => words[index] ?? 0n);
  const entry = recordEntry(process, found, call);
  let value: bigint;
  try {
    value = yield* wordFrom(found.fn, call);
  } catch (error) {
    const left = [ProcessEnded, ThreadEnded, Resumed, CallbackReturned].some(
      (kind) => error instanceof kind,
    );
    if (left) return 'no-return';
    if (!(error instanceof GuestFault)) throw error;
    const status = STATUS.ACCESS_VIOLATION;
    return { value: -1n, status, ...(answersStatus(found) ? {} : { error: win32Error(status) }) };
  }
  recordCall(process, found, entry, call, { value: BigInt.asUintN(bits, value), byHost: true });
  if (answersStatus(found)) {
    const status = Number(BigInt.asUintN(32, value));
    return { value: succeeds(status) ? BigInt(status) : -1n, status };
  }
  const error = call.error === undefined ? {} : { error: call.error };
  return { value: BigInt.asIntN(bits, value), ...error };
}

/** In one piece, whatever the run was asked for: 'no-return' when a limit ends it. */
export function callNow(
  process: Win32Process,
  found: FoundFunction,
  given: readonly bigint[],
): HostCallAnswer {
  const { system } = process;
  const { stepper } = system;
  system.stepper = undefined;
  const task = callByHost(process, found, given);
  const { done, value } = task.next();
  system.stepper = stepper;
  if (done) return value;
  task.return('no-return');
  return 'no-return';
}

/** What the function gives, as a register has it. */
export function* wordFrom(fn: ApiFunction, call: ApiCall): HostTask<bigint> {
  const result = fn.handler(call);
  return wordOfResult(isTask(result) ? yield* result : result);
}

export function wordOfResult(result: bigint | number | boolean): bigint {
  return typeof result === 'bigint' ? result : BigInt(Number(result));
}
