/** Tables of flags and enumerations, in strace's order of printing. */
import * as fcntl from '../../../abi/linux/fcntl.js';
import * as ipc from '../../../abi/linux/ipc.js';
import * as mman from '../../../abi/linux/mman.js';
import * as process from '../../../abi/linux/process.js';
import * as signal from '../../../abi/linux/signal.js';
import type { NameTable } from './text.js';

/** Rows for the constants of a module by their own names. */
function rows<M extends Record<string, unknown>>(
  module: M,
  names: readonly (keyof M & string)[],
): NameTable {
  return names.map((name) => [module[name] as number, name] as const);
}

/** All numeric constants of a module that begin so, in its order. */
function family(module: Record<string, unknown>, prefix: string): NameTable {
  return Object.entries(module)
    .filter((entry): entry is [string, number] => entry[0].startsWith(prefix))
    .map(([name, value]) => [value, name] as const);
}

export const PROT = rows(mman, [
  'PROT_READ',
  'PROT_WRITE',
  'PROT_EXEC',
  'PROT_SEM',
  'PROT_GROWSDOWN',
  'PROT_GROWSUP',
]);
export const MAP_TYPES = rows(mman, ['MAP_SHARED', 'MAP_PRIVATE', 'MAP_SHARED_VALIDATE']);
export const MAP_FLAGS = rows(mman, [
  'MAP_FIXED',
  'MAP_ANONYMOUS',
  'MAP_32BIT',
  'MAP_NORESERVE',
  'MAP_POPULATE',
  'MAP_NONBLOCK',
  'MAP_GROWSDOWN',
  'MAP_DENYWRITE',
  'MAP_EXECUTABLE',
  'MAP_LOCKED',
  'MAP_STACK',
  'MAP_HUGETLB',
  'MAP_SYNC',
  'MAP_UNINITIALIZED',
  'MAP_FIXED_NOREPLACE',
]);
export const MREMAP_FLAGS = family(mman, 'MREMAP_');
export const MSYNC_FLAGS = family(mman, 'MS_');
export const MADVICE = family(mman, 'MADV_');
export const MLOCK_FLAGS = family(mman, 'MLOCK_');
export const MLOCKALL_FLAGS = family(mman, 'MCL_');
export const PKEY_RIGHTS = rows(mman, ['PKEY_DISABLE_ACCESS', 'PKEY_DISABLE_WRITE']);
export const MDWE_FLAGS = rows(mman, ['PR_MDWE_REFUSE_EXEC_GAIN', 'PR_MDWE_NO_INHERIT']);
export const MEMFD_FLAGS = family(fcntl, 'MFD_');
export const SHMGET_FLAGS = [
  ...rows(ipc, ['IPC_CREAT', 'IPC_EXCL']),
  ...rows(ipc, ['SHM_HUGETLB', 'SHM_NORESERVE']),
];
export const SHMAT_FLAGS = rows(ipc, ['SHM_RDONLY', 'SHM_RND', 'SHM_REMAP', 'SHM_EXEC']);
export const ACCESS_MODES = rows(fcntl, ['O_RDONLY', 'O_WRONLY', 'O_RDWR']);
/** Those of several bits first. */
export const OPEN_FLAGS = rows(fcntl, [
  'O_CREAT',
  'O_EXCL',
  'O_NOCTTY',
  'O_TRUNC',
  'O_APPEND',
  'O_NONBLOCK',
  'O_SYNC',
  'O_DSYNC',
  'O_ASYNC',
  'O_DIRECT',
  'O_LARGEFILE',
  'O_NOFOLLOW',
  'O_NOATIME',
  'O_CLOEXEC',
  'O_PATH',
  'O_TMPFILE',
  'O_DIRECTORY',
]);
export const WHENCE = family(fcntl, 'SEEK_');
export const ACCESS = rows(fcntl, ['R_OK', 'W_OK', 'X_OK']);
export const AT_FLAGS = rows(fcntl, [
  'AT_SYMLINK_NOFOLLOW',
  'AT_REMOVEDIR',
  'AT_SYMLINK_FOLLOW',
  'AT_NO_AUTOMOUNT',
  'AT_EMPTY_PATH',
  'AT_RECURSIVE',
]);
export const FCNTL_COMMANDS = family(fcntl, 'F_').filter(([, name]) => !/^F_(OK|SEAL)/.test(name));
export const SEALS = family(fcntl, 'F_SEAL_');
export const FILE_TYPES = rows(fcntl, [
  'S_IFREG',
  'S_IFDIR',
  'S_IFCHR',
  'S_IFIFO',
  'S_IFLNK',
  'S_IFSOCK',
  'S_IFBLK',
]);
export const SIGMASK_HOW = rows(signal, ['SIG_BLOCK', 'SIG_UNBLOCK', 'SIG_SETMASK']);
export const SA_FLAGS = rows(signal, [
  'SA_RESTORER',
  'SA_ONSTACK',
  'SA_RESTART',
  'SA_NODEFER',
  'SA_RESETHAND',
  'SA_SIGINFO',
  'SA_NOCLDSTOP',
  'SA_NOCLDWAIT',
  'SA_UNSUPPORTED',
  'SA_EXPOSE_TAGBITS',
]);
export const SS_FLAGS = rows(signal, ['SS_ONSTACK', 'SS_DISABLE', 'SS_AUTODISARM']);
export const CLONE_FLAGS = family(process, 'CLONE_');
export const WAIT_OPTIONS = rows(process, [
  'WNOHANG',
  'WUNTRACED',
  'WEXITED',
  'WCONTINUED',
  'WNOWAIT',
  '__WNOTHREAD',
  '__WALL',
  '__WCLONE',
]);
export const PRCTL_OPTIONS: NameTable = [
  ...family(process, 'PR_').filter(([, name]) => name !== 'PR_SET_VMA_ANON_NAME'),
  ...family(mman, 'PR_').filter(([, name]) => !name.startsWith('PR_MDWE')),
];
export const ARCH_PRCTL = family(process, 'ARCH_');
/** Personalities proper (the low byte), then the bits. */
export const PERSONALITIES = rows(process, ['PER_LINUX', 'PER_BSD', 'PER_LINUX32']);
export const PERSONALITY_BITS = [
  ...rows(process, ['UNAME26']),
  ...rows(mman, ['ADDR_NO_RANDOMIZE']),
  ...rows(process, ['FDPIC_FUNCPTRS', 'MMAP_PAGE_ZERO']),
  ...rows(mman, ['ADDR_COMPAT_LAYOUT', 'READ_IMPLIES_EXEC']),
  ...rows(process, [
    'ADDR_LIMIT_32BIT',
    'SHORT_INODE',
    'WHOLE_SECONDS',
    'STICKY_TIMEOUTS',
    'ADDR_LIMIT_3GB',
  ]),
];
export const CLOCKS = family(process, 'CLOCK_');
export const GRND_FLAGS = family(process, 'GRND_');
export const RESOURCES = family(process, 'RLIMIT_');
export const FUTEX_OPS = family(process, 'FUTEX_').filter(([value]) => value < 128);
export const IOCTLS: NameTable = [
  [0x5401, 'TCGETS'],
  [0x5413, 'TIOCGWINSZ'],
  [0x541b, 'FIONREAD'],
  [0x5421, 'FIONBIO'],
  [0x5450, 'FIONCLEX'],
  [0x5451, 'FIOCLEX'],
];
