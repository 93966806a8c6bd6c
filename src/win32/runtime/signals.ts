/**
 * msvcrt: signal and raise. What an exception becomes as a signal is the start-up code's business: it asks signal()
 * for the handler, and calls it.
 */
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { callback } from '../calls/callback.js';
import type { HostTask } from '../calls/task.js';
import { exitProcess } from '../process/exit-process.js';
import type { Win32Process } from '../process/process.js';
import { EINVAL, setErrno } from './errors.js';
import { flushAll } from './stdio.js';

const SIGABRT = 22;
const SIGABRT_COMPAT = 6;
const SIG_DFL = 0n;
const SIG_IGN = 1n;
const SIG_ERR = -1n;
/** INT, ILL, FPE, SEGV, TERM, BREAK. */
const OTHERS = [2, 4, 8, 11, 15, 21];
const HANDLER_SLOTS = 32;

function known(signal: number): number | undefined {
  if (signal === SIGABRT_COMPAT || signal === SIGABRT) return SIGABRT;
  return OTHERS.includes(signal) ? signal : undefined;
}

function slot(process: Win32Process, signal: number): bigint {
  const { word } = process;
  const table = process.datum('signals', () => new Uint8Array(HANDLER_SLOTS * word));
  return table + BigInt(signal * word);
}

function setHandler(call: ApiCall): bigint {
  const signal = known(call.int(0));
  if (signal === undefined) {
    setErrno(call.process, EINVAL);
    return SIG_ERR;
  }
  const at = slot(call.process, signal);
  const old = call.memory.word(at);
  call.memory.setWord(at, call.word(1));
  return old;
}

/** A handler is called once: it has to be set again. Without one the process ends with 3. */
function* deliver(process: Win32Process, signal: number): HostTask<void> {
  const at = slot(process, signal);
  const handler = process.memory.word(at);
  if (handler === SIG_IGN) return;
  if (handler === SIG_DFL) {
    flushAll(process);
    exitProcess(3);
  }
  process.memory.setWord(at, SIG_DFL);
  yield* callback(process, handler, [BigInt(signal)]);
}

export const signalsApi: ApiSet = {
  signal: cdecl('int number, ptr handler', setHandler),
  raise: cdecl('int number', function* (call) {
    const signal = known(call.int(0));
    if (signal === undefined) return -1n;
    yield* deliver(call.process, signal);
    return 0n;
  }),
  abort: cdecl('', function* (call) {
    call.process.system.note('the program called abort()');
    yield* deliver(call.process, SIGABRT);
    return exitProcess(3);
  }),
};
