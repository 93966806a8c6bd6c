/** fcntl, ioctl and memfd_create. Compare fs/fcntl.c and mm/memfd.c. */
import {
  F_ADD_SEALS,
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  F_GET_SEALS,
  F_GETFD,
  F_GETFL,
  F_GETPIPE_SZ,
  F_SEAL_EXEC,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  F_SETFD,
  F_SETFL,
  F_SETPIPE_SZ,
  FD_CLOEXEC,
  MFD_ALLOW_SEALING,
  MFD_CLOEXEC,
  MFD_EXEC,
  MFD_HUGETLB,
  MFD_NOEXEC_SEAL,
  O_APPEND,
  O_ASYNC,
  O_DIRECT,
  O_LARGEFILE,
  O_NOATIME,
  O_NONBLOCK,
  O_RDWR,
  S_IFIFO,
} from '../../../abi/linux/fcntl.js';
import { RLIMIT_NOFILE } from '../../../abi/linux/process.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { decodeText } from '../../../base/text.js';
import { int, type SyscallResult, uint } from '../../../kernel/syscall.js';
import { copyStringIn, wordOut } from '../../../kernel/user-memory.js';
import { memfdFlags } from '../../../policy/linux/memfd-noexec.js';
import type { FileSystem } from '../fs/file-system.js';
import { OpenFile } from '../fs/open-file.js';
import { Pipe } from '../fs/pipe.js';
import { RegularFile } from '../fs/regular-file.js';
import type { Task } from '../process/task.js';
import type { HandlerTable } from './handler.js';

const SETTABLE_FLAGS = O_APPEND | O_NONBLOCK | O_NOATIME | O_DIRECT | O_ASYNC;
const ALL_SEALS =
  F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC;
const MFD_ALL = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_NOEXEC_SEAL | MFD_EXEC;
/** Bits 26 to 31 tell the size of a huge page. */
const MFD_HUGE_SIZES = 0xfc000000;
/** NAME_MAX - strlen("memfd:") and the NUL. */
const MEMFD_NAME_LIMIT = 250;
const PIPE_SIZE = 65536;

const FIONREAD = 0x541b;
const FIONBIO = 0x5421;
const FIONCLEX = 0x5450;
const FIOCLEX = 0x5451;

function fcntl(task: Task, fd: number, command: number, arg: bigint): SyscallResult {
  const any = task.files.any(fd);
  if (!any.ok) return any;
  const file = any.value;
  switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
      if (arg >= task.limits.soft(RLIMIT_NOFILE)) return fail('EINVAL');
      return task.files.install(file, command === F_DUPFD_CLOEXEC, Number(arg));
    case F_GETFD:
      return ok(task.files.closeOnExec(fd) ? FD_CLOEXEC : 0);
    case F_SETFD:
      task.files.setCloseOnExec(fd, (arg & BigInt(FD_CLOEXEC)) !== 0n);
      return ok(0);
    case F_GETFL:
      return ok(file.flags);
    default:
      return file.pathOnly ? fail('EBADF') : fcntlContent(file, command, arg);
  }
}

/** Commands that O_PATH descriptors have not. */
function fcntlContent(file: OpenFile, command: number, arg: bigint): SyscallResult {
  const { inode } = file;
  switch (command) {
    case F_SETFL:
      file.flags = (file.flags & ~SETTABLE_FLAGS) | (uint(arg) & SETTABLE_FLAGS);
      return ok(0);
    case F_GET_SEALS:
      return isSealable(file) ? ok(file.inode.content.seals) : fail('EINVAL');
    case F_ADD_SEALS:
      return addSeals(file, uint(arg));
    case F_GETPIPE_SZ:
      if (inode instanceof Pipe) return ok(inode.capacity);
      return inode.type === S_IFIFO ? ok(PIPE_SIZE) : fail('EBADF');
    case F_SETPIPE_SZ:
      return inode instanceof Pipe ? inode.resize(uint(arg)) : fail('EBADF');
    default:
      return fail('EINVAL');
  }
}

function isSealable(file: OpenFile): file is OpenFile & { readonly inode: RegularFile } {
  const { inode } = file;
  return inode instanceof RegularFile && ['memfd', 'hugetlb'].includes(inode.content.kind);
}

