/**
 * New processes and the end of old ones. Compare kernel/fork.c:copy_process() and kernel/exit.c:
 * exit_notify(). CLONE_VM without CLONE_THREAD exists for vfork, whose parent sleeps meanwhile. Threads are in thread.ts.
 */
import { SA_NOCLDWAIT, type Signal, signalNumber } from '../../../abi/linux/signal.js';
import { KERNEL_BYTES } from '../../../base/charges.js';
import type { Outcome } from '../../../base/outcome.js';
import { Pipe } from '../fs/pipe.js';
import { addProcess, removeProcess } from '../fs/proc.js';
import { leaveRobustFutexes } from '../futex/robust.js';
import { changeEvent } from '../mm/vmas/mapping.js';
import { childInfo, type SignalInfo, senderInfo } from '../signals/siginfo.js';
import { IGNORE_HANDLER } from '../signals/signal-actions.js';
import { Process } from './process.js';
import { createPolicies } from './space.js';
import { Task } from './task.js';
import { endOtherThreads } from './thread.js';

const CLD_EXITED = 1;
const CLD_KILLED = 2;
/** Who takes over children whose parent has gone; nobody ever asks it. */
const INIT_PID = 1;

export interface ForkRequest {
  /** The child runs in its parent's memory until it execs or ends. */
  readonly sharesMemory: boolean;
  readonly exitSignal: number;
}

/** The child, without registers yet. */
export function forkTask(parent: Task, { sharesMemory, exitSignal }: ForkRequest): Task {
  const { kernel, processes } = parent;
  const pid = processes.newId();
  const owner = (): Task => processes.runningOf(child);
  const policies = createPolicies(kernel, parent.policies.policies, owner);
  const mm = sharesMemory
    ? parent.mm
    : parent.mm.fork({
        policies,
        report: (event) => kernel.record(changeEvent(event, pid)),
        task: () => owner().facts,
      });
  const base = createPolicies(kernel, parent.process.basePolicies.policies, owner);
  const child = new Task(new Process(kernel, pid, mm, policies, base), processes);
  child.inherit(parent);
  child.process.sharesMemory = sharesMemory;
  child.process.exitSignal = exitSignal;
  processes.add(child);
  kernel.frames.reserved += KERNEL_BYTES.process;
  addProcess(kernel.files, child);
  return child;
}

/**
 * A process has ended, by what one of its threads did: the other threads are gone with it, its parent learns of it, and
 * only what wait tells is left.
 */
export function endProcess(ended: Task): void {
  const { kernel, processes } = ended;
  const task = processes.get(ended.pid) ?? ended;
  task.waiting?.abandon?.();
  // Of a first thread that had ended before, that is done.
  if (!task.exited) leaveRobustFutexes(task);
  endOtherThreads(task);
  for (const child of processes.childrenOf(task)) {
    child.process.parentPid = INIT_PID;
    if (child.outcome !== undefined) reap(child);
  }
  const parent = processes.get(task.parentPid);
  // The first process stays as it is, for the host to look at.
  if (task.process.isFirst) {
    hangUp(task);
    return;
  }
  kernel.record({ type: 'end', pid: task.pid, outcome: task.outcome! });
  for (const [fd] of [...task.files.entries()]) task.files.close(fd);
  task.process.leaveMemory();
  task.signals.discardAll();
  task.process.pending.discardAll();
  if (parent === undefined || parent.outcome !== undefined || !notify(parent, task)) reap(task);
}

/** Its pipes end with it: others may be waiting for that. */
function hangUp({ processes, files }: Task): void {
  if ([...processes.all].length === 1) return;
  for (const [fd, { inode }] of [...files.entries()]) if (inode instanceof Pipe) files.close(fd);
}

/** True when the child is kept until it is waited for. */
function notify(parent: Task, child: Task): boolean {
  if (child.process.exitSignal === 0) return true;
  const { handler, flags } = parent.signals.actions.of(child.process.exitSignal);
  const forgets =
    child.process.exitSignal === signalNumber('SIGCHLD') &&
    (handler === IGNORE_HANDLER || (flags & SA_NOCLDWAIT) !== 0);
  if (handler !== IGNORE_HANDLER) parent.signals.send(endInfo(child));
  return !forgets;
}

/** do_notify_parent(): only SIGCHLD has a place for the status. */
function endInfo({ process, pid, facts: { uid } }: Task): SignalInfo {
  const { exitSignal, outcome } = process;
  const code = outcome?.kind === 'exit' ? CLD_EXITED : CLD_KILLED;
  if (exitSignal !== signalNumber('SIGCHLD')) return senderInfo(exitSignal, code, pid, uid);
  return childInfo(code, pid, uid, endStatus(outcome));
}

/** What a parent is told: the exit status, or the signal; a limit counts as SIGKILL. */
export function endStatus(outcome: Outcome | undefined): number {
  if (outcome?.kind === 'exit') return outcome.code & 0xff;
  return signalNumber(outcome?.kind === 'signal' ? (outcome.signal as Signal) : 'SIGKILL');
}

/** A child that has never run. */
export function undoFork(child: Task): void {
  for (const [fd] of [...child.files.entries()]) child.files.close(fd);
  child.process.leaveMemory();
  reap(child);
}

/** release_task(): nothing is left. */
export function reap(task: Task): void {
  task.processes.remove(task);
  task.kernel.frames.unreserve(KERNEL_BYTES.process);
  removeProcess(task.kernel.files, task.pid);
}
