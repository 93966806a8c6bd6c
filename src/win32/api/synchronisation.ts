/** kernel32: critical sections, TLS, semaphores, waiting. With one thread nothing is ever contended. */
import { ERROR } from '../../abi/windows/status.js';
import { Struct } from '../../base/struct.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { TLS_SLOTS } from '../process/thread-storage.js';
import { handleOf } from './files.js';

const WAIT_OBJECT_0 = 0;
const WAIT_TIMEOUT = 258;
const WAIT_FAILED = 0xffff_ffff;
const INFINITE = 0xffff_ffff;

/** RTL_CRITICAL_SECTION: DebugInfo, LockCount, RecursionCount, OwningThread, LockSemaphore, SpinCount. */
function changeRecursion(call: ApiCall, change: number): bigint {
  const { process, memory } = call;
  const { word } = process;
  const at = call.word(0) + BigInt(word);
  const section = memory.struct(at, 8 + word);
  const count = section.i32(4) + change;
  section.setU32(0, count === 0 ? -1 : -2).setU32(4, count);
  section.setWord(8, word, count === 0 ? 0n : BigInt(process.tid));
  memory.write(at, section.bytes);
  return 0n;
}

function initialize(call: ApiCall): bigint {
  const { word } = call.process;
  const section = new Struct(8 + 4 * word).setU32(word, -1);
  call.memory.write(call.word(0), section.bytes);
  return 1n;
}

function tlsSlot(call: ApiCall): bigint {
  const { process } = call;
  const at = process.wide ? 0x1480n : 0xe10n;
  return process.teb + at + BigInt(call.dword(0) * process.word);
}

/** A wait for what never comes: nobody else could end it. */
function wait(call: ApiCall, object: ReturnType<ApiCall['process']['handles']['get']>): number {
  switch (object?.kind) {
    case 'process':
    case 'thread':
      return WAIT_OBJECT_0;
    case 'semaphore':
      if (object.count > 0) {
        object.count--;
        return WAIT_OBJECT_0;
      }
      return WAIT_TIMEOUT;
    case 'event':
      if (!object.set) return WAIT_TIMEOUT;
      object.set = object.manual;
      return WAIT_OBJECT_0;
    case undefined:
      call.setError(ERROR.INVALID_HANDLE);
      return WAIT_FAILED;
    default:
      return WAIT_OBJECT_0;
  }
}

function waitForSingleObject(call: ApiCall): number {
  const result = wait(call, call.process.handles.get(handleOf(call, 0)));
  if (result === WAIT_TIMEOUT && call.dword(1) === INFINITE) {
    call.process.system.note(
      `WaitForSingleObject waits for what no other thread will do; called from 0x${call.caller.toString(16)}`,
    );
    call.process.system.blocksLeft = 0;
  }
  return result;
}

