/** kernel32: threads. */
import { ERROR } from '../../abi/windows/status.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import type { HostTask } from '../calls/task.js';
import { createThread, exitThread, terminateThread } from '../loader/threads.js';
import type { Win32Process } from '../process/process.js';
import type { Win32Thread } from '../process/thread.js';
import { handleOf } from './files.js';

const CREATE_SUSPENDED = 4;
const STACK_SIZE_PARAM_IS_A_RESERVATION = 0x1_0000;
const STILL_ACTIVE = 259;
const FAILED = 0xffff_ffff;
/** GetCurrentThread(). */
const SELF = -2n;

export interface NewThread {
  readonly start: bigint;
  readonly parameter: bigint;
  readonly stackSize: bigint;
  readonly flags: number;
}

/** The thread with its handle; undefined: there is no room for it. */
export function startThread(
  process: Win32Process,
  { start, parameter, stackSize, flags }: NewThread,
): { readonly handle: number; readonly tid: number } | undefined {
  const isReserve = (flags & STACK_SIZE_PARAM_IS_A_RESERVATION) !== 0;
  const thread = createThread(process, {
    start,
    parameter,
    reserve: isReserve ? stackSize : 0n,
    commit: isReserve ? 0n : stackSize,
    suspended: (flags & CREATE_SUSPENDED) !== 0,
  });
  if (thread === undefined) return undefined;
  const handle = process.handles.add({ kind: 'thread', thread });
  return handle === undefined ? undefined : { handle, tid: thread.tid };
}

function create(call: ApiCall): bigint {
  const made = startThread(call.process, {
    start: call.word(2),
    parameter: call.word(3),
    stackSize: call.word(1),
    flags: call.dword(4),
  });
  if (made === undefined) return call.fail(ERROR.NOT_ENOUGH_MEMORY);
  if (call.word(5) !== 0n) call.memory.setU32(call.word(5), made.tid);
  return BigInt(made.handle);
}

interface ThreadState {
  readonly tid: number;
  readonly exitCode: number | undefined;
}

/** The thread of a handle, GetCurrentThread() included; undefined with the error. */
function stateOf(call: ApiCall): ThreadState | undefined {
  const { process } = call;
  if (BigInt.asIntN(process.wide ? 64 : 32, call.word(0)) === SELF) return process.thread;
  const object = process.handles.get(handleOf(call, 0));
  if (object?.kind === 'thread') return object.thread;
  call.setError(ERROR.INVALID_HANDLE);
  return undefined;
}

/** One that still runs. */
function liveOf(call: ApiCall): Win32Thread | undefined {
  const state = stateOf(call);
  if (state === undefined) return undefined;
  const live = call.process.threads.find((thread) => thread === state);
  if (live === undefined) call.setError(ERROR.ACCESS_DENIED);
  return live;
}

/** The count before; the thread itself stops at once. */
function* suspend(call: ApiCall): HostTask<number> {
  const thread = liveOf(call);
  if (thread === undefined) return FAILED;
  thread.suspended++;
  if (thread === call.process.thread) yield 'turn';
  return thread.suspended - 1;
}

function resume(call: ApiCall): number {
  const thread = liveOf(call);
  if (thread === undefined) return FAILED;
  const before = thread.suspended;
  thread.suspended = Math.max(0, before - 1);
  return before;
}

export const threadsApi: ApiSet = {
  CreateThread: api(
    'ptr lpThreadAttributes, size dwStackSize, ptr lpStartAddress, ptr lpParameter, flags dwCreationFlags, out lpThreadId',
    create,
  ),
  ExitThread: api('dword dwExitCode', (call) => exitThread(call.process, call.dword(0))),
  TerminateThread: api('handle hThread, dword dwExitCode', (call) => {
    const thread = liveOf(call);
    if (thread === undefined) return 0n;
    terminateThread(call.process, thread, call.dword(1));
    return 1n;
  }),
  SuspendThread: api('handle hThread', suspend),
  ResumeThread: api('handle hThread', resume),
  GetExitCodeThread: api('handle hThread, out lpExitCode', (call) => {
    const state = stateOf(call);
    if (state === undefined) return 0n;
    call.memory.setU32(call.word(1), state.exitCode ?? STILL_ACTIVE);
    return 1n;
  }),
  GetThreadId: api('handle Thread', (call) => stateOf(call)?.tid ?? 0),
  GetCurrentThread: api('', () => SELF),
  GetCurrentThreadId: api('', (call) => call.process.tid),
  // Every thread has the same share.
  GetThreadPriority: api('handle hThread', () => 0n),
  SetThreadPriority: api('handle hThread, int nPriority', (call) => stateOf(call) !== undefined),
};
