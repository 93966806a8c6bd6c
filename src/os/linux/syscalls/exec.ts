/** execve, execveat. Compare fs/exec.c:do_execveat_common(). */

import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW } from '../../../abi/linux/fcntl.js';
import type { Addr } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { decodeText } from '../../../base/text.js';
import { int, noReturn, type SyscallResult, uint } from '../../../kernel/syscall.js';
import { copyStringIn, wordIn } from '../../../kernel/user-memory.js';
import type { Abi } from '../abi.js';
import { execProgram, openProgram } from '../exec/exec.js';
import { MAX_STRING, mostArgumentBytes } from '../exec/stack.js';
import type { Directory } from '../fs/inode.js';
import type { OpenFile } from '../fs/open-file.js';
import type { Task } from '../process/task.js';
import { pathIn, startOf } from './arguments.js';
import type { HandlerTable } from './handler.js';

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

export const execCalls: HandlerTable = {
  execve: (task, [path, argv, envp], abi) => execve(task, [path, argv, envp], abi),
  execveat: (task, [dirfd, path, argv, envp, flags], abi) =>
    execveat(task, [dirfd, path, argv, envp, uint(flags)], abi),
};
