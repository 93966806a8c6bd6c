/** The end of a process: functions that the program registered, and the DLLs' goodbyes. */
import { callback } from '../calls/callback.js';
import type { HostTask } from '../calls/task.js';
import { attach } from '../loader/libraries.js';
import type { Win32Process } from './process.js';

/** Functions of atexit and _onexit, the last first (`library`), then DLL_PROCESS_DETACH. */
export function* runAtExit(process: Win32Process, library: boolean): HostTask<void> {
  while (library && process.atExit.length > 0) {
    yield* callback(process, process.atExit.pop()!, []);
  }
  const { all } = process.modules;
  for (const module of [...all].reverse()) {
    if (!process.detached.has(module.base)) {
      process.detached.add(module.base);
      yield* attach(process, module, 0);
    }
  }
}