/** Compare mm/memfd.c:memfd_add_seals(). */
function addSeals(file: OpenFile, asked: number): Result<0> {
  if (!file.writable) return fail('EPERM');
  if (asked & ~ALL_SEALS) return fail('EINVAL');
  if (!isSealable(file)) return fail('EINVAL');
  const { content, mode } = file.inode;
  if (content.seals & F_SEAL_SEAL) return fail('EPERM');
  // What may be executed and stays so is frozen as it is: writable and executable exclude each other.
  const frozen = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
  const seals = asked | (asked & F_SEAL_EXEC && mode & 0o111 ? frozen : 0);
  const denyWrite = (seals & F_SEAL_WRITE) !== 0 && !(content.seals & F_SEAL_WRITE);
  if (denyWrite && content.writableMappings > 0) return fail('EBUSY');
  content.seals |= seals;
  return ok(0);
}

/** Compare mm/memfd.c:SYSCALL_DEFINE2(memfd_create); vm.memfd_noexec is 0 unless a policy says otherwise. */
function memfdCreate(task: Task, nameAt: bigint, flags: number): SyscallResult {
  const known = flags & MFD_HUGETLB ? MFD_ALL | MFD_HUGE_SIZES : MFD_ALL;
  if (flags & ~known) return fail('EINVAL');
  const decided = decideExec(task, flags);
  if (!decided.ok) return decided;
  const name = copyStringIn(task.mm, nameAt, MEMFD_NAME_LIMIT);
  if (!name.ok) return name;
  if (!name.value.terminated) return fail('EINVAL');
  const { kernel } = task;
  return newMemfd(task, kernel.files, decodeText(name.value.bytes), decided.value);
}

/** MFD_EXEC or MFD_NOEXEC_SEAL, one of which counts when the caller gave none. */
function decideExec({ kernel, policies, comm, pid }: Task, flags: number): Result<number> {
  const level = policies.effects.memfdNoexec ?? 0;
  const decision = memfdFlags(flags, level, { comm, pid });
  const [first, ...rest] = (decision.ok ? decision.value.log : decision.log) ?? [];
  if (first !== undefined && !(flags & (MFD_EXEC | MFD_NOEXEC_SEAL))) {
    kernel.printOnce('memfd', first);
  } else if (first !== undefined) kernel.print(first);
  for (const line of rest) kernel.print(line);
  return decision.ok ? ok(decision.value.flags) : decision;
}

function newMemfd(task: Task, files: FileSystem, name: string, flags: number): SyscallResult {
  if (!files.hasRoom()) return fail('ENOMEM');
  const inode = files.newFile(files.shmem, {
    kind: flags & MFD_HUGETLB ? 'hugetlb' : 'memfd',
    path: `/memfd:${name} (deleted)`,
    permissions: flags & MFD_NOEXEC_SEAL ? 0o666 : 0o777,
  });
  inode.links = 0;
  files.reserve(inode);
  const sealing = flags & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
  inode.content.seals = (sealing ? 0 : F_SEAL_SEAL) | (flags & MFD_NOEXEC_SEAL ? F_SEAL_EXEC : 0);
  const file = new OpenFile(inode, inode.content.path, O_RDWR | O_LARGEFILE);
  const fd = task.files.install(file, (flags & MFD_CLOEXEC) !== 0);
  if (!fd.ok) files.forget(inode);
  return fd;
}

/** No file here is a terminal or another device with controls of its own. */
function ioctl(task: Task, fd: number, request: number, arg: bigint): SyscallResult {
  const file = task.files.get(fd);
  if (!file.ok) return file;
  const { inode, position } = file.value;
  switch (request) {
    case FIOCLEX:
    case FIONCLEX:
      task.files.setCloseOnExec(fd, request === FIOCLEX);
      return ok(0);
    case FIONBIO: {
      const on = task.mm.copyIn(arg, 4);
      if (!on.ok) return on;
      const set = on.value.some((byte) => byte !== 0);
      file.value.flags = (file.value.flags & ~O_NONBLOCK) | (set ? O_NONBLOCK : 0);
      return ok(0);
    }
    case FIONREAD:
      if (inode instanceof Pipe) return wordOut(task.mm, arg, 4, BigInt(inode.unread));
      if (!(inode instanceof RegularFile)) return fail('ENOTTY');
      return wordOut(task.mm, arg, 4, BigInt(inode.size - position));
    default:
      return fail('ENOTTY');
  }
}

export const fcntlCalls: HandlerTable = {
  fcntl: (task, [fd, command, arg]) => fcntl(task, int(fd), uint(command), arg),
  fcntl64: (task, [fd, command, arg]) => fcntl(task, int(fd), uint(command), arg),
  memfd_create: (task, [name, flags]) => memfdCreate(task, name, uint(flags)),
  ioctl: (task, [fd, request, arg]) => ioctl(task, int(fd), uint(request), arg),
};
