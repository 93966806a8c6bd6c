/** kernel32: events, mutexes and semaphores. Names are shared with children. */
import { ERROR } from '../../abi/windows/status.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import type { HandleObject } from '../process/handles.js';
import { handleOf } from './files.js';
import { asksToInherit, namedObject } from './shared-objects.js';

const ERROR_TOO_MANY_POSTS = 298;
const ERROR_NOT_OWNER = 288;
const HANDLE_FLAG_INHERIT = 1;

type Named = HandleObject & { readonly kind: 'event' | 'mutex' | 'semaphore' };

/** The handle of a new object, or of the one that has the name: then ERROR_ALREADY_EXISTS is set. */
function create(
  call: ApiCall,
  nameAt: number,
  wide: boolean,
  make: (name: string) => Named,
): bigint {
  const name = call.word(nameAt) === 0n ? '' : call.text(nameAt, wide);
  if (name === undefined) return 0n;
  const { handles } = call.process;
  const made = make(name);
  const known = name === '' ? undefined : namedObject(call.process, name);
  if (known !== undefined && known.kind !== made.kind) return call.fail(ERROR.INVALID_HANDLE);
  const handle = handles.add(known ?? made, asksToInherit(call, 0));
  if (handle === undefined) return call.fail(ERROR.NOT_ENOUGH_MEMORY);
  if (known === undefined) call.process.lastError = ERROR.SUCCESS;
  else call.setError(ERROR.ALREADY_EXISTS);
  return BigInt(handle);
}

function open(call: ApiCall, kind: HandleObject['kind'], wide: boolean): bigint {
  const name = call.text(2, wide);
  if (name === undefined) return 0n;
  const known = namedObject(call.process, name);
  if (known === undefined) return call.fail(ERROR.FILE_NOT_FOUND);
  if (known.kind !== kind) return call.fail(ERROR.INVALID_HANDLE);
  return BigInt(call.process.handles.add(known, call.dword(1) !== 0) ?? 0);
}

function createSemaphore(call: ApiCall, wide: boolean): bigint {
  const [count, most] = [call.int(1), call.int(2)];
  if (count < 0 || most <= 0 || count > most) return call.fail(ERROR.INVALID_PARAMETER);
  return create(call, 3, wide, (name) => ({ kind: 'semaphore', name, count, most }));
}

function createEvent(call: ApiCall, wide: boolean): bigint {
  const [manual, set] = [call.dword(1) !== 0, call.dword(2) !== 0];
  return create(call, 3, wide, (name) => ({ kind: 'event', name, manual, set }));
}

function createMutex(call: ApiCall, wide: boolean): bigint {
  const owned = call.dword(1) !== 0;
  return create(call, 2, wide, (name) => ({
    kind: 'mutex',
    name,
    owner: owned ? call.process.thread : undefined,
    count: owned ? 1 : 0,
  }));
}

function setEvent(call: ApiCall, set: boolean): bigint {
  const object = call.process.handles.get(handleOf(call, 0));
  if (object?.kind !== 'event') return call.fail(ERROR.INVALID_HANDLE);
  object.set = set;
  return 1n;
}

function releaseSemaphore(call: ApiCall): bigint {
  const object = call.process.handles.get(handleOf(call, 0));
  if (object?.kind !== 'semaphore') return call.fail(ERROR.INVALID_HANDLE);
  const count = object.count + call.int(1);
  if (call.int(1) <= 0 || count > object.most) return call.fail(ERROR_TOO_MANY_POSTS);
  if (call.word(2) !== 0n) call.memory.setU32(call.word(2), object.count);
  object.count = count;
  return 1n;
}

function releaseMutex(call: ApiCall): bigint {
  const object = call.process.handles.get(handleOf(call, 0));
  if (object?.kind !== 'mutex') return call.fail(ERROR.INVALID_HANDLE);
  if (object.owner !== call.process.thread) return call.fail(ERROR_NOT_OWNER);
  object.count--;
  if (object.count === 0) object.owner = undefined;
  return 1n;
}

function setHandleInformation(call: ApiCall): bigint {
  const { handles } = call.process;
  const handle = handleOf(call, 0);
  if (handles.get(handle) === undefined) return call.fail(ERROR.INVALID_HANDLE);
  if (call.dword(1) & HANDLE_FLAG_INHERIT) {
    handles.setInheritable(handle, (call.dword(2) & HANDLE_FLAG_INHERIT) !== 0);
  }
  return 1n;
}

const SEMAPHORE = 'ptr lpSemaphoreAttributes, int lInitialCount, int lMaximumCount,';
const EVENT = 'ptr lpEventAttributes, bool bManualReset, bool bInitialState,';
const MUTEX = 'ptr lpMutexAttributes, bool bInitialOwner,';
const OPEN = 'flags dwDesiredAccess, bool bInheritHandle,';

export const objectsApi: ApiSet = {
  CreateSemaphoreA: api(`${SEMAPHORE} str lpName`, (call) => createSemaphore(call, false)),
  CreateSemaphoreW: api(`${SEMAPHORE} wstr lpName`, (call) => createSemaphore(call, true)),
  ReleaseSemaphore: api(
    'handle hSemaphore, int lReleaseCount, out lpPreviousCount',
    releaseSemaphore,
  ),
  CreateEventA: api(`${EVENT} str lpName`, (call) => createEvent(call, false)),
  CreateEventW: api(`${EVENT} wstr lpName`, (call) => createEvent(call, true)),
  OpenEventA: api(`${OPEN} str lpName`, (call) => open(call, 'event', false)),
  SetEvent: api('handle hEvent', (call) => setEvent(call, true)),
  ResetEvent: api('handle hEvent', (call) => setEvent(call, false)),
  CreateMutexA: api(`${MUTEX} str lpName`, (call) => createMutex(call, false)),
  CreateMutexW: api(`${MUTEX} wstr lpName`, (call) => createMutex(call, true)),
  OpenEventW: api(`${OPEN} wstr lpName`, (call) => open(call, 'event', true)),
  OpenMutexA: api(`${OPEN} str lpName`, (call) => open(call, 'mutex', false)),
  OpenMutexW: api(`${OPEN} wstr lpName`, (call) => open(call, 'mutex', true)),
  OpenSemaphoreA: api(`${OPEN} str lpName`, (call) => open(call, 'semaphore', false)),
  OpenSemaphoreW: api(`${OPEN} wstr lpName`, (call) => open(call, 'semaphore', true)),
  SetHandleInformation: api('handle hObject, flags dwMask, flags dwFlags', setHandleInformation),
  GetHandleInformation: api('handle hObject, out lpdwFlags', (call) => {
    const { handles } = call.process;
    const handle = handleOf(call, 0);
    if (handles.get(handle) === undefined) return call.fail(ERROR.INVALID_HANDLE);
    call.memory.setU32(call.word(1), handles.isInheritable(handle) ? HANDLE_FLAG_INHERIT : 0);
    return 1n;
  }),
  ReleaseMutex: api('handle hMutex', releaseMutex),
  OpenFileMappingA: api(`${OPEN} str lpName`, (call) => open(call, 'section', false)),
  OpenFileMappingW: api(`${OPEN} wstr lpName`, (call) => open(call, 'section', true)),
};
