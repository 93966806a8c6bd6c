/** fork, vfork, clone, execve, execveat. Compare kernel/fork.c:kernel_clone() and fs/exec.c:do_execveat_common(). */

import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW } from '../../../abi/linux/fcntl.js';
import {
  CLONE_CHILD_CLEARTID,
  CLONE_CHILD_SETTID,
  CLONE_PARENT_SETTID,
  CLONE_SETTLS,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
  RLIMIT_NPROC,
} from '../../../abi/linux/process.js';
import { signalNumber } from '../../../abi/linux/signal.js';
import type { Addr } from '../../../base/address.js';
import { KERNEL_BYTES } from '../../../base/charges.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { decodeText } from '../../../base/text.js';
import { int, noReturn, type SyscallResult, uint } from '../../../kernel/syscall.js';
import { copyStringIn, wordIn, wordOut } from '../../../kernel/user-memory.js';
import type { Abi } from '../abi.js';
import { execProgram, openProgram } from '../exec/exec.js';
import { MAX_STRING, mostArgumentBytes } from '../exec/stack.js';
import type { Directory } from '../fs/inode.js';
import type { OpenFile } from '../fs/open-file.js';
import { forkTask } from '../process/fork.js';
import type { Task } from '../process/task.js';
import { pathIn, startOf } from './arguments.js';
import type { HandlerTable } from './handler.js';

/** MIN_THREADS. */
const LEAST_THREADS = 20;
const CSIGNAL = 0xff;
interface CloneRequest {
  readonly flags: number;
  /** 0: the parent's. */
  readonly stack: Addr;
  readonly parentTid: Addr;
  readonly childTid: Addr;
  readonly tls: Addr;
}

const PLAIN = { stack: 0n, parentTid: 0n, childTid: 0n, tls: 0n } as const;
const SIGCHLD = signalNumber('SIGCHLD');

/** Threads do not exist here: memory is shared only with a parent that sleeps. */
function clone(task: Task, request: CloneRequest): SyscallResult {
  const { flags } = request;
  if (flags & CLONE_THREAD && !(flags & CLONE_SIGHAND)) return fail('EINVAL');
  if (flags & CLONE_SIGHAND && !(flags & CLONE_VM)) return fail('EINVAL');
  if (flags & CLONE_THREAD || (flags & CLONE_VM && !(flags & CLONE_VFORK))) return fail('ENOSYS');
  // i386 would have a segment set up for the child.
  if (flags & CLONE_SETTLS && task.arch === 'i386') return fail('ENOSYS');
  const refused = mayFork(task, (flags & CLONE_VM) !== 0);
  if (!refused.ok) return refused;
  const child = forkTask(task, {
    sharesMemory: (flags & CLONE_VM) !== 0,
    exitSignal: flags & CSIGNAL,
  });
  if (flags & CLONE_PARENT_SETTID) wordOut(task.mm, request.parentTid, 4, BigInt(child.pid));
  if (flags & CLONE_CHILD_SETTID) wordOut(child.mm, request.childTid, 4, BigInt(child.pid));
  child.clearChildTid = flags & CLONE_CHILD_CLEARTID ? request.childTid : 0n;
  giveRegisters(task, child, request);
  if (!(flags & CLONE_VFORK)) return ok(child.pid);
  const left = (): boolean => child.outcome !== undefined || !child.process.sleepsParent;
  child.process.sleepsParent = true;
  task.waiting = {
    retry: () => (left() ? ok(child.pid) : undefined),
    ready: left,
    interruptible: false,
    restarts: false,
    wokenBy: 'others',
  };
  return noReturn;
}

/**
 * copy_process(): RLIMIT_NPROC and kernel.threads-max, then memory for the process, and for the tables of its
 * parent's pages and mappings.
 */
