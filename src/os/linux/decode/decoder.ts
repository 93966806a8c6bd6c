/**
 * ArgumentDecoder: the arguments of one call as strace writes them. What the call reads is read at
 * its entry, before it can change it; what it fills in, when it is done.
 */
import { O_ACCMODE, O_CREAT, O_DIRECTORY, O_TMPFILE } from '../../../abi/linux/fcntl.js';
import { MAP_TYPE } from '../../../abi/linux/mman.js';
import { FUTEX_CLOCK_REALTIME, FUTEX_PRIVATE_FLAG, PER_MASK } from '../../../abi/linux/process.js';
import { signalName } from '../../../abi/linux/signal.js';
import type { ArgSpec, SyscallSpec } from '../../../abi/linux/syscall-spec.js';
import type { DecodeContext } from './context.js';
import * as names from './names.js';
import { isOutput, pointed } from './pointed.js';
import { special } from './special.js';
import { mode } from './structs.js';
import { flags, hex, type NameTable, named, pointer } from './text.js';

function int(value: bigint): bigint {
  return BigInt.asIntN(32, value);
}

const uint = (value: bigint): number => Number(BigInt.asUintN(32, value));

export class ArgumentDecoder {
  readonly #spec: SyscallSpec;
  readonly #args: readonly bigint[];
  readonly #context: DecodeContext;
  /** Undefined: filled in when the call is done. */
  readonly #texts: readonly (string | undefined)[];

  constructor(spec: SyscallSpec, args: readonly bigint[], context: DecodeContext) {
    this.#spec = spec;
    this.#args = args;
    this.#context = context;
    const own = special(spec.name, args, context);
    const shown = own === undefined ? spec.args.length : Math.min(own.length, spec.args.length);
    this.#texts = spec.args.slice(0, shown).map((arg, index) => {
      const given = own?.[index];
      if (given !== undefined) return given;
      return isOutput(arg.type) ? undefined : this.#entry(arg, index);
    });
  }

  /** `value`: what the call returned; undefined when it failed or did not return. */
  finish(value: bigint | undefined): string[] {
    const texts = this.#texts.map((text, index) => text ?? this.#output(index, value));
    return this.#omitMode(texts);
  }

  #output(index: number, value: bigint | undefined): string {
    const arg = this.#spec.args[index]!;
    const at = this.#args[index] ?? 0n;
    if (value === undefined) return pointer(at);
    return pointed(this.#spec.name, arg, at, this.#length(arg), this.#context, value);
  }

  #entry(arg: ArgSpec, index: number): string {
    const value = this.#args[index] ?? 0n;
    const simple = plain(arg, value, this.#context.word);
    if (simple !== undefined) return simple;
    return pointed(this.#spec.name, arg, value, this.#length(arg), this.#context, undefined);
  }

  #length(arg: ArgSpec): bigint {
    return arg.length === undefined ? 0n : (this.#args[arg.length] ?? 0n);
  }

  /** The mode of open counts, and shows, only where a file may be made. */
  #omitMode(texts: string[]): string[] {
    const at = this.#spec.args.findIndex(({ type }) => type === 'open-flags');
    const hasMode = at >= 0 && this.#spec.args[at + 1]?.type === 'mode';
    if (!hasMode) return texts;
    const makes = uint(this.#args[at] ?? 0n) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY));
    return makes ? texts : texts.slice(0, at + 1);
  }
}

/** Text of a value that is no pointer to something; undefined for those that are. */
function plain({ type }: ArgSpec, value: bigint, word: 4 | 8): string | undefined {
  switch (type) {
    case 'int':
    case 'fd':
    case 'pid':
      return String(int(value));
    case 'uid':
    case 'gid':
      return int(value) === -1n ? '-1' : String(uint(value));
    case 'dirfd':
      return int(value) === -100n ? 'AT_FDCWD' : String(int(value));
    case 'uint':
      return String(uint(value));
    case 'long':
    case 'offset':
      return String(BigInt.asIntN(word * 8, value));
    case 'ulong':
    case 'size':
      return String(value);
    case 'hex':
      return hex(value);
    case 'ptr':
      return pointer(value);
    case 'key':
      return value === 0n ? 'IPC_PRIVATE' : hex(value);
    default:
      return word === 8 || value < 1n << 32n ? symbolic(type, uint(value)) : hex(value);
  }
}

/** Enumerations: the value has one name. */
const ENUMERATIONS: Partial<Record<ArgSpec['type'], readonly [NameTable, string]>> = {
  madvice: [names.MADVICE, 'MADV_???'],
  whence: [names.WHENCE, 'SEEK_???'],
  'fcntl-cmd': [names.FCNTL_COMMANDS, 'F_???'],
  'sigmask-how': [names.SIGMASK_HOW, 'SIG_???'],
  'prctl-option': [names.PRCTL_OPTIONS, 'PR_???'],
  'arch-prctl-code': [names.ARCH_PRCTL, 'ARCH_???'],
  'clock-id': [names.CLOCKS, 'CLOCK_???'],
  resource: [names.RESOURCES, 'RLIMIT_???'],
};

