/** CreateProcess: the child runs to its end before its parent goes on; nothing here needs both at one time. */
import { ERROR, win32Error } from '../../abi/windows/status.js';
import { ProcessEnded } from '../calls/control.js';
import type { Win32Process } from '../process/process.js';
import { runProcess } from '../run.js';
import { LoadFailure } from './load-failure.js';
import { beginMain, selectTeb, startProcess } from './start.js';

export interface ChildInit {
  readonly path: string;
  readonly commandLine: string;
  readonly bytes: Uint8Array;
}

export interface EndedChild {
  readonly pid: number;
  readonly tid: number;
  readonly exitCode: number;
}

/** The child as it ended, or the Win32 error. A limit ends the parent as well. @throws ProcessEnded */
export function runChild(parent: Win32Process, init: ChildInit): EndedChild | number {
  const { system } = parent;
  const { engine } = system;
  const cpu = engine.saveCpu();
  system.depth++;
  let child: Win32Process | undefined;
  try {
    child = startProcess(system, { ...init, environment: parent.environment }, init.bytes);
    beginMain(child);
    return runProcess(child);
  } catch (error) {
    if (error instanceof LoadFailure) {
      system.note(error.message);
      return win32Error(error.status);
    }
    if (!(error instanceof ProcessEnded) || child === undefined) throw error;
    const { outcome } = error;
    if (outcome.kind === 'limit') throw error;
    system.trace.record({ type: 'end', pid: child.tracePid, pc: child.pc, outcome });
    const exitCode =
      outcome.kind === 'exit'
        ? outcome.code
        : outcome.kind === 'exception'
          ? outcome.status
          : ERROR.INVALID_FUNCTION;
    return { pid: child.pid, tid: child.tid, exitCode };
  } finally {
    child?.space.close();
    system.depth--;
    engine.setTranslate(parent.space.translate);
    selectTeb(parent);
    engine.loadCpu(cpu);
  }
}
