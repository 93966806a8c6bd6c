/** kernel32: waiting for objects: events, mutexes, semaphores, threads and processes; sleeping. */
import { ERROR } from '../../abi/windows/status.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import type { HostTask } from '../calls/task.js';
import { WAIT_FAILED, WAIT_OBJECT_0, waitFor } from '../calls/wait.js';
import type { HandleObject } from '../process/handles.js';
import type { Win32Process } from '../process/process.js';
import type { Win32Thread } from '../process/thread.js';
import { handleOf } from './files.js';
import { isSelf } from './self.js';

const WAIT_ABANDONED = 0x80;
const MAX_OBJECTS = 64;

function isSignalled(object: HandleObject, thread: Win32Thread): boolean {
  switch (object.kind) {
    case 'thread':
      return object.thread.exitCode !== undefined;
    case 'semaphore':
      return object.count > 0;
    case 'event':
      return object.set;
    case 'mutex':
      return object.owner === undefined || object.owner === thread || isAbandoned(object);
    default:
      return true;
  }
}

function isAbandoned(object: HandleObject & { kind: 'mutex' }): boolean {
  return object.owner?.exitCode !== undefined;
}

/** What a wait does to the object; its part of the result. */
function takeObject(object: HandleObject, thread: Win32Thread): number {
  switch (object.kind) {
    case 'semaphore':
      object.count--;
      return WAIT_OBJECT_0;
    case 'event':
      object.set = object.manual;
      return WAIT_OBJECT_0;
    case 'mutex': {
      const abandoned = isAbandoned(object);
      object.count = abandoned ? 1 : object.count + 1;
      object.owner = thread;
      return abandoned ? WAIT_ABANDONED : WAIT_OBJECT_0;
    }
    default:
      return WAIT_OBJECT_0;
  }
}

/** A process does not wait for itself in vain: such a wait is never over. */
const NEVER: HandleObject = { kind: 'event', set: false, manual: true };

function waitForObjects(
  process: Win32Process,
  call: string,
  objects: readonly HandleObject[],
  all: boolean,
  milliseconds: number,
): HostTask<number> {
  const { thread } = process;
  const ready = (object: HandleObject): boolean => isSignalled(object, thread);
  return waitFor(process, {
    call,
    isReady: () => (all ? objects.every(ready) : objects.some(ready)),
    take: () => {
      if (!all) {
        const index = objects.findIndex(ready);
        return takeObject(objects[index]!, thread) + index;
      }
      return Math.max(...objects.map((object) => takeObject(object, thread)));
    },
    milliseconds,
  });
}

function waitForSingleObject(call: ApiCall): HostTask<number> | number {
  const { process } = call;
  const object = isSelf(call, 0) ? NEVER : process.handles.get(handleOf(call, 0));
  if (object === undefined) {
    call.setError(ERROR.INVALID_HANDLE);
    return WAIT_FAILED;
  }
  return waitForObjects(process, 'WaitForSingleObject', [object], false, call.dword(1));
}

function waitForMultipleObjects(call: ApiCall): HostTask<number> | number {
  const { process, memory } = call;
  const count = call.dword(0);
  const fails = (error: number): number => {
    call.setError(error);
    return WAIT_FAILED;
  };
  if (count === 0 || count > MAX_OBJECTS) return fails(ERROR.INVALID_PARAMETER);
  const objects: HandleObject[] = [];
  for (let index = 0; index < count; index++) {
    const handle = memory.word(call.word(1) + BigInt(index * process.word));
    const object = process.handles.get(Number(handle & 0xffff_ffffn));
    if (object === undefined) return fails(ERROR.INVALID_HANDLE);
    objects.push(object);
  }
  const all = call.dword(2) !== 0;
  return waitForObjects(process, 'WaitForMultipleObjects', objects, all, call.dword(3));
}

/** Sleep(0) gives the turn away, and takes no time. */
function* sleep(call: ApiCall): HostTask<bigint> {
  const { process } = call;
  const milliseconds = call.dword(0);
  if (milliseconds === 0) {
    if (process.threads.length > 1) yield 'turn';
    return 0n;
  }
  yield* waitFor(process, { call: 'Sleep', isReady: () => false, take: () => 0, milliseconds });
  return 0n;
}

function* giveTurn({ process }: ApiCall): HostTask<boolean> {
  const others = process.threads.length > 1;
  if (others) yield 'turn';
  return others;
}

export const waitingApi: ApiSet = {
  WaitForSingleObject: api('handle hHandle, dword dwMilliseconds', waitForSingleObject),
  WaitForSingleObjectEx: api(
    'handle hHandle, dword dwMilliseconds, bool bAlertable',
    waitForSingleObject,
  ),
  WaitForMultipleObjects: api(
    'dword nCount, ptr lpHandles, bool bWaitAll, dword dwMilliseconds',
    waitForMultipleObjects,
  ),
  WaitForMultipleObjectsEx: api(
    'dword nCount, ptr lpHandles, bool bWaitAll, dword dwMilliseconds, bool bAlertable',
    waitForMultipleObjects,
  ),
  Sleep: api('dword dwMilliseconds', sleep),
  SleepEx: api('dword dwMilliseconds, bool bAlertable', sleep),
  SwitchToThread: api('', giveTurn),
};