export const synchronisationApi: ApiSet = {
  InitializeCriticalSection: api('ptr lpCriticalSection', initialize),
  InitializeCriticalSectionEx: api(
    'ptr lpCriticalSection, dword dwSpinCount, flags Flags',
    initialize,
  ),
  InitializeCriticalSectionAndSpinCount: api(
    'ptr lpCriticalSection, dword dwSpinCount',
    initialize,
  ),
  EnterCriticalSection: api('ptr lpCriticalSection', (call) => changeRecursion(call, 1)),
  TryEnterCriticalSection: api('ptr lpCriticalSection', (call) => {
    changeRecursion(call, 1);
    return 1n;
  }),
  LeaveCriticalSection: api('ptr lpCriticalSection', (call) => changeRecursion(call, -1)),
  DeleteCriticalSection: api('ptr lpCriticalSection', initialize),
  TlsAlloc: api('', (call) => call.process.storage.allocate()),
  TlsFree: api('dword dwTlsIndex', (call) =>
    call.process.storage.free(call.dword(0)) ? 1n : call.fail(ERROR.INVALID_PARAMETER),
  ),
  TlsGetValue: api('dword dwTlsIndex', (call) => {
    if (call.dword(0) >= TLS_SLOTS) return call.fail(ERROR.INVALID_PARAMETER);
    call.process.lastError = ERROR.SUCCESS;
    return call.memory.word(tlsSlot(call));
  }),
  TlsSetValue: api('dword dwTlsIndex, ptr lpTlsValue', (call) => {
    if (call.dword(0) >= TLS_SLOTS) return call.fail(ERROR.INVALID_PARAMETER);
    call.memory.setWord(tlsSlot(call), call.word(1));
    return 1n;
  }),
  FlsAlloc: api('ptr lpCallback', (call) => call.process.storage.allocateFiber()),
  FlsFree: api('dword dwFlsIndex', (call) =>
    call.process.storage.freeFiber(call.dword(0)) ? 1n : call.fail(ERROR.INVALID_PARAMETER),
  ),
  FlsGetValue: api(
    'dword dwFlsIndex',
    (call) => call.process.storage.fiber(call.dword(0)) ?? call.fail(ERROR.INVALID_PARAMETER),
  ),
  FlsSetValue: api('dword dwFlsIndex, ptr lpFlsData', (call) =>
    call.process.storage.setFiber(call.dword(0), call.word(1))
      ? 1n
      : call.fail(ERROR.INVALID_PARAMETER),
  ),
  CreateSemaphoreA: api(
    'ptr lpSemaphoreAttributes, int lInitialCount, int lMaximumCount, str lpName',
    createSemaphore,
  ),
  CreateSemaphoreW: api(
    'ptr lpSemaphoreAttributes, int lInitialCount, int lMaximumCount, wstr lpName',
    createSemaphore,
  ),
  ReleaseSemaphore: api('handle hSemaphore, int lReleaseCount, out lpPreviousCount', (call) => {
    const object = call.process.handles.get(handleOf(call, 0));
    if (object?.kind !== 'semaphore') return call.fail(ERROR.INVALID_HANDLE);
    const count = object.count + call.int(1);
    if (call.int(1) <= 0 || count > object.most) return call.fail(298);
    if (call.word(2) !== 0n) call.memory.setU32(call.word(2), object.count);
    object.count = count;
    return 1n;
  }),
  CreateEventA: api(
    'ptr lpEventAttributes, bool bManualReset, bool bInitialState, str lpName',
    createEvent,
  ),
  CreateEventW: api(
    'ptr lpEventAttributes, bool bManualReset, bool bInitialState, wstr lpName',
    createEvent,
  ),
  SetEvent: api('handle hEvent', (call) => setEvent(call, true)),
  ResetEvent: api('handle hEvent', (call) => setEvent(call, false)),
  WaitForSingleObject: api('handle hHandle, dword dwMilliseconds', waitForSingleObject),
  Sleep: api('dword dwMilliseconds', (call) => {
    call.process.system.clock.advance(BigInt(call.dword(0)) * 1_000_000n);
    return 0n;
  }),
  SwitchToThread: api('', () => 0n),
};

function createSemaphore(call: ApiCall): bigint {
  const [count, most] = [call.int(1), call.int(2)];
  if (count < 0 || most <= 0 || count > most) return call.fail(ERROR.INVALID_PARAMETER);
  const handle = call.process.handles.add({ kind: 'semaphore', count, most });
  return handle === undefined ? call.fail(ERROR.NOT_ENOUGH_MEMORY) : BigInt(handle);
}

function createEvent(call: ApiCall): bigint {
  const handle = call.process.handles.add({
    kind: 'event',
    manual: call.dword(1) !== 0,
    set: call.dword(2) !== 0,
  });
  return handle === undefined ? call.fail(ERROR.NOT_ENOUGH_MEMORY) : BigInt(handle);
}

function setEvent(call: ApiCall, set: boolean): bigint {
  const object = call.process.handles.get(handleOf(call, 0));
  if (object?.kind !== 'event') return call.fail(ERROR.INVALID_HANDLE);
  object.set = set;
  return 1n;
}
