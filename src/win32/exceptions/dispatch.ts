/**
 * Exceptions: a record and the processor's state are put on the stack of the guest, then its handlers are asked:
 * vectored ones, those of its frames, the filter for unhandled ones. Compare KiUserExceptionDispatcher and
 * RtlDispatchException.
 */
import { STATUS } from '../../abi/windows/status.js';
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import { ProcessEnded, Resumed } from '../control.js';
import type { Win32Process } from '../process.js';
import { callGuest } from '../run.js';
import { needStack } from '../stack.js';
import {
  captureContext,
  contextSize,
  contextWord,
  EXCEPTION_NONCONTINUABLE,
  type ExceptionRecord,
  encodeRecord,
  recordSize,
  restoreContext,
} from './context.js';
import { dispatchI386 } from './frames-i386.js';
import { dispatchX64 } from './frames-x64.js';

export interface RaisedException {
  readonly code: number;
  readonly address: Addr;
  readonly flags?: number;
  readonly parameters?: readonly bigint[];
}

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

const CONTINUE_EXECUTION = -1;
/** Exceptions within handlers of exceptions, and so on. */
const MAX_NESTED = 64;

/** Ends with the guest somewhere else: at a handler, or where it was, with what a handler changed. */
export function raise(process: Win32Process, raised: RaisedException): never {
  const { wide, engine } = process;
  const record: ExceptionRecord = {
    code: raised.code >>> 0,
    flags: raised.flags ?? 0,
    address: raised.address,
    parameters: raised.parameters ?? [],
  };
  return dispatch(process, record, captureContext(engine, wide));
}

export function dispatch(process: Win32Process, record: ExceptionRecord, context: Struct): never {
  const pending = place(process, record, context);
  if (pending === undefined || process.exceptionDepth >= MAX_NESTED) unhandled(process, record);
  process.exceptionDepth++;
  try {
    ask(process, pending);
  } finally {
    process.exceptionDepth--;
  }
  return unhandled(process, record);
}

function ask(process: Win32Process, pending: PendingException): void {
  for (const { handler } of [...process.vectoredHandlers]) {
    const answer = callHandler(process, handler, pending);
    if (answer === CONTINUE_EXECUTION) goOn(process, pending);
  }
  if (process.wide) dispatchX64(process, pending);
  else dispatchI386(process, pending);
  if (process.unhandledFilter === 0n) return;
  const answer = callHandler(process, process.unhandledFilter, pending);
  if (answer === CONTINUE_EXECUTION) goOn(process, pending);
}

function callHandler(process: Win32Process, handler: Addr, pending: PendingException): number {
  const answer = callGuest(process, handler, [pending.pointers], pending.below);
  return Number(BigInt.asIntN(32, answer));
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

/** Undefined: the stack has no room, or is none. */
function place(
  process: Win32Process,
  record: ExceptionRecord,
  context: Struct,
): PendingException | undefined {
  const { wide, word, memory } = process;
  const sp = contextWord(context, wide ? 'rsp' : 'esp', wide);
  // 64-bit leaf functions may use 128 bytes below the stack pointer under other systems; Windows leaves none.
  const contextAddress = (sp - BigInt(contextSize(wide))) & ~0xfn;
  const recordAddress = (contextAddress - BigInt(recordSize(wide))) & ~0xfn;
  const pointers = recordAddress - 16n;
  const table = new Struct(2 * word)
    .setWord(0, word, recordAddress)
    .setWord(word, word, contextAddress);
  needStack(process, pointers);
  const written =
    memory.tryWrite(contextAddress, context.bytes) &&
    memory.tryWrite(recordAddress, encodeRecord(record, wide)) &&
    memory.tryWrite(pointers, table.bytes);
  if (!written) return undefined;
  return { record, recordAddress, contextAddress, pointers, below: pointers };
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
