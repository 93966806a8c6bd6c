/** open(2): from flags and a path to an open file. Compare fs/open.c:build_open_flags() and fs/namei.c:do_open(). */
import {
  O_ACCMODE,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_TMPFILE,
  O_TRUNC,
  S_IFLNK,
  S_IFREG,
} from '../../../abi/linux/fcntl.js';
import { fail, ok, type Result } from '../../../base/result.js';
import type { FileSystem } from './file-system.js';
import { Directory, type Inode, type Mount } from './inode.js';
import { MAY_EXEC, MAY_READ, MAY_WRITE, permits } from './mode.js';
import { OpenFile } from './open-file.js';
import type { FoundPath } from './path-walk.js';
import type { RegularFile } from './regular-file.js';

/** __O_TMPFILE alone: O_TMPFILE contains O_DIRECTORY. */
const TMPFILE_BIT = O_TMPFILE & ~O_DIRECTORY;
const PATH_FLAGS = O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;

export interface OpenRequest {
  readonly flags: number;
  /** Permission bits of a new file, the umask already taken away. */
  readonly permissions: number;
  readonly now: bigint;
}

/** What can be said of the flags alone; comes before the path is looked at. */
export function checkOpenFlags(given: number): Result<number> {
  const flags = given & O_PATH ? given & PATH_FLAGS : given;
  if (flags & O_CREAT && flags & O_DIRECTORY && !(flags & TMPFILE_BIT)) return fail('EINVAL');
  if (flags & TMPFILE_BIT) {
    if (!(flags & O_DIRECTORY) || flags & O_CREAT) return fail('EINVAL');
    if ((flags & O_ACCMODE) === O_RDONLY) return fail('EINVAL');
  }
  return ok(flags);
}

export function openPath(
  files: FileSystem,
  from: Directory,
  path: string,
  request: OpenRequest,
): Result<OpenFile> {
  const { flags } = request;
  const exclusive = (flags & O_CREAT) !== 0 && (flags & O_EXCL) !== 0;
  const found = files.walk(from, path, !(flags & O_NOFOLLOW) && !exclusive);
  if (!found.ok) return found;
  if (flags & TMPFILE_BIT) return openUnnamed(files, found.value, request);
  const { inode } = found.value;
  if (inode === undefined) return openNew(files, found.value, request);
  if (exclusive) return fail('EEXIST');
  if (flags & O_CREAT && inode instanceof Directory) return fail('EISDIR');
  if (flags & O_DIRECTORY && !(inode instanceof Directory)) return fail('ENOTDIR');
  if (!(flags & O_PATH)) {
    const allowed = mayOpen(inode, flags);
    if (!allowed.ok) return allowed;
    if (flags & O_TRUNC && inode.type === S_IFREG) {
      const cut = inode.truncate(0);
      if (!cut.ok) return cut;
      inode.modified = request.now;
    }
  }
  return opened(inode, found.value.path, flags);
}

/** Compare fs/namei.c:may_open(). */
function mayOpen(inode: Inode, flags: number): Result<0> {
  const wanted = accessWanted(flags);
  if (inode instanceof Directory && wanted & MAY_WRITE) return fail('EISDIR');
  if (inode.type === S_IFLNK) return fail('ELOOP');
  if (!permits(inode, wanted)) return fail('EACCES');
  if (wanted & MAY_WRITE && inode.mount.readOnly && inode.type === S_IFREG) return fail('EROFS');
  return ok(0);
}

/** Access mode 3 asks for both rights, and gives neither. */
function accessWanted(flags: number): number {
  const wanted = [MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE];
  return (wanted[flags & O_ACCMODE] ?? 0) | (flags & O_TRUNC ? MAY_WRITE : 0);
}

function openNew(files: FileSystem, found: FoundPath, request: OpenRequest): Result<OpenFile> {
  if (!(request.flags & O_CREAT)) return fail('ENOENT');
  if (found.wantsDirectory) return fail('EISDIR');
  const made = files.create(found, (mount) => newInode(files, mount, found.path, request));
  return made.ok ? opened(made.value, found.path, request.flags) : made;
}

/** O_TMPFILE: a file without a name in that directory's file system. */
function openUnnamed(files: FileSystem, found: FoundPath, request: OpenRequest): Result<OpenFile> {
  const directory = found.inode;
  if (directory === undefined) return fail('ENOENT');
  if (!(directory instanceof Directory)) return fail('ENOTDIR');
  if (!permits(directory, MAY_WRITE | MAY_EXEC)) return fail('EACCES');
  if (!files.hasRoom()) return fail('ENOSPC');
  const inode = newInode(files, directory.mount, '', request);
  const path = `${directory.pathOf(`#${inode.number}`)} (deleted)`;
  inode.content.path = path;
  inode.links = 0;
  files.reserve(inode);
  return opened(inode, path, request.flags);
}

function newInode(
  files: FileSystem,
  mount: Mount,
  path: string,
  request: OpenRequest,
): RegularFile {
  const inode = files.newFile(mount, { path, permissions: request.permissions });
  inode.modified = request.now;
  return inode;
}

function opened(inode: Inode, path: string, flags: number): Result<OpenFile> {
  const kept = flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC);
  return ok(new OpenFile(inode, path, kept));
}
