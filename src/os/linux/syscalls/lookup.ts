/** From a path or a descriptor to what it stands for. */
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW } from '../../../abi/linux/fcntl.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { int } from '../../../kernel/syscall.js';
import type { Inode } from '../fs/inode.js';
import type { Task } from '../process/task.js';
import { pathIn, startOf } from './arguments.js';

/** What a path or, with an empty one, a descriptor leads to. */
export function lookupInode(
  task: Task,
  dirfd: bigint,
  pathname: bigint,
  flags: number,
): Result<Inode> {
  const path = pathIn(task.mm, pathname, (flags & AT_EMPTY_PATH) !== 0);
  if (!path.ok) return path;
  if (path.value === '') return inodeOf(task, int(dirfd));
  const start = startOf(task, dirfd, path.value);
  if (!start.ok) return start;
  const follow = !(flags & AT_SYMLINK_NOFOLLOW);
  const found = task.kernel.files.walk(start.value, path.value, follow);
  if (!found.ok) return found;
  return found.value.inode === undefined ? fail('ENOENT') : ok(found.value.inode);
}

/** Of a descriptor of any kind, those of O_PATH too; AT_FDCWD is the current directory. */
export function inodeOf(task: Task, fd: number): Result<Inode> {
  if (fd === AT_FDCWD) return ok(task.cwd);
  const file = task.files.any(fd);
  return file.ok ? ok(file.value.inode) : file;
}

/** What a path leads to from the current directory. `flags`: AT_SYMLINK_NOFOLLOW. */
export function inodeAtPath(task: Task, path: bigint, flags = 0): Result<Inode> {
  return lookupInode(task, BigInt(AT_FDCWD), path, flags);
}

/** Of a descriptor that is open for more than its path. */
export function inodeAtDescriptor(task: Task, fd: bigint): Result<Inode> {
  const file = task.files.get(int(fd));
  return file.ok ? ok(file.value.inode) : file;
}