function mayFork(task: Task, sharesMemory: boolean): Result<0> {
  const { processes, limits, mm, files } = task;
  const { frames, meter } = task.kernel;
  meter.charge('fork');
  meter.charge('object', files.count);
  const most = Math.min(Number(limits.soft(RLIMIT_NPROC)), threadsMax(frames.memory.maxFrames));
  if (processes.count >= most) return fail('EAGAIN');
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

/** The child goes on where its parent does, with 0 as the call's value. */
function giveRegisters(
  { kernel, arch }: Task,
  child: Task,
  { flags, stack, tls }: CloneRequest,
): void {
  const { engine } = kernel;
  const wide = arch === 'x86-64';
  const parent = engine.saveCpu();
  engine.writeRegister(wide ? 'rax' : 'eax', 0n);
  if (stack !== 0n) engine.writeRegister(wide ? 'rsp' : 'esp', stack);
  if (flags & CLONE_SETTLS) engine.writeRegister('fs_base', tls);
  child.cpu = engine.saveCpu();
  engine.loadCpu(parent);
}

/** count(): the pointers of a vector up to its null. More than what any stack may hold is E2BIG. */
function pointersIn(task: Task, at: Addr, { word }: Abi, most: number): Result<Addr[]> {
  const found: Addr[] = [];
  if (at === 0n) return ok(found);
  while (found.length * word <= most) {
    const pointer = wordIn(task.mm, at + BigInt(found.length * word), word);
    if (!pointer.ok) return pointer;
    if (pointer.value === 0n) return ok(found);
    task.kernel.meter.charge('vector');
    found.push(pointer.value);
  }
  return fail('E2BIG');
}

/** do_execveat_common(): the environment, then the arguments, each from its end, until there is no room left. */
function stringsIn(
  task: Task,
  [argv, envp]: readonly [Addr, Addr],
  abi: Abi,
): Result<readonly [string[], string[]]> {
  const most = Number(mostArgumentBytes(task.kernel.layout.stackLimit));
  const args = pointersIn(task, argv, abi, most);
  if (!args.ok) return args;
  const env = pointersIn(task, envp, abi, most);
  if (!env.ok) return env;
  let room = most - (args.value.length + env.value.length) * abi.word;
  const texts: string[] = [];
  for (const pointer of [...args.value, ...env.value].reverse()) {
    const limit = Math.min(MAX_STRING, room);
    const text = limit > 0 ? copyStringIn(task.mm, pointer, limit) : fail('E2BIG');
    if (!text.ok) return text;
    if (!text.value.terminated) return fail('E2BIG');
    task.kernel.meter.charge('text', Math.ceil(text.value.bytes.length / 256));
    room -= text.value.bytes.length + 1;
    texts.push(decodeText(text.value.bytes));
  }
  texts.reverse();
  return ok([texts.slice(0, args.value.length), texts.slice(args.value.length)]);
}

interface ExecRequest {
  readonly start: Directory;
  readonly path: string;
  readonly argv: Addr;
  readonly envp: Addr;
  readonly file?: OpenFile;
  readonly follow: boolean;
}

function exec(task: Task, request: ExecRequest, abi: Abi): SyscallResult {
  const { start, path, follow, file } = request;
  const { kernel } = task;
  const found = file === undefined ? kernel.files.walk(start, path, follow) : ok({ path });
  if (!found.ok) return found;
  // Since 6.8 the file comes before everything else.
  const opened = openProgram(task, found.value.path, file);
  if (!opened.ok) return opened;
  const strings = stringsIn(task, [request.argv, request.envp], abi);
  if (!strings.ok) return strings;
  const [argv, envp] = strings.value;
  const done = execProgram(task, kernel.layout, {
    path: found.value.path,
    // A program always has a name (since 5.18).
    argv: argv.length === 0 ? [''] : argv,
    envp,
    ...(file === undefined ? {} : { file }),
  });
  return done.ok ? noReturn : done;
}

function execve(
  task: Task,
  [pathAt, argv, envp]: readonly [Addr, Addr, Addr],
  abi: Abi,
): SyscallResult {
  const path = pathIn(task.mm, pathAt);
  if (!path.ok) return path;
  return exec(task, { start: task.cwd, path: path.value, argv, envp, follow: true }, abi);
}

function execveat(
  task: Task,
  [dirfd, pathAt, argv, envp, flags]: readonly [bigint, Addr, Addr, Addr, number],
  abi: Abi,
): SyscallResult {
  if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) return fail('EINVAL');
  const path = pathIn(task.mm, pathAt, (flags & AT_EMPTY_PATH) !== 0);
  if (!path.ok) return path;
  const follow = !(flags & AT_SYMLINK_NOFOLLOW);
  const request = { path: path.value, argv, envp, follow };
  if (path.value !== '') {
    const start = startOf(task, dirfd, path.value);
    return start.ok ? exec(task, { ...request, start: start.value }, abi) : start;
  }
  const file = task.files.any(int(dirfd));
  if (!file.ok) return file;
  const named = { ...request, path: `/dev/fd/${int(dirfd)}`, file: file.value };
  return exec(task, { ...named, start: task.cwd }, abi);
}

export const forkCalls: HandlerTable = {
  fork: (task) => clone(task, { ...PLAIN, flags: SIGCHLD }),
  vfork: (task) => clone(task, { ...PLAIN, flags: CLONE_VM | CLONE_VFORK | SIGCHLD }),
  // The two architectures order the last two arguments differently.
  clone: (task, [flags, stack, parentTid, fourth, fifth], { word }) =>
    clone(task, {
      flags: uint(flags),
      stack,
      parentTid,
      childTid: word === 8 ? fourth : fifth,
      tls: word === 8 ? fifth : fourth,
    }),
  execve: (task, [path, argv, envp], abi) => execve(task, [path, argv, envp], abi),
  execveat: (task, [dirfd, path, argv, envp, flags], abi) =>
    execveat(task, [dirfd, path, argv, envp, uint(flags)], abi),
};
