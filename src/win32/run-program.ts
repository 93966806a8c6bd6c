/** What the first thread of a program does: the loader's last steps, then the program. */
import type { HostTask } from './calls/task.js';
import { beginMain } from './loader/start.js';
import type { Win32Process } from './process/process.js';
import { runProcess } from './run.js';

export function* programRun(process: Win32Process): HostTask<never> {
  yield* beginMain(process);
  return yield* runProcess(process);
}
