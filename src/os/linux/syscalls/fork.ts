/** fork, vfork, clone, clone3. Compare kernel/fork.c:kernel_clone() and copy_process(). */
import {
  CLONE_CHILD_CLEARTID,
  CLONE_CHILD_SETTID,
  CLONE_DETACHED,
  CLONE_FILES,
  CLONE_FS,
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  CLONE_PARENT_SETTID,
  CLONE_PIDFD,
  CLONE_SETTLS,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
  CSIGNAL,
  RLIMIT_NPROC,
} from '../../../abi/linux/process.js';
import { NSIG, signalNumber } from '../../../abi/linux/signal.js';
import type { Addr } from '../../../base/address.js';
import { KERNEL_BYTES } from '../../../base/charges.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { noReturn, type SyscallResult, uint } from '../../../kernel/syscall.js';
import { structIn, wordOut } from '../../../kernel/user-memory.js';
import { forkTask, undoFork } from '../process/fork.js';
import type { Task } from '../process/task.js';
import { newThread, releaseThread } from '../process/thread.js';
import type { HandlerTable } from './handler.js';
import { setThreadArea } from './thread-area.js';

/** MIN_THREADS. */
const LEAST_THREADS = 20;
/** struct clone_args: eight words of its first version, and three more. */
const CLONE_ARGS_FIRST = 64;
const CLONE_ARGS_SIZE = 88;
const PAGE_SIZE = 4096;
const NAMESPACES =
  CLONE_NEWCGROUP |
  CLONE_NEWIPC |
  CLONE_NEWNET |
  CLONE_NEWNS |
  CLONE_NEWPID |
  CLONE_NEWUSER |
  CLONE_NEWUTS;

interface CloneRequest {
  /** Without the signal. */
  readonly flags: number;
  readonly exitSignal: number;
  /** 0: the parent's. */
  readonly stack: Addr;
  readonly parentTid: Addr;
  readonly childTid: Addr;
  readonly tls: Addr;
}

const SIGCHLD = signalNumber('SIGCHLD');
const PLAIN = { exitSignal: SIGCHLD, stack: 0n, parentTid: 0n, childTid: 0n, tls: 0n } as const;

/** Which flags go together: the first checks of copy_process(). ENOSYS: what this kernel has not. */
function mayCombine(flags: number): Result<0> {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  // The user may make none.
  if (has(NAMESPACES)) return has(CLONE_THREAD) ? fail('EINVAL') : fail('EPERM');
  if (has(CLONE_THREAD) && !has(CLONE_SIGHAND)) return fail('EINVAL');
  if (has(CLONE_SIGHAND) && !has(CLONE_VM)) return fail('EINVAL');
  if (has(CLONE_PIDFD)) return has(CLONE_DETACHED) ? fail('EINVAL') : fail('ENOSYS');
  // Two processes in one memory are only what vfork makes; a thread shares descriptors and directory as well.
  if (has(CLONE_VM) && !has(CLONE_THREAD) && !has(CLONE_VFORK)) return fail('ENOSYS');
  const together = CLONE_FILES | CLONE_FS;
  return has(CLONE_THREAD) && (flags & together) !== together ? fail('ENOSYS') : ok(0);
}

function clone(task: Task, request: CloneRequest): SyscallResult {
  const { flags, exitSignal } = request;
  const combined = mayCombine(flags);
  if (!combined.ok) return combined;
  const isThread = (flags & CLONE_THREAD) !== 0;
  const sharesMemory = (flags & CLONE_VM) !== 0;
  const refused = mayFork(task, isThread, sharesMemory);
  if (!refused.ok) return refused;
  const child = isThread ? newThread(task) : forkTask(task, { sharesMemory, exitSignal });
  const registers = giveRegisters(task, child, request);
  if (!registers.ok) {
    if (isThread) releaseThread(child);
    else undoFork(child);
    return registers;
  }
  if (flags & CLONE_PARENT_SETTID) wordOut(task.mm, request.parentTid, 4, BigInt(child.tid));
  if (flags & CLONE_CHILD_SETTID) wordOut(child.mm, request.childTid, 4, BigInt(child.tid));
  child.clearChildTid = flags & CLONE_CHILD_CLEARTID ? request.childTid : 0n;
  if (!(flags & CLONE_VFORK)) return ok(child.tid);
  const left = (): boolean =>
    child.outcome !== undefined || child.exited || (!isThread && !child.process.sleepsParent);
  if (!isThread) child.process.sleepsParent = true;
  task.waiting = {
    retry: () => (left() ? ok(child.tid) : undefined),
    ready: left,
    interruptible: false,
    restarts: false,
    wokenBy: 'others',
  };
  return noReturn;
}

