/** What a handler is: registers in, a value or an errno out. One per name; a family per file. */
import { noReturn, type SyscallArgs, type SyscallResult } from '../../../kernel/syscall.js';
import type { MemoryRequest } from '../../../memory/request.js';
import type { Abi } from '../abi.js';
import type { Waiting } from '../process/scheduler.js';
import type { Task } from '../process/task.js';

/** `abi`: that of the call, which may be i386 in a 64-bit process (int 0x80). */
export type SyscallHandler = (task: Task, args: SyscallArgs, abi: Abi) => SyscallResult;

export type HandlerTable = Readonly<Record<string, SyscallHandler>>;

/** What a call asks of the memory, from its arguments; undefined when they cannot be read. Without any effect. */
export type RequestReader = (args: SyscallArgs, task: Task, abi: Abi) => MemoryRequest | undefined;

export type RequestTable = Readonly<Record<string, RequestReader>>;

/** A wait that has no answer of its own: `wokenBy` says whether a signal from outside could end it. */
export function waitForever(task: Task, wokenBy: Waiting['wokenBy']): SyscallResult {
  if (!task.processes.scheduler.isAlone(task)) {
    task.waiting = {
      retry: () => undefined,
      ready: () => false,
      interruptible: true,
      restarts: false,
      wokenBy,
    };
    return noReturn;
  }
  const waiting = [{ pid: task.pid, call: task.call ?? '' }];
  task.end({ kind: wokenBy === 'outside' ? 'asleep' : 'deadlock', waiting });
  return noReturn;
}
