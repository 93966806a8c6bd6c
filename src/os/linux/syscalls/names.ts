/** Names: unlink, mkdir, rename, links, directories, sizes and modes. Compare fs/namei.c and fs/open.c. */
import { AT_FDCWD, AT_REMOVEDIR, F_SEAL_EXEC, S_IFREG } from '../../../abi/linux/fcntl.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { encodeText } from '../../../base/text.js';
import { int, type SyscallResult, uint } from '../../../kernel/syscall.js';
import { allowedSize } from '../file-size.js';
import { Directory, type Inode, Symlink } from '../fs/inode.js';
import { MAY_EXEC, MAY_WRITE, permits, USER_ID } from '../fs/mode.js';
import { type FoundPath, PATH_MAX } from '../fs/path-walk.js';
import { RegularFile } from '../fs/regular-file.js';
import type { Task } from '../process/task.js';
import { pathIn, startOf, twoWords } from './arguments.js';
import type { HandlerTable } from './handler.js';

const CWD = BigInt(AT_FDCWD);
const STICKY = 0o1000;

function find(task: Task, dirfd: bigint, pathname: bigint, follow: boolean): Result<FoundPath> {
  const path = pathIn(task.mm, pathname);
  if (!path.ok) return path;
  const start = startOf(task, dirfd, path.value);
  return start.ok ? task.kernel.files.walk(start.value, path.value, follow) : start;
}

function findExisting(
  task: Task,
  dirfd: bigint,
  pathname: bigint,
  follow = true,
): Result<FoundPath & { readonly inode: Inode }> {
  const found = find(task, dirfd, pathname, follow);
  if (!found.ok) return found;
  const { inode } = found.value;
  return inode === undefined ? fail('ENOENT') : ok({ ...found.value, inode });
}

/** may_delete(): write and search the directory; in a sticky one only the owner's. */
function mayRemove({ parent }: FoundPath, inode: Inode): Result<0> {
  if (!permits(parent, MAY_WRITE | MAY_EXEC)) return fail('EACCES');
  const foreign = inode.uid !== USER_ID && parent.uid !== USER_ID;
  if (parent.mode & STICKY && foreign) return fail('EPERM');
  return parent.mount.readOnly ? fail('EROFS') : ok(0);
}

function unlink(task: Task, dirfd: bigint, pathname: bigint): SyscallResult {
  const found = findExisting(task, dirfd, pathname, false);
  if (!found.ok) return found;
  const { inode } = found.value;
  if (found.value.wantsDirectory) return fail(inode instanceof Directory ? 'EISDIR' : 'ENOTDIR');
  const allowed = mayRemove(found.value, inode);
  if (!allowed.ok) return allowed;
  if (inode instanceof Directory) return fail('EISDIR');
  drop(task, found.value, inode);
  return ok(0);
}

/** Takes the name away; the content goes with the last descriptor and mapping. */
function drop(task: Task, found: FoundPath, inode: Inode): void {
  task.kernel.files.unlink(found, inode);
  if (inode.links > 0) return;
  if (inode instanceof RegularFile) inode.content.path += ' (deleted)';
  if (inode.openFiles === 0) task.kernel.files.forget(inode);
}

function rmdir(task: Task, dirfd: bigint, pathname: bigint): SyscallResult {
  const found = findExisting(task, dirfd, pathname, false);
  if (!found.ok) return found;
  const { inode, parent } = found.value;
  if (!(inode instanceof Directory)) return fail('ENOTDIR');
  if (inode === parent) return fail('EBUSY');
  const allowed = mayRemove(found.value, inode);
  if (!allowed.ok) return allowed;
  if (!inode.isEmpty) return fail('ENOTEMPTY');
  task.kernel.files.unlink(found.value, inode);
  task.kernel.files.forget(inode);
  return ok(0);
}

function mkdir(task: Task, dirfd: bigint, pathname: bigint, mode: bigint): SyscallResult {
  const found = find(task, dirfd, pathname, false);
  if (!found.ok) return found;
  if (found.value.inode !== undefined) return fail('EEXIST');
  const { files } = task.kernel;
  const permissions = int(mode) & 0o1777 & ~task.umask;
  const { name, parent } = found.value;
  const made = files.create(found.value, (mount) => {
    const directory = new Directory(mount, files.newNumber(), permissions, name, parent);
    directory.uid = USER_ID;
    directory.gid = USER_ID;
    return files.add(directory);
  });
  return made.ok ? ok(0) : made;
}

function symlink(task: Task, target: bigint, dirfd: bigint, pathname: bigint): SyscallResult {
  const text = pathIn(task.mm, target);
  if (!text.ok) return text;
  const found = find(task, dirfd, pathname, false);
  if (!found.ok) return found;
  if (found.value.inode !== undefined) return fail('EEXIST');
  const { files } = task.kernel;
  const made = files.create(
    found.value,
    (mount) => {
      const link = new Symlink(mount, files.newNumber(), text.value);
      link.uid = USER_ID;
      link.gid = USER_ID;
      return files.add(link);
    },
    text.value.length,
  );
  return made.ok ? ok(0) : made;
}

/** Within one mount, files over files and directories over empty directories. */
function rename(
  task: Task,
  from: FoundPath & { readonly inode: Inode },
  to: FoundPath,
): SyscallResult {
  if (from.parent.mount !== to.parent.mount) return fail('EXDEV');
  const away = mayRemove(from, from.inode);
  if (!away.ok) return away;
  if (!permits(to.parent, MAY_WRITE | MAY_EXEC)) return fail('EACCES');
  if (from.inode === to.inode) return ok(0);
  const isDirectory = from.inode instanceof Directory;
  if (isDirectory && `${to.path}/`.startsWith(`${from.path}/`)) return fail('EINVAL');
  if (to.inode !== undefined) {
    if (isDirectory && !(to.inode instanceof Directory)) return fail('ENOTDIR');
    if (!isDirectory && to.inode instanceof Directory) return fail('EISDIR');
    if (to.inode instanceof Directory && !to.inode.isEmpty) return fail('ENOTEMPTY');
    drop(task, to, to.inode);
  } else if (to.wantsDirectory && !isDirectory) {
    return fail('ENOTDIR');
  }
  from.parent.remove(from.name);
  to.parent.insert(to.name, from.inode);
  if (from.inode instanceof RegularFile) from.inode.content.path = to.path;
  return ok(0);
}

