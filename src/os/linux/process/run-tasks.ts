/** Runs the threads of a kernel one after the other until the first process has ended. */
import type { Addr, AddrRange } from '../../../base/address.js';
import type { Outcome } from '../../../base/outcome.js';
import { fail, ok } from '../../../base/result.js';
import type { Stepper } from '../../../kernel/run-control.js';
import { runToEnd } from '../../../kernel/run-loop.js';
import { StopJudge } from '../entry/stops.js';
import { hasInterruption, restartsCall } from '../signals/interruption.js';
import { endProcess } from './fork.js';
import type { Turn } from './scheduler.js';
import type { Task } from './task.js';

/** Ends that leave nothing of a process to go on. */
const ENDS: ReadonlySet<Outcome['kind']> = new Set(['exit', 'signal']);
const OUT_OF_BLOCKS: Outcome = { kind: 'limit', limit: 'blocks' };

export interface TaskLimits {
  readonly blocks: number;
  /** A return address of `main`'s. */
  readonly until?: Addr;
  /** Functions of the host that `main` may jump to. */
  readonly host?: AddrRange;
  /** Ends the run before any thread goes on. */
  readonly enough?: () => boolean;
  /** Where to pause. */
  readonly stepper?: Stepper | undefined;
  /** As a run that paused has left it. */
  readonly turn?: Turn<Task> | undefined;
}

export interface TasksEnd {
  /**
   * How `main` ended. What other processes have still to do is done then as well, as far as the blocks go;
   * 'until': main has reached its return address, 'host': a function of the host, 'enough': the caller has what it
   * waited for, 'paused': the stepper said so.
   */
  readonly end: Outcome | 'until' | 'host' | 'enough' | 'paused';
  readonly turn: Turn<Task>;
}

export function runTasks(main: Task, limits: TaskLimits): TasksEnd {
  const { scheduler } = main.processes;
  const { engine, meter } = main.kernel;
  const { stepper, enough } = limits;
  const last = meter.spent + limits.blocks;
  meter.limit = last;
  let task = limits.turn?.task ?? scheduler.current ?? main;
  let turnEnds = meter.spent + (limits.turn?.left ?? scheduler.share());
  const ended = (end: TasksEnd['end']): TasksEnd => ({
    end,
    turn: { task, left: Math.max(0, turnEnds - meter.spent) },
  });
  for (;;) {
    if (enough?.()) return ended('enough');
    if (stepper?.due) return ended('paused');
    const before = task;
    // Nobody is chosen in vain: the choice may be one by chance, which the next run would then make again.
    if (meter.spent >= last && scheduler.hasAny()) return ended(main.outcome ?? OUT_OF_BLOCKS);
    const over = meter.spent >= turnEnds;
    const next = canGoOn(task) && !over ? task : scheduler.next();
    if (next === undefined) return ended(main.outcome ?? scheduler.sleep());
    task = next;
    if (task !== before || over) turnEnds = meter.spent + scheduler.share();
    scheduler.switchTo(task);
    if (!wake(task) || enough?.()) continue;
    // Others may come into being meanwhile.
    const end = runToEnd(engine, new StopJudge(task), {
      blocks: Math.min(last, turnEnds) - meter.spent,
      stepper,
      ...(task === main && limits.until !== undefined ? { until: limits.until } : {}),
      ...(task === main && limits.host !== undefined ? { host: limits.host } : {}),
    });
    if (end === 'until' || end === 'host' || end === 'paused') return ended(end);
    if (task.outcome === undefined) {
      if (typeof end !== 'string') return ended(end);
      if (end === 'blocks' && meter.spent >= turnEnds) scheduler.passTime();
      continue;
    }
    const isMain = task.process === main.process;
    if (!isMain && !ENDS.has(task.outcome.kind)) return ended(main.outcome ?? task.outcome);
    endProcess(task);
    if (isMain && !scheduler.hasOthers(main)) return ended(task.outcome);
  }
}

function canGoOn(task: Task): boolean {
  return task.outcome === undefined && !task.exited && task.waiting === undefined;
}

/** Ends the wait of a thread that was chosen to run; false when it turns out to go on waiting. */
function wake(task: Task): boolean {
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
  waiting.abandon?.();
  const { progress = 0 } = waiting;
  if (progress > 0) waiting.settle?.(ok(progress));
  else if (restartsCall(task) && waiting.restart !== undefined) waiting.restart();
  else waiting.settle?.(waiting.interrupted?.() ?? fail('EINTR'));
  return true;
}