/** Flag words, with what stands for none. */
const FLAG_WORDS: Partial<Record<ArgSpec['type'], readonly [NameTable, string, string]>> = {
  prot: [names.PROT, 'PROT_NONE', 'PROT_???'],
  'mremap-flags': [names.MREMAP_FLAGS, '0', 'MREMAP_???'],
  'msync-flags': [names.MSYNC_FLAGS, '0', 'MS_???'],
  'mlock-flags': [names.MLOCK_FLAGS, '0', 'MLOCK_???'],
  'mlockall-flags': [names.MLOCKALL_FLAGS, '0', 'MCL_???'],
  'pkey-rights': [names.PKEY_RIGHTS, '0', 'PKEY_???'],
  'memfd-flags': [names.MEMFD_FLAGS, '0', 'MFD_???'],
  'shmat-flags': [names.SHMAT_FLAGS, '0', 'SHM_???'],
  'access-mode': [names.ACCESS, 'F_OK', '?_OK'],
  'at-flags': [names.AT_FLAGS, '0', 'AT_???'],
  'wait-options': [names.WAIT_OPTIONS, '0', 'W???'],
  'grnd-flags': [names.GRND_FLAGS, '0', 'GRND_???'],
};

function symbolic(type: ArgSpec['type'], value: number): string | undefined {
  const enumeration = ENUMERATIONS[type];
  if (enumeration !== undefined) return named(value, ...enumeration);
  const word = FLAG_WORDS[type];
  if (word !== undefined) return flags(value, ...word);
  switch (type) {
    case 'shmget-flags':
      return shmgetFlags(value);
    case 'mmap-flags':
      return mmapFlags(value);
    case 'open-flags':
      return openFlags(value);
    case 'mode':
      return mode(value & 0o7777);
    case 'signal':
      return value === 0 ? '0' : (signalName(value) ?? String(value | 0));
    case 'clone-flags':
      return cloneFlags(value);
    case 'personality':
      return personality(value);
    case 'futex-op':
      return futexOperation(value);
    default:
      return undefined;
  }
}

/** The low bits are permissions. */
function shmgetFlags(value: number): string {
  const known = flags(value & ~0o777, names.SHMGET_FLAGS, '');
  return [known, mode(value & 0o777)].filter((part) => part !== '').join('|');
}

/** The type comes first; bits 26 to 31 are the size of huge pages. */
function mmapFlags(value: number): string {
  const type = value & MAP_TYPE;
  const known = names.MAP_TYPES.find(([bits]) => bits === type)?.[1];
  const rest = flags(value & ~MAP_TYPE & 0x03ffffff, names.MAP_FLAGS, '');
  const huge = value >>> 26;
  const parts = [
    known ?? `${hex(BigInt(type))} /* MAP_??? */`,
    rest,
    huge === 0 ? '' : `${huge}<<MAP_HUGE_SHIFT`,
  ];
  return parts.filter((part) => part !== '').join('|');
}

export function openFlags(value: number): string {
  const access = names.ACCESS_MODES.find(([bits]) => bits === (value & O_ACCMODE))?.[1];
  const rest = flags(value & ~O_ACCMODE, names.OPEN_FLAGS, '');
  return [access ?? 'O_ACCMODE', rest].filter((part) => part !== '').join('|');
}

function cloneFlags(value: number): string {
  const signal = value & 0xff;
  const parts = [
    flags(value & ~0xff, names.CLONE_FLAGS, ''),
    signal === 0 ? '' : (signalName(signal) ?? String(signal)),
  ];
  return parts.filter((part) => part !== '').join('|') || '0';
}

function personality(value: number): string {
  if (value === 0xffffffff) return '0xffffffff';
  const base = names.PERSONALITIES.find(([bits]) => bits === (value & PER_MASK))?.[1];
  const bits = flags(value & ~PER_MASK, names.PERSONALITY_BITS, '');
  return [base ?? hex(BigInt(value & PER_MASK)), bits].filter((part) => part !== '').join('|');
}

function futexOperation(value: number): string {
  const base = named(value & 0x7f, names.FUTEX_OPS, 'FUTEX_???');
  const suffix = value & FUTEX_PRIVATE_FLAG ? '_PRIVATE' : '';
  const clock = value & FUTEX_CLOCK_REALTIME ? '|FUTEX_CLOCK_REALTIME' : '';
  return `${base}${suffix}${clock}`;
}