function renameAt(
  task: Task,
  [fromFd, fromPath, toFd, toPath]: readonly [bigint, bigint, bigint, bigint],
): SyscallResult {
  const from = findExisting(task, fromFd, fromPath, false);
  if (!from.ok) return from;
  const to = find(task, toFd, toPath, false);
  return to.ok ? rename(task, from.value, to.value) : to;
}

function resize(task: Task, inode: Inode, size: bigint): SyscallResult {
  const allowed = allowedSize(task, inode, size);
  if (!allowed.ok) return allowed;
  // Larger than any file can be: the number need not be exact.
  const done = inode.truncate(Number(size));
  if (done.ok) inode.modified = task.kernel.clock.nanoseconds;
  return done;
}

function ftruncate(task: Task, fd: bigint, size: bigint): SyscallResult {
  if (size < 0n) return fail('EINVAL');
  const file = task.files.get(int(fd));
  if (!file.ok) return file;
  if (file.value.inode.type !== S_IFREG || !file.value.writable) return fail('EINVAL');
  return resize(task, file.value.inode, size);
}

function truncate(task: Task, pathname: bigint, size: bigint): SyscallResult {
  if (size < 0n) return fail('EINVAL');
  const found = findExisting(task, CWD, pathname);
  if (!found.ok) return found;
  const { inode } = found.value;
  if (inode instanceof Directory) return fail('EISDIR');
  if (inode.type !== S_IFREG) return fail('EINVAL');
  if (!permits(inode, MAY_WRITE)) return fail('EACCES');
  return resize(task, inode, size);
}

/** A sealed memfd (F_SEAL_EXEC) keeps its executable bits as they are. */
function chmod(inode: Inode, mode: bigint): SyscallResult {
  if (inode.uid !== USER_ID) return fail('EPERM');
  const permissions = int(mode) & 0o7777;
  const sealed = inode instanceof RegularFile && (inode.content.seals & F_SEAL_EXEC) !== 0;
  if (sealed && (permissions ^ inode.mode) & 0o111) return fail('EPERM');
  inode.mode = inode.type | permissions;
  return ok(0);
}

function chdir(task: Task, inode: Inode): SyscallResult {
  if (!(inode instanceof Directory)) return fail('ENOTDIR');
  if (!permits(inode, MAY_EXEC)) return fail('EACCES');
  task.process.cwd = inode;
  return ok(0);
}

/** The number of bytes, with the NUL. */
function getcwd(task: Task, buffer: bigint, size: bigint): SyscallResult {
  const text = encodeText(`${task.cwd.path}\0`);
  task.kernel.meter.chargeBytes(text.length);
  if (text.length > PATH_MAX) return fail('ENAMETOOLONG');
  if (size < BigInt(text.length)) return fail('ERANGE');
  const copied = task.mm.copyOut(buffer, text);
  return copied.ok ? ok(text.length) : copied;
}

export const nameCalls: HandlerTable = {
  unlink: (task, [path]) => unlink(task, CWD, path),
  unlinkat: (task, [dirfd, path, flags]) => {
    if (uint(flags) & ~AT_REMOVEDIR) return fail('EINVAL');
    return (uint(flags) ? rmdir : unlink)(task, dirfd, path);
  },
  rmdir: (task, [path]) => rmdir(task, CWD, path),
  mkdir: (task, [path, mode]) => mkdir(task, CWD, path, mode),
  mkdirat: (task, [dirfd, path, mode]) => mkdir(task, dirfd, path, mode),
  symlink: (task, [target, path]) => symlink(task, target, CWD, path),
  symlinkat: (task, [target, dirfd, path]) => symlink(task, target, dirfd, path),
  rename: (task, [from, to]) => renameAt(task, [CWD, from, CWD, to]),
  renameat: (task, [fromFd, from, toFd, to]) => renameAt(task, [fromFd, from, toFd, to]),
  truncate: (task, [path, size], { word }) => truncate(task, path, BigInt.asIntN(8 * word, size)),
  truncate64: (task, [path, low, high]) => truncate(task, path, twoWords(low, high)),
  ftruncate: (task, [fd, size], { word }) => ftruncate(task, fd, BigInt.asIntN(8 * word, size)),
  ftruncate64: (task, [fd, low, high]) => ftruncate(task, fd, twoWords(low, high)),
  chmod: (task, [path, mode]) => {
    const found = findExisting(task, CWD, path);
    return found.ok ? chmod(found.value.inode, mode) : found;
  },
  fchmod: (task, [fd, mode]) => {
    const file = task.files.get(int(fd));
    return file.ok ? chmod(file.value.inode, mode) : file;
  },
  umask: (task, [mask]) => {
    const before = task.umask;
    task.process.umask = int(mask) & 0o777;
    return ok(before);
  },
  chdir: (task, [path]) => {
    const found = findExisting(task, CWD, path);
    return found.ok ? chdir(task, found.value.inode) : found;
  },
  fchdir: (task, [fd]) => {
    const file = task.files.any(int(fd));
    return file.ok ? chdir(task, file.value.inode) : file;
  },
  getcwd: (task, [buffer, size]) => getcwd(task, buffer, size),
};
