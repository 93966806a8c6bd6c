/** kernel32: handlers and RaiseException. */
import { ERROR } from '../../abi/windows/status.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import type { HostTask } from '../calls/task.js';
import { EXCEPTION_NONCONTINUABLE } from '../exceptions/context.js';
import { raise } from '../exceptions/dispatch.js';
import { unwindI386 } from '../exceptions/frames-i386.js';

const MAX_PARAMETERS = 15;
const MAX_HANDLERS = 1024;

export function raiseException(call: ApiCall): HostTask<never> {
  const { process, memory } = call;
  const { word } = process;
  const count = call.word(3) === 0n ? 0 : Math.min(call.dword(2), MAX_PARAMETERS);
  const parameters = Array.from({ length: count }, (_, index) =>
    memory.word(call.word(3) + BigInt(index * word)),
  );
  return raise(process, {
    code: call.dword(0) & ~0x1000_0000,
    flags: call.dword(1) & EXCEPTION_NONCONTINUABLE,
    address: process.pc,
    parameters,
  });
}

function addHandler(call: ApiCall): bigint {
  const { process } = call;
  if (process.vectoredHandlers.length >= MAX_HANDLERS) return call.fail(ERROR.NOT_ENOUGH_MEMORY);
  const id = process.allocate(8) ?? 0n;
  const handler = { id, handler: call.word(1) };
  if (call.dword(0) === 0) process.vectoredHandlers.push(handler);
  else process.vectoredHandlers.unshift(handler);
  return id;
}

export const exceptionsApi: ApiSet = {
  AddVectoredExceptionHandler: api('dword First, ptr Handler', addHandler),
  RemoveVectoredExceptionHandler: api('handle Handle', (call) => {
    const { process } = call;
    const before = process.vectoredHandlers.length;
    process.vectoredHandlers = process.vectoredHandlers.filter(({ id }) => id !== call.word(0));
    return before !== process.vectoredHandlers.length;
  }),
  SetUnhandledExceptionFilter: api('ptr lpTopLevelExceptionFilter', (call) => {
    const old = call.process.unhandledFilter;
    call.process.unhandledFilter = call.word(0);
    return old;
  }),
  // Where nobody debugs and nobody is asked, the process ends.
  UnhandledExceptionFilter: api('ptr ExceptionInfo', () => 1n),
  RaiseException: api(
    'flags dwExceptionCode, flags dwExceptionFlags, dword nNumberOfArguments, ptr lpArguments',
    raiseException,
  ),
  RtlUnwind: api(
    'ptr TargetFrame, ptr TargetIp, ptr ExceptionRecord, ptr ReturnValue',
    function* (call) {
      yield* unwindI386(call.process, call.word(0), call.word(2));
      return call.word(3);
    },
  ),
};
