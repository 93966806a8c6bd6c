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
} from '../../../abi/linux/process.js';
import { signalNumber } from '../../../abi/linux/signal.js';
import type { Addr } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { decodeText } from '../../../base/text.js';
import { int, noReturn, type SyscallResult, uint } from '../../../kernel/syscall.js';
import { copyStringIn, wordIn, wordOut } from '../../../kernel/user-memory.js';
import type { Abi } from '../abi.js';
import { execProgram } from '../exec/exec.js';
import type { Directory } from '../fs/inode.js';
import type { OpenFile } from '../fs/open-file.js';
import { forkTask } from '../process/fork.js';
import type { Task } from '../process/task.js';
import { pathIn, startOf } from './arguments.js';
import type { HandlerTable } from './handler.js';

/**
 * What a new process and a new program count as, in blocks of code: about the host's time for either. A guest
 * that only forks, or execs itself for ever, shall meet its limit as soon as one that loops.
 */
const FORK_BLOCKS = 1000;
const EXEC_BLOCKS = 5000;

const CSIGNAL = 0xff;
/** MAX_ARG_STRLEN, and more strings than any stack holds. */
const LONGEST_STRING = 131072;
const MOST_STRINGS = 1 << 16;

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
  task.kernel.charge(FORK_BLOCKS);
  const child = forkTask(task, {
    sharesMemory: (flags & CLONE_VM) !== 0,
    exitSignal: flags & CSIGNAL,
  });
  if (flags & CLONE_PARENT_SETTID) wordOut(task.mm, request.parentTid, 4, BigInt(child.pid));
  if (flags & CLONE_CHILD_SETTID) wordOut(child.mm, request.childTid, 4, BigInt(child.pid));
  child.clearChildTid = flags & CLONE_CHILD_CLEARTID ? request.childTid : 0n;
  giveRegisters(task, child, request);
  if (!(flags & CLONE_VFORK)) return ok(child.pid);
  const left = (): boolean => child.outcome !== undefined || !child.sleepsParent;
  child.sleepsParent = true;
  task.waiting = {
    retry: () => (left() ? ok(child.pid) : undefined),
    ready: left,
    interruptible: false,
    restarts: false,
    wokenBy: 'others',
  };
  return noReturn;
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

function strings(task: Task, at: Addr, { word }: Abi): Result<string[]> {
  const found: string[] = [];
  if (at === 0n) return ok(found);
  for (let index = 0; index < MOST_STRINGS; index++) {
    const pointer = wordIn(task.mm, at + BigInt(index * word), word);
    if (!pointer.ok) return pointer;
    if (pointer.value === 0n) return ok(found);
    const text = copyStringIn(task.mm, pointer.value, LONGEST_STRING);
    if (!text.ok) return text;
    if (!text.value.terminated) return fail('E2BIG');
    found.push(decodeText(text.value.bytes));
  }
  return fail('E2BIG');
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
  const argv = strings(task, request.argv, abi);
  if (!argv.ok) return argv;
  const envp = strings(task, request.envp, abi);
  if (!envp.ok) return envp;
  const { kernel } = task;
  kernel.charge(EXEC_BLOCKS);
  const found = file === undefined ? kernel.files.walk(start, path, follow) : ok({ path });
  if (!found.ok) return found;
  const done = execProgram(task, kernel.layout, {
    path: found.value.path,
    // A program always has a name (since 5.18).
    argv: argv.value.length === 0 ? [''] : argv.value,
    envp: envp.value,
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
