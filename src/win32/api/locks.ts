/**
 * kernel32: locks in the program's own memory: critical sections, slim reader-writer locks, condition variables,
 * one-time initialisation.
 */
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { callback } from '../calls/callback.js';
import type { HostTask } from '../calls/task.js';
import { INFINITE, WAIT_TIMEOUT, waitFor } from '../calls/wait.js';
import type { Win32Process } from '../process/process.js';

const ERROR_TIMEOUT = 1460;

/** RTL_CRITICAL_SECTION: DebugInfo, LockCount, RecursionCount, OwningThread, LockSemaphore, SpinCount. */
interface CriticalSection {
  readonly owner: number;
  readonly recursion: number;
}

function sectionAt({ memory, word }: Win32Process, at: Addr): CriticalSection | undefined {
  const bytes = memory.tryRead(at + BigInt(word), 8 + word);
  if (bytes === undefined) return undefined;
  const fields = new Struct(bytes);
  return { owner: Number(fields.word(8, word) & 0xffff_ffffn), recursion: fields.i32(4) };
}

function setSection({ memory, word }: Win32Process, at: Addr, owner: number, count: number): void {
  const fields = new Struct(8 + word)
    .setU32(0, count === 0 ? -1 : -2)
    .setU32(4, count)
    .setWord(8, word, BigInt(owner));
  memory.write(at + BigInt(word), fields.bytes);
}

function initialize(call: ApiCall): bigint {
  const { word } = call.process;
  const section = new Struct(8 + 4 * word).setU32(word, -1);
  call.memory.write(call.word(0), section.bytes);
  return 1n;
}

function enterAt(process: Win32Process, at: Addr, milliseconds: number): HostTask<number> {
  const { tid } = process;
  // Where it cannot be read, the function faults.
  const mine = (): boolean => {
    const { owner, recursion } = sectionAt(process, at) ?? { owner: 0, recursion: 0 };
    return owner === 0 || owner === tid || recursion <= 0;
  };
  const take = (): number => {
    const count = process.memory.struct(at + BigInt(process.word), 8).i32(4);
    setSection(process, at, tid, Math.max(count, 0) + 1);
    return 0;
  };
  return waitFor(process, { call: 'EnterCriticalSection', isReady: mine, take, milliseconds });
}

function leaveAt(process: Win32Process, at: Addr): void {
  const count = process.memory.struct(at + BigInt(process.word), 8).i32(4) - 1;
  setSection(process, at, count > 0 ? process.tid : 0, Math.max(count, 0));
}

/** An SRWLOCK: 0 free, 1 exclusive, else twice the number of readers. */
function acquire(call: ApiCall, exclusive: boolean, milliseconds: number): HostTask<number> {
  const { process } = call;
  return acquireAt(process, call.word(0), exclusive, milliseconds);
}

function acquireAt(
  process: Win32Process,
  at: Addr,
  exclusive: boolean,
  milliseconds: number,
): HostTask<number> {
  const { memory, word } = process;
  const value = (): bigint => {
    const bytes = memory.tryRead(at, word);
    return bytes === undefined ? 0n : new Struct(bytes).word(0, word);
  };
  const name = exclusive ? 'AcquireSRWLockExclusive' : 'AcquireSRWLockShared';
  return waitFor(process, {
    call: name,
    isReady: () => (exclusive ? value() === 0n : (value() & 1n) === 0n),
    take: () => {
      memory.setWord(at, exclusive ? 1n : memory.word(at) + 2n);
      return 0;
    },
    milliseconds,
  });
}

function releaseAt({ memory }: Win32Process, at: Addr, exclusive: boolean): void {
  const value = memory.word(at);
  memory.setWord(at, exclusive || value < 2n ? 0n : value - 2n);
}

interface Lock {
  release(): void;
  acquire(): HostTask<number>;
}

/** The lock is given back during the sleep. FALSE with ERROR_TIMEOUT when nobody woke it. */
function* sleepOn(call: ApiCall, name: string, lock: Lock, milliseconds: number): HostTask<bigint> {
  const { process } = call;
  const sleeper = { thread: process.thread, at: call.word(0), woken: false };
  const { sleepers } = process;
  sleepers.push(sleeper);
  lock.release();
  const result = yield* waitFor(process, {
    call: name,
    isReady: () => sleeper.woken,
    take: () => 0,
    milliseconds,
  });
  const index = sleepers.indexOf(sleeper);
  if (index >= 0) sleepers.splice(index, 1);
  yield* lock.acquire();
  return result === WAIT_TIMEOUT ? call.fail(ERROR_TIMEOUT) : 1n;
}

