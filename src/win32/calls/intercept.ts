/** Whoever stands between the guest and the API: fails a call, answers it, changes its arguments, makes others first. */
import { succeeds, win32Error } from '../../abi/windows/status.js';
import { MayexecError } from '../../base/errors.js';
import type { Interception, PerformedCall } from '../../kernel/intercept.js';
import type { MemoryRequest } from '../../memory/request.js';
import type { Win32Process } from '../process/process.js';
import { ApiCall } from './call.js';
import {
  answersStatus,
  type FoundFunction,
  namedFunction,
  type SystemFunctions,
} from './find-function.js';
import { wordFrom } from './host-call.js';
import type { HostTask } from './task.js';

export interface InterceptedApi extends FoundFunction {
  readonly call: ApiCall;
  readonly args: readonly bigint[];
  readonly asks: MemoryRequest | undefined;
}

/** Undefined: nobody has a word in it. */
export function intercept(
  process: Win32Process,
  { name, call, args, asks }: InterceptedApi,
): Interception | undefined {
  return process.system.interceptor?.({
    pid: process.tracePid,
    pc: call.caller,
    name,
    args,
    asks,
    read: (address, length) => process.space.vm.pages.peek(address, length),
    perform: (other, ...given) => performInstead(process, other, given),
  });
}

/** What the function answers, as the interception says. */
export function* injectedAnswer(
  functions: SystemFunctions,
  { name, dll, fn, call }: FoundFunction & { readonly call: ApiCall },
  injected: Interception,
): HostTask<bigint> {
  switch (injected.kind) {
    case 'answer':
      return injected.value;
    case 'fail':
      if (!('error' in injected)) {
        throw new MayexecError(
          `intercept: ${name} cannot fail with ${injected.errno}: a function of the Windows API fails with a Win32 error or an NTSTATUS`,
        );
      }
      return failed(call, { name, dll }, injected.error);
    case 'change': {
      const made = injected.name === undefined ? fn : namedFunction(functions, injected.name).fn;
      const other = new ApiCall(
        call.process,
        made,
        call.caller,
        call.replaced(made, injected.args),
      );
      const value = yield* wordFrom(made, other);
      call.error = other.error;
      return value;
    }
  }
}

/** FALSE or NULL are how most functions say that they failed. */
const FAILED: Readonly<Record<string, bigint>> = {
  CreateFileA: -1n,
  CreateFileW: -1n,
  TlsAlloc: 0xffff_ffffn,
  FlsAlloc: 0xffff_ffffn,
  GetFileSize: 0xffff_ffffn,
  SetFilePointer: 0xffff_ffffn,
  GetWriteWatch: 0xffff_ffffn,
  ResetWriteWatch: 0xffff_ffffn,
  WaitForSingleObject: 0xffff_ffffn,
};

const STATUS_BITS = 0x8000_0000;

function failed(call: ApiCall, fn: Pick<FoundFunction, 'name' | 'dll'>, error: number): bigint {
  if (answersStatus(fn)) return BigInt(error);
  call.setError(error >= STATUS_BITS ? win32Error(error) : error);
  return FAILED[fn.name] ?? 0n;
}

export function performInstead(
  process: Win32Process,
  name: string,
  given: readonly bigint[],
): PerformedCall {
  const answer = process.ports.callNow(process, name, given);
  if (answer === 'no-return') return answer;
  const { value, error, status } = answer;
  if (error !== undefined) return { ok: false, error };
  return status === undefined || succeeds(status)
    ? { ok: true, value }
    : { ok: false, error: status };
}
