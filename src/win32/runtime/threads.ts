/** msvcrt: threads. */
import { startThread } from '../api/threads.js';
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { exitThread } from '../loader/threads.js';
import { EINVAL, setErrno } from './errors.js';

function begin(
  call: ApiCall,
  init: { start: number; stack: number; parameter: number; flags?: number },
) {
  return startThread(call.process, {
    start: call.word(init.start),
    stackSize: BigInt(call.dword(init.stack)),
    parameter: call.word(init.parameter),
    flags: init.flags === undefined ? 0 : call.dword(init.flags),
  });
}

export const runtimeThreadsApi: ApiSet = {
  _beginthreadex: cdecl(
    'ptr security, dword stackSize, ptr start, ptr argument, flags flags, out threadId',
    (call) => {
      const made = begin(call, { start: 2, stack: 1, parameter: 3, flags: 4 });
      if (made === undefined) {
        setErrno(call.process, EINVAL);
        return 0n;
      }
      if (call.word(5) !== 0n) call.memory.setU32(call.word(5), made.tid);
      return BigInt(made.handle);
    },
  ),
  _beginthread: cdecl('ptr start, dword stackSize, ptr argument', (call) => {
    const made = begin(call, { start: 0, stack: 1, parameter: 2 });
    return made === undefined ? -1n : BigInt(made.handle);
  }),
  _endthreadex: cdecl('dword code', (call) => exitThread(call.process, call.dword(0))),
  _endthread: cdecl('', (call) => exitThread(call.process, 0)),
};
