/** Extended attributes, read only: the host sets them. Compare fs/xattr.c. */
import { AT_SYMLINK_NOFOLLOW } from '../../../abi/linux/fcntl.js';
import type { Addr } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { cString, encodeText } from '../../../base/text.js';
import type { SyscallResult } from '../../../kernel/syscall.js';
import type { Inode } from '../fs/inode.js';
import type { Task } from '../process/task.js';
import { pathIn } from './arguments.js';
import type { HandlerTable } from './handler.js';
import { inodeAtDescriptor, inodeAtPath } from './lookup.js';

/** ENODATA: it has none of that name. ERANGE: the buffer is too short; of 0 bytes the length alone is asked. */
function attributeOut(
  task: Task,
  inode: Result<Inode>,
  nameAt: Addr,
  [buffer, size]: readonly [Addr, bigint],
): SyscallResult {
  const name = pathIn(task.mm, nameAt);
  if (!name.ok) return name.errno === 'ENAMETOOLONG' ? fail('ERANGE') : name;
  if (!inode.ok) return inode;
  if (!/^(user|security|trusted|system)\./.test(name.value)) return fail('EOPNOTSUPP');
  const value = inode.value.xattrs.get(name.value);
  if (value === undefined) return fail('ENODATA');
  return bytesOut(task, encodeText(value), buffer, size);
}

function bytesOut(task: Task, bytes: Uint8Array, buffer: Addr, size: bigint): SyscallResult {
  if (size === 0n) return ok(bytes.length);
  if (size < BigInt(bytes.length)) return fail('ERANGE');
  const copied = task.mm.copyOut(buffer, bytes);
  return copied.ok ? ok(bytes.length) : copied;
}

function attributeNames(
  task: Task,
  inode: Result<Inode>,
  [buffer, size]: readonly [Addr, bigint],
): SyscallResult {
  if (!inode.ok) return inode;
  const names = [...inode.value.xattrs.keys()].flatMap((name) => [...cString(name)]);
  return bytesOut(task, Uint8Array.from(names), buffer, size);
}

export const xattrCalls: HandlerTable = {
  getxattr: (task, [path, name, buffer, size]) =>
    attributeOut(task, inodeAtPath(task, path), name, [buffer, size]),
  lgetxattr: (task, [path, name, buffer, size]) =>
    attributeOut(task, inodeAtPath(task, path, AT_SYMLINK_NOFOLLOW), name, [buffer, size]),
  fgetxattr: (task, [fd, name, buffer, size]) =>
    attributeOut(task, inodeAtDescriptor(task, fd), name, [buffer, size]),
  listxattr: (task, [path, buffer, size]) =>
    attributeNames(task, inodeAtPath(task, path), [buffer, size]),
  llistxattr: (task, [path, buffer, size]) =>
    attributeNames(task, inodeAtPath(task, path, AT_SYMLINK_NOFOLLOW), [buffer, size]),
  flistxattr: (task, [fd, buffer, size]) =>
    attributeNames(task, inodeAtDescriptor(task, fd), [buffer, size]),
};
