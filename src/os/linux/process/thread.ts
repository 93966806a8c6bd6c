/**
 * Threads of a process: a new one, the end of one, the end of all but one. Compare kernel/fork.c:copy_process() with
 * CLONE_THREAD, kernel/exit.c:do_exit() and fs/exec.c:de_thread().
 */
import { KERNEL_BYTES } from '../../../base/charges.js';
import { wordOut } from '../../../kernel/user-memory.js';
import { leaveRobustFutexes } from '../futex/robust.js';
import { Task } from './task.js';

/** Without registers yet. */
export function newThread(parent: Task): Task {
  const { kernel, process, processes } = parent;
  const thread = new Task(process, processes, processes.newId());
  thread.inheritThread(parent);
  processes.add(thread);
  kernel.frames.reserved += KERNEL_BYTES.thread;
  return thread;
}

/**
 * exit(2): the thread ends, and with the last one its process, whose status that one's is (synchronize_group_exit(),
 * since 5.19). Who waits for the word of set_tid_address (pthread_join) is woken.
 */
export function exitThread(task: Task, code: number): void {
  const { processes } = task;
  const others = processes.threadsOf(task).some((other) => other !== task);
  leaveUserMemory(task, others);
  if (!others) {
    task.end({ kind: 'exit', code });
    return;
  }
  task.exited = true;
  task.signals.discardAll();
  if (task.tid !== task.pid) releaseThread(task);
}

/** mm_release(). The word is written only while somebody is there to look at it. */
function leaveUserMemory(task: Task, others: boolean): void {
  leaveRobustFutexes(task);
  const { clearChildTid, mm, kernel } = task;
  if (clearChildTid === 0n || !(others || task.process.sharesMemory)) return;
  wordOut(mm, clearChildTid, 4, 0n);
  kernel.futexes.wake({ mm, address: clearChildTid, isPrivate: false }, 1);
}

/** Of a thread of a process that ends, or that begins another program: `task` alone is left. */
export function endOtherThreads(task: Task): void {
  const { processes } = task;
  if (processes.count === 1) return;
  for (const other of processes.threadsOf(task)) {
    if (other === task) continue;
    leaveRobustFutexes(other);
    other.exited = true;
    other.waiting?.abandon?.();
    other.waiting = undefined;
    other.signals.discardAll();
    if (other.tid !== other.pid) releaseThread(other);
  }
}

/**
 * de_thread(): whoever begins a program is the only thread from then on, by the number of the first one. What it returns
 * is the thread that goes on; the one given is over if it is another.
 */
export function becomeOnlyThread(task: Task): Task {
  const { processes } = task;
  const first = processes.get(task.pid);
  leaveRobustFutexes(task);
  endOtherThreads(task);
  if (first === undefined || first === task) return task;
  first.become(task);
  task.exited = true;
  releaseThread(task);
  processes.scheduler.replace(task, first);
  return first;
}

/** release_task() of a thread that is not its process's first. */
export function releaseThread(task: Task): void {
  const { kernel, processes } = task;
  processes.remove(task);
  kernel.frames.unreserve(KERNEL_BYTES.thread);
}