function wake(call: ApiCall, most: number): bigint {
  const waiting = call.process.sleepers.filter(
    ({ at, woken, thread }) => at === call.word(0) && !woken && thread.exitCode === undefined,
  );
  for (const sleeper of waiting.slice(0, most)) sleeper.woken = true;
  return 0n;
}

/** INIT_ONCE: 0 not begun, 1 under way, else done: 2 with the context in the other bits. */
function* initOnce(call: ApiCall): HostTask<bigint> {
  const { process, memory } = call;
  const [at, fn, parameter, context] = [0, 1, 2, 3].map((index) => call.word(index)) as [
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  const underWay = (): boolean => {
    const bytes = memory.tryRead(at, process.word);
    return bytes !== undefined && new Struct(bytes).word(0, process.word) === 1n;
  };
  yield* waitFor(process, {
    call: 'InitOnceExecuteOnce',
    isReady: () => !underWay(),
    take: () => 0,
    milliseconds: INFINITE,
  });
  const state = memory.word(at);
  if (state !== 0n) {
    if (context !== 0n) memory.setWord(context, state & ~3n);
    return 1n;
  }
  memory.setWord(at, 1n);
  const done = BigInt.asUintN(32, yield* callback(process, fn, [at, parameter, context]));
  const kept = context === 0n ? 0n : memory.word(context) & ~3n;
  memory.setWord(at, done === 0n ? 0n : kept | 2n);
  return done === 0n ? 0n : 1n;
}

const nothing = (call: ApiCall): bigint => {
  call.memory.setWord(call.word(0), 0n);
  return 0n;
};

export const locksApi: ApiSet = {
  InitializeCriticalSection: api('ptr lpCriticalSection', initialize),
  InitializeCriticalSectionEx: api(
    'ptr lpCriticalSection, dword dwSpinCount, flags Flags',
    initialize,
  ),
  InitializeCriticalSectionAndSpinCount: api(
    'ptr lpCriticalSection, dword dwSpinCount',
    initialize,
  ),
  EnterCriticalSection: api('ptr lpCriticalSection', (call) =>
    enterAt(call.process, call.word(0), INFINITE),
  ),
  TryEnterCriticalSection: api('ptr lpCriticalSection', function* (call) {
    return (yield* enterAt(call.process, call.word(0), 0)) === 0;
  }),
  LeaveCriticalSection: api('ptr lpCriticalSection', (call) => {
    leaveAt(call.process, call.word(0));
    return 0n;
  }),
  DeleteCriticalSection: api('ptr lpCriticalSection', initialize),
  InitializeSRWLock: api('ptr SRWLock', nothing),
  AcquireSRWLockExclusive: api('ptr SRWLock', (call) => acquire(call, true, INFINITE)),
  AcquireSRWLockShared: api('ptr SRWLock', (call) => acquire(call, false, INFINITE)),
  TryAcquireSRWLockExclusive: api('ptr SRWLock', function* (call) {
    return (yield* acquire(call, true, 0)) === 0;
  }),
  TryAcquireSRWLockShared: api('ptr SRWLock', function* (call) {
    return (yield* acquire(call, false, 0)) === 0;
  }),
  ReleaseSRWLockExclusive: api('ptr SRWLock', (call) => {
    releaseAt(call.process, call.word(0), true);
    return 0n;
  }),
  ReleaseSRWLockShared: api('ptr SRWLock', (call) => {
    releaseAt(call.process, call.word(0), false);
    return 0n;
  }),
  InitializeConditionVariable: api('ptr ConditionVariable', nothing),
  SleepConditionVariableCS: api(
    'ptr ConditionVariable, ptr CriticalSection, dword dwMilliseconds',
    (call) => {
      const { process } = call;
      const at = call.word(1);
      const lock = {
        release: () => leaveAt(process, at),
        acquire: () => enterAt(process, at, INFINITE),
      };
      return sleepOn(call, 'SleepConditionVariableCS', lock, call.dword(2));
    },
  ),
  SleepConditionVariableSRW: api(
    'ptr ConditionVariable, ptr SRWLock, dword dwMilliseconds, flags Flags',
    (call) => {
      const { process } = call;
      const at = call.word(1);
      const exclusive = (call.dword(3) & 1) === 0;
      const lock = {
        release: () => releaseAt(process, at, exclusive),
        acquire: () => acquireAt(process, at, exclusive, INFINITE),
      };
      return sleepOn(call, 'SleepConditionVariableSRW', lock, call.dword(2));
    },
  ),
  WakeConditionVariable: api('ptr ConditionVariable', (call) => wake(call, 1)),
  WakeAllConditionVariable: api('ptr ConditionVariable', (call) =>
    wake(call, Number.MAX_SAFE_INTEGER),
  ),
  InitOnceExecuteOnce: api('ptr InitOnce, ptr InitFn, ptr Parameter, out Context', initOnce),
};
