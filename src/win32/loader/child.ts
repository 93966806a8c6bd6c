/** CreateProcess: the child runs to its end before its parent goes on; nothing here needs both at one time. */
import { ERROR, win32Error } from '../../abi/windows/status.js';
import type { Outcome } from '../../base/outcome.js';
import { ProcessEnded } from '../calls/control.js';
import type { HostTask } from '../calls/task.js';
import type { Win32Process } from '../process/process.js';
import { programRun } from '../run-program.js';
import { schedule } from '../schedule.js';
import { LoadFailure } from './load-failure.js';
import { startProcess } from './start.js';
import { selectTeb } from './teb.js';

export interface ChildInit {
  readonly path: string;
  readonly commandLine: string;
  readonly bytes: Uint8Array;
  /** What it gets of its parent, before it runs. */
  readonly prepare: (child: Win32Process) => void;
}

export interface EndedChild {
  readonly pid: number;
  readonly tid: number;
  readonly exitCode: number;
}

/** The child as it ended, or the Win32 error. A limit interrupts the parent as well. */
export function* runChild(parent: Win32Process, init: ChildInit): HostTask<EndedChild | number> {
  const { system, variables, ports } = parent;
  const { engine } = system;
  let parentCpu = engine.saveCpu();
  let child: Win32Process | undefined;
  try {
    child = startProcess(
      system,
      { ...init, environment: variables.all, parent },
      init.bytes,
      ports,
    );
    init.prepare(child);
    system.children.push({ pid: child.tracePid, parentCpu, select: selector(child) });
    return yield* schedule(child, programRun(child));
  } catch (error) {
    if (error instanceof LoadFailure) {
      system.note(error.message);
      return win32Error(error.status);
    }
    if (!(error instanceof ProcessEnded) || child === undefined) throw error;
    const { outcome } = error;
    const exitCode = exitCodeOf(outcome);
    // Its mutexes are abandoned.
    for (const thread of child.threads) thread.exitCode ??= exitCode;
    system.trace.record({ type: 'end', pid: child.tracePid, pc: child.pc, outcome });
    return { pid: child.pid, tid: child.tid, exitCode };
  } finally {
    if (child !== undefined) {
      child.space.close();
      parentCpu = system.children.pop()?.parentCpu ?? parentCpu;
    }
    selector(parent)();
    engine.loadCpu(parentCpu);
  }
}

function selector(process: Win32Process): () => void {
  return () => {
    process.engine.setTranslate(process.space.translate);
    selectTeb(process);
  };
}

function exitCodeOf(outcome: Outcome): number {
  if (outcome.kind === 'exit') return outcome.code;
  return outcome.kind === 'exception' ? outcome.status : ERROR.INVALID_FUNCTION;
}
