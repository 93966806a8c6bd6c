/** Calls whose arguments mean different things by the value of another one. */
import {
  F_ADD_SEALS,
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  F_GET_SEALS,
  F_GETFD,
  F_GETFL,
  F_SETFD,
  F_SETFL,
  FD_CLOEXEC,
} from '../../../abi/fcntl.js';
import { PR_SET_MDWE, PR_SET_NAME } from '../../../abi/mman.js';
import { PR_GET_DUMPABLE, PR_SET_DUMPABLE } from '../../../abi/process.js';
import { copyStringIn } from '../../../kernel/user-memory.js';
import type { DecodeContext } from './decoder.js';
import { IOCTLS, MDWE_FLAGS, OPEN_FLAGS, SEALS } from './names.js';
import { flags, hex, named, pointer, quoted } from './text.js';

const COMM_LIMIT = 15;

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
      return fcntl(Number(BigInt.asUintN(32, args[1] ?? 0n)), args[2] ?? 0n);
    case 'ioctl':
      return ioctl(args);
    case 'prctl':
      return prctl(args, context);
    case 'mmap2':
      return [...Array<undefined>(5), hex((args[5] ?? 0n) * 4096n)];
    default:
      return undefined;
  }
}

function fcntl(command: number, arg: bigint): readonly (string | undefined)[] {
  const word = Number(BigInt.asUintN(32, arg));
  switch (command) {
    case F_GETFD:
    case F_GETFL:
    case F_GET_SEALS:
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
  const request = Number(BigInt.asUintN(32, args[1] ?? 0n));
  const known = IOCTLS.some(([value]) => value === request);
  return [
    undefined,
    known ? named(request, IOCTLS, '') : hex(args[1] ?? 0n),
    pointer(args[2] ?? 0n),
  ];
}

function prctl(
  args: readonly bigint[],
  { memory }: DecodeContext,
): readonly (string | undefined)[] | undefined {
  const option = Number(BigInt.asUintN(32, args[0] ?? 0n));
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
      return [undefined, hex(arg2)];
    default:
      return undefined;
  }
}