/**
 * copy_process(): RLIMIT_NPROC and kernel.threads-max, then memory for the process, and for the tables of its
 * parent's pages and mappings; a thread has its kernel stack alone.
 */
function mayFork(task: Task, isThread: boolean, sharesMemory: boolean): Result<0> {
  const { processes, limits, mm, files } = task;
  const { frames, meter } = task.kernel;
  meter.charge('fork');
  if (!isThread) meter.charge('object', files.count);
  const most = Math.min(Number(limits.soft(RLIMIT_NPROC)), threadsMax(frames.memory.maxFrames));
  if (processes.count >= most) return fail('EAGAIN');
  if (isThread) return frames.hasRoom(KERNEL_BYTES.thread) ? ok(0) : fail('ENOMEM');
  const memory = sharesMemory
    ? 0
    : mm.pages.tables * KERNEL_BYTES.pageTable + mm.list.length * KERNEL_BYTES.vma;
  const needed = KERNEL_BYTES.process + memory + files.count * KERNEL_BYTES.descriptor;
  return frames.hasRoom(needed) ? ok(0) : fail('ENOMEM');
}

/** set_max_threads(): so many that their stacks of 16 KiB take an eighth of the memory. */
function threadsMax(pages: number): number {
  return Math.max(LEAST_THREADS, Math.floor(pages / (8 * 4)));
}

/** copy_thread(): the child goes on where its parent does, with 0 as the call's value. */
function giveRegisters(task: Task, child: Task, { flags, stack, tls }: CloneRequest): Result<0> {
  const { engine } = task.kernel;
  const wide = task.arch === 'x86-64';
  const parent = engine.saveCpu();
  engine.writeRegister(wide ? 'rax' : 'eax', 0n);
  if (stack !== 0n) engine.writeRegister(wide ? 'rsp' : 'esp', stack);
  let done: Result<0> = ok(0);
  if (flags & CLONE_SETTLS) {
    if (wide) engine.writeRegister('fs_base', tls);
    else done = childThreadArea(task, child, tls);
  }
  child.cpu = engine.saveCpu();
  engine.loadCpu(parent);
  return done;
}

/** i386: a descriptor, and GS as it is loaded with it. */
function childThreadArea(task: Task, child: Task, at: Addr): Result<0> {
  const { engine } = task.kernel;
  const done = setThreadArea(child, at, false);
  if (done.ok) engine.writeRegister('gs', engine.readRegister('gs'));
  for (const [index, descriptor] of task.tls.entries()) engine.setGdtEntry(12 + index, descriptor);
  return done;
}

/** struct clone_args; a longer one than this kernel knows has to end in zeros. */
function clone3(task: Task, at: Addr, size: number): SyscallResult {
  if (size < CLONE_ARGS_FIRST) return fail('EINVAL');
  if (size > PAGE_SIZE) return fail('E2BIG');
  const read = structIn(task.mm, at, size);
  if (!read.ok) return read;
  const struct = read.value;
  if (struct.bytes.subarray(CLONE_ARGS_SIZE).some((byte) => byte !== 0)) return fail('E2BIG');
  const word = (index: number): bigint => (8 * index < size ? struct.u64(8 * index) : 0n);
  const [flags, exitSignal, stack, stackSize] = [word(0), word(4), word(5), word(6)];
  const setTidCount = word(9);
  // clone3_args_valid(): neither the signal's bits nor CLONE_DETACHED; a stack has a place and a size.
  if (flags >> 32n || flags & BigInt(CLONE_DETACHED | CSIGNAL)) return fail('EINVAL');
  if (exitSignal > BigInt(NSIG)) return fail('EINVAL');
  const low = Number(flags);
  if (low & CLONE_THREAD && exitSignal !== 0n) return fail('EINVAL');
  if ((stack === 0n) !== (stackSize === 0n)) return fail('EINVAL');
  if (setTidCount !== 0n) return fail('EPERM');
  return clone(task, {
    flags: low,
    exitSignal: Number(exitSignal),
    stack: stack + stackSize,
    childTid: word(2),
    parentTid: word(3),
    tls: word(7),
  });
}

export const forkCalls: HandlerTable = {
  fork: (task) => clone(task, { ...PLAIN, flags: 0 }),
  vfork: (task) => clone(task, { ...PLAIN, flags: CLONE_VM | CLONE_VFORK }),
  // The two architectures order the last two arguments differently.
  clone: (task, [flags, stack, parentTid, fourth, fifth], { word }) =>
    clone(task, {
      flags: uint(flags) & ~CSIGNAL,
      exitSignal: uint(flags) & CSIGNAL,
      stack,
      parentTid,
      childTid: word === 8 ? fourth : fifth,
      tls: word === 8 ? fifth : fourth,
    }),
  clone3: (task, [at, size]) => clone3(task, at, uint(size)),
};
