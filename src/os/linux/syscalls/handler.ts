/** What a handler is: registers in, a value or an errno out. One per name; a family per file. */
import { noReturn, type SyscallArgs, type SyscallResult } from '../../../kernel/syscall.js';
import type { Abi } from '../abi.js';
import type { Task } from '../process/task.js';

/** `abi`: that of the call, which may be i386 in a 64-bit process (int 0x80). */
export type SyscallHandler = (task: Task, args: SyscallArgs, abi: Abi) => SyscallResult;

export type HandlerTable = Readonly<Record<string, SyscallHandler>>;

/** A wait that only a signal can end. With nobody left to send one, the limit of blocks is met without spending it. */
export function waitForever(task: Task): SyscallResult {
  if (task.kernel.processes.hasOthers(task)) {
    task.waiting = {
      retry: () => undefined,
      ready: () => false,
      interruptible: true,
      restarts: false,
    };
    return noReturn;
  }
  task.end({ kind: 'limit', limit: 'blocks' });
  return noReturn;
}
