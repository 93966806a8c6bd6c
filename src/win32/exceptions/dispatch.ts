/**
 * Exceptions: a record and the processor's state are put on the stack of the guest, then its handlers are asked:
 * vectored ones, those of its frames, the filter for unhandled ones. Compare KiUserExceptionDispatcher and
 * RtlDispatchException.
 */
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import { callback } from '../calls/callback.js';
import type { HostTask } from '../calls/task.js';
import { userExempts } from '../dep/ask-user.js';
import type { Win32Process } from '../process/process.js';
import { needStack } from '../process/stack.js';
import {
  captureContext,
  contextSize,
  contextWord,
  type ExceptionRecord,
  encodeRecord,
  recordSize,
} from './context.js';
import { dispatchI386 } from './frames-i386.js';
import { dispatchX64 } from './frames-x64.js';
import { goOn, type PendingException, unhandled } from './pending.js';

export interface RaisedException {
  readonly code: number;
  readonly address: Addr;
  readonly flags?: number;
  readonly parameters?: readonly bigint[];
}

const CONTINUE_EXECUTION = -1;
/** Exceptions within handlers of exceptions, and so on. */
const MAX_NESTED = 64;

/** Ends with the guest somewhere else: at a handler, or where it was, with what a handler changed. */
export function raise(process: Win32Process, raised: RaisedException): HostTask<never> {
  const { wide, engine } = process;
  const record: ExceptionRecord = {
    code: raised.code >>> 0,
    flags: raised.flags ?? 0,
    address: raised.address,
    parameters: raised.parameters ?? [],
  };
  return dispatch(process, record, captureContext(engine, wide));
}

export function* dispatch(
  process: Win32Process,
  record: ExceptionRecord,
  context: Struct,
): HostTask<never> {
  const pending = place(process, record, context);
  if (pending === undefined || process.exceptionDepth >= MAX_NESTED) unhandled(process, record);
  process.exceptionDepth++;
  try {
    yield* ask(process, pending);
  } finally {
    process.exceptionDepth--;
  }
  return unhandled(process, record);
}

function* ask(process: Win32Process, pending: PendingException): HostTask<void> {
  for (const { handler } of [...process.vectoredHandlers]) {
    const answer = yield* callHandler(process, handler, pending);
    if (answer === CONTINUE_EXECUTION) goOn(process, pending);
  }
  yield* process.wide ? dispatchX64(process, pending) : dispatchI386(process, pending);
  if (process.unhandledFilter !== 0n) {
    const answer = yield* callHandler(process, process.unhandledFilter, pending);
    if (answer === CONTINUE_EXECUTION) goOn(process, pending);
  }
  if (userExempts(process, pending.record)) goOn(process, pending);
}

function* callHandler(
  process: Win32Process,
  handler: Addr,
  pending: PendingException,
): HostTask<number> {
  process.system.meter.charge('signal');
  const answer = yield* callback(process, handler, [pending.pointers], pending.below);
  return Number(BigInt.asIntN(32, answer));
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
