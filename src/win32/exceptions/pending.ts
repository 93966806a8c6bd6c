/** An exception on its way, and how its way ends: the guest goes on, or nobody handled it. */
import { STATUS } from '../../abi/windows/status.js';
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import { ProcessEnded, Resumed } from '../calls/control.js';
import type { Win32Process } from '../process/process.js';
import {
  contextSize,
  contextWord,
  EXCEPTION_NONCONTINUABLE,
  type ExceptionRecord,
  restoreContext,
} from './context.js';

/** An exception on its way: where its record and context lie on the guest's stack. */
export interface PendingException {
  readonly record: ExceptionRecord;
  readonly recordAddress: Addr;
  readonly contextAddress: Addr;
  /** EXCEPTION_POINTERS. */
  readonly pointers: Addr;
  /** The stack below is free. */
  readonly below: Addr;
}

/** The guest goes on as the context says now. @throws Resumed */
export function goOn(process: Win32Process, pending: PendingException): never {
  if (pending.record.flags & EXCEPTION_NONCONTINUABLE) {
    unhandled(process, { ...pending.record, code: STATUS.NONCONTINUABLE_EXCEPTION });
  }
  return resumeAt(process, pending.contextAddress);
}

/** NtContinue. @throws Resumed */
export function resumeAt(process: Win32Process, contextAddress: Addr): never {
  const { engine, wide, memory } = process;
  const bytes = memory.tryRead(contextAddress, contextSize(wide));
  if (bytes === undefined) {
    throw new ProcessEnded({
      kind: 'exception',
      status: STATUS.ACCESS_VIOLATION,
      parameters: [0n, contextAddress],
      pc: process.pc,
    });
  }
  const context = new Struct(bytes);
  restoreContext(engine, context, wide);
  throw new Resumed(contextWord(context, wide ? 'rsp' : 'esp', wide));
}

/** Nobody handled it: the process ends with the exception's code. @throws ProcessEnded */
export function unhandled(_process: Win32Process, record: ExceptionRecord): never {
  throw new ProcessEnded({
    kind: 'exception',
    status: record.code,
    parameters: [...record.parameters],
    pc: record.address,
  });
}
