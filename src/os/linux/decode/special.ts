/** Calls whose arguments mean different things by the value of another one. */
import {
  AT_EACCESS,
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  F_ADD_SEALS,
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  F_GET_SEALS,
  F_GETFD,
  F_GETFL,
  F_GETPIPE_SZ,
  F_SETFD,
  F_SETFL,
  FD_CLOEXEC,
} from '../../../abi/linux/fcntl.js';
import {
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  PR_SET_MDWE,
  PR_SET_NAME,
} from '../../../abi/linux/mman.js';
import {
  FUTEX_WAIT,
  FUTEX_WAKE,
  PR_GET_DUMPABLE,
  PR_SET_DUMPABLE,
  PR_SET_NO_NEW_PRIVS,
} from '../../../abi/linux/process.js';
import { copyStringIn } from '../../../kernel/user-memory.js';
import type { DecodeContext } from './context.js';
import { IOCTLS, MDWE_FLAGS, OPEN_FLAGS, SEALS } from './names.js';
import { flags, hex, type NameTable, named, pointer, quoted } from './text.js';

const COMM_LIMIT = 15;
const FUTEX_COMMAND = 0x7f;
const MREMAP_PLACED = MREMAP_FIXED | MREMAP_DONTUNMAP;
const DUMPABLE = ['SUID_DUMP_DISABLE', 'SUID_DUMP_USER', 'SUID_DUMP_ROOT'];
/** AT_EACCESS shares its bit with AT_REMOVEDIR of other calls. */
const FACCESS_FLAGS: NameTable = [
  [AT_SYMLINK_NOFOLLOW, 'AT_SYMLINK_NOFOLLOW'],
  [AT_EACCESS, 'AT_EACCESS'],
  [AT_EMPTY_PATH, 'AT_EMPTY_PATH'],
];

/**
 * Texts by position; undefined at a position: as its type says. Fewer texts than arguments: the call
 * takes no more with these values.
 */
export function special(
  call: string,
  args: readonly bigint[],
  context: DecodeContext,
): readonly (string | undefined)[] | undefined {
  switch (call) {
    case 'fcntl':
    case 'fcntl64':
      return fcntl(low(args[1]), args[2] ?? 0n);
    case 'ioctl':
      return ioctl(args);
    case 'prctl':
      return prctl(args, context);
    case 'futex':
    case 'futex_time64':
      return futex(low(args[1]) & FUTEX_COMMAND);
    case 'mremap':
      return low(args[3]) & MREMAP_PLACED ? undefined : Array<undefined>(4).fill(undefined);
    case 'dup3':
      return [undefined, undefined, flags(low(args[2]), OPEN_FLAGS, '0', 'O_???')];
    case 'pipe2':
      return [undefined, flags(low(args[1]), OPEN_FLAGS, '0', 'O_???')];
    case 'faccessat2':
      return [...Array<undefined>(3), flags(low(args[3]), FACCESS_FLAGS)];
    case 'mmap2':
      return [...Array<undefined>(5), hex((args[5] ?? 0n) * 4096n)];
    default:
      return undefined;
  }
}

/** The low 32 bits. */
function low(value: bigint | undefined): number {
  return Number(BigInt.asUintN(32, value ?? 0n));
}

/** How many of the six count depends on the operation. */
function futex(operation: number): readonly undefined[] | undefined {
  if (operation === FUTEX_WAKE) return Array<undefined>(3).fill(undefined);
  return operation === FUTEX_WAIT ? Array<undefined>(4).fill(undefined) : undefined;
}

function fcntl(command: number, arg: bigint): readonly (string | undefined)[] {
  const word = low(arg);
  switch (command) {
    case F_GETFD:
    case F_GETFL:
    case F_GET_SEALS:
    case F_GETPIPE_SZ:
      return [undefined, undefined];
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
      return [undefined, undefined, String(word)];
    case F_SETFD:
      return [undefined, undefined, flags(word, [[FD_CLOEXEC, 'FD_CLOEXEC']])];
    case F_SETFL:
      return [undefined, undefined, openStatus(word)];
    case F_ADD_SEALS:
      return [undefined, undefined, flags(word, SEALS)];
    default:
      return [undefined, undefined, undefined];
  }
}

function openStatus(word: number): string {
  const access = ['O_RDONLY', 'O_WRONLY', 'O_RDWR', 'O_ACCMODE'][word & 3]!;
  const rest = flags(word & ~3, OPEN_FLAGS, '');
  return rest === '' ? access : `${access}|${rest}`;
}

function ioctl(args: readonly bigint[]): readonly (string | undefined)[] {
  const request = low(args[1]);
  const known = IOCTLS.some(([value]) => value === request);
  return [
    undefined,
    known ? named(request, IOCTLS, '') : encodedRequest(request),
    pointer(args[2] ?? 0n),
  ];
}

const DIRECTIONS = ['_IOC_NONE', '_IOC_WRITE', '_IOC_READ', '_IOC_READ|_IOC_WRITE'];

/** The four parts of a request that has no name here (include/uapi/asm-generic/ioctl.h). */
function encodedRequest(request: number): string {
  const direction = DIRECTIONS[request >>> 30];
  const parts = [(request >> 8) & 0xff, request & 0xff, (request >> 16) & 0x3fff];
  return `_IOC(${direction}, ${parts.map((part) => `0x${part.toString(16)}`).join(', ')})`;
}

function prctl(
  args: readonly bigint[],
  { memory }: DecodeContext,
): readonly (string | undefined)[] | undefined {
  const option = low(args[0]);
  const arg2 = args[1] ?? 0n;
  switch (option) {
    case PR_SET_NAME: {
      const name = copyStringIn(memory, arg2, COMM_LIMIT);
      return [undefined, name.ok ? quoted(name.value.bytes) : pointer(arg2)];
    }
    case PR_SET_MDWE:
      return [
        undefined,
        arg2 < 1n << 32n ? flags(Number(arg2), MDWE_FLAGS) : hex(arg2),
        undefined,
        undefined,
        undefined,
      ];
    case PR_GET_DUMPABLE:
      return [undefined];
    case PR_SET_DUMPABLE:
      return [undefined, DUMPABLE[Number(arg2)] ?? hex(arg2)];
    case PR_SET_NO_NEW_PRIVS:
      return [undefined, String(arg2), ...Array<undefined>(3)];
    default:
      return undefined;
  }
}
