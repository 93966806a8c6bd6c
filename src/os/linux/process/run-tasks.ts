/** Runs the processes of a kernel one after the other until the first of them has ended. */
import type { Addr, AddrRange } from '../../../base/address.js';
import type { Outcome } from '../../../base/outcome.js';
import { fail, ok } from '../../../base/result.js';
import { runToEnd } from '../../../kernel/run-loop.js';
import { StopJudge } from '../entry/stops.js';
import { hasInterruption, restartsCall } from '../signals/interruption.js';
import { endTask } from './fork.js';
import type { Task } from './task.js';

/** Blocks that a process may run while others wait for the CPU. */
const SHARE = 100_000;
/** Ends that leave nothing of a process to go on. */
const ENDS: ReadonlySet<Outcome['kind']> = new Set(['exit', 'signal']);
const OUT_OF_BLOCKS: Outcome = { kind: 'limit', limit: 'blocks' };

export interface TaskLimits {
  readonly blocks: number;
  /** A return address of `main`'s. */
  readonly until?: Addr;
  /** Functions of the host that `main` may jump to. */
  readonly host?: AddrRange;
  /** Ends the run before any process goes on. */
  readonly enough?: () => boolean;
}

export type TasksEnd = Outcome | 'until' | 'host' | 'enough';

/**
 * How `main` ended. What other processes have still to do is done then as well, as far as the blocks go;
 * 'until': main has reached its return address, 'host': a function of the host, 'enough': the caller has what it waited for.
 */
export function runTasks(main: Task, limits: TaskLimits): TasksEnd {
  const { processes } = main;
  const { engine, meter } = main.kernel;
  let left = limits.blocks;
  meter.limit = meter.spent + left;
  for (;;) {
    if (limits.enough?.()) return 'enough';
    const task = canGoOn(processes.current) ? processes.current : processes.next();
    if (task === undefined) return main.outcome ?? processes.sleep();
    if (left <= 0) return main.outcome ?? OUT_OF_BLOCKS;
    processes.switchTo(task);
    if (!resume(task) || limits.enough?.()) continue;
    // Others may come into being meanwhile.
    const share = Math.min(left, SHARE);
    const before = meter.spent;
    const end = runToEnd(engine, new StopJudge(task), {
      blocks: share,
      ...(task === main && limits.until !== undefined ? { until: limits.until } : {}),
      ...(task === main && limits.host !== undefined ? { host: limits.host } : {}),
    });
    if (end === 'until' || end === 'host') return end;
    // A turn that ended for want of blocks has spent them, if only on stops that began none.
    const wholeTurn = task.outcome === undefined && task.waiting === undefined;
    left -= wholeTurn ? share : Math.max(1, meter.spent - before);
    if (task.outcome === undefined) {
      if (typeof end !== 'string') return end;
      if (end === 'blocks') processes.switchTo(processes.next() ?? task);
      continue;
    }
    if (task !== main && !ENDS.has(task.outcome.kind)) return main.outcome ?? task.outcome;
    endTask(task);
    if (task === main && !processes.hasOthers(main)) return task.outcome;
  }
}

function canGoOn(task: Task): boolean {
  return task.outcome === undefined && task.waiting === undefined;
}

/** Ends the wait of a process that was chosen to run; false when it turns out to go on waiting. */
function resume(task: Task): boolean {
  const { waiting } = task;
  if (waiting === undefined) return true;
  const answer = waiting.retry();
  if (answer !== undefined) {
    task.waiting = undefined;
    waiting.settle?.(answer);
    return true;
  }
  if (!waiting.interruptible || !hasInterruption(task)) return false;
  task.waiting = undefined;
  const { progress = 0 } = waiting;
  if (progress > 0) waiting.settle?.(ok(progress));
  else if (restartsCall(task) && waiting.restart !== undefined) waiting.restart();
  else waiting.settle?.(fail('EINTR'));
  return true;
}
