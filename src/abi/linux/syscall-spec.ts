/**
 * The shape of a system-call table: what a trace needs to print a call and an assembler to name it.
 * Handlers are bound to these rows by name elsewhere; a row says nothing of what is modelled.
 */

/**
 * How an argument is read and printed.
 *
 * Plain numbers: `int`, `uint` (32 bits), `long`, `ulong`, `size`, `offset` (a register), `hex`.
 * Names of things: `fd`, `dirfd` (or AT_FDCWD), `pid`, `uid`, `gid`, `key`.
 * Pointers: `ptr` (printed as an address), `path` and `str` (to a zero byte), `argv`, `envp`,
 * `buf-in` and `buf-out` (`length` is the index of the argument that counts the bytes; of a
 * `buf-out` no more than the call's result is valid), `iovec` (`length` counts its elements).
 * Structures: `*-in` is read at entry, `*-out` after success.
 * The rest are flag words and enumerations, decoded by name.
 */
export type ArgType =
  | 'int'
  | 'uint'
  | 'long'
  | 'ulong'
  | 'size'
  | 'offset'
  | 'hex'
  | 'fd'
  | 'dirfd'
  | 'pid'
  | 'uid'
  | 'gid'
  | 'key'
  | 'ptr'
  | 'path'
  | 'str'
  | 'argv'
  | 'envp'
  | 'buf-in'
  | 'buf-out'
  | 'iovec'
  | 'int-in'
  | 'int-out'
  | 'fd-pair-out'
  | 'stat-out'
  | 'statfs-out'
  | 'utsname-out'
  | 'timespec-in'
  | 'timespec-out'
  | 'timeval-in'
  | 'timeval-out'
  | 'sigset-in'
  | 'sigset-out'
  | 'sigaction-in'
  | 'sigaction-out'
  | 'stack-in'
  | 'stack-out'
  | 'rlimit-in'
  | 'rlimit-out'
  | 'user-desc'
  | 'mmap-args'
  | 'prot'
  | 'mmap-flags'
  | 'mremap-flags'
  | 'msync-flags'
  | 'madvice'
  | 'mlock-flags'
  | 'mlockall-flags'
  | 'pkey-rights'
  | 'memfd-flags'
  | 'shmget-flags'
  | 'shmat-flags'
  | 'open-flags'
  | 'mode'
  | 'whence'
  | 'access-mode'
  | 'at-flags'
  | 'fcntl-cmd'
  | 'signal'
  | 'sigmask-how'
  | 'clone-flags'
  | 'wait-options'
  | 'prctl-option'
  | 'arch-prctl-code'
  | 'personality'
  | 'clock-id'
  | 'grnd-flags'
  | 'resource'
  | 'futex-op';

export interface ArgSpec {
  readonly name: string;
  readonly type: ArgType;
  /** Index of the argument that counts the bytes or elements behind this pointer. */
  readonly length?: number;
}

export interface SyscallSpec {
  readonly number: number;
  readonly name: string;
  readonly args: readonly ArgSpec[];
}

/** A row as written in the tables: `[number, name]`, `[number, name, signature]` where it differs. */
export type SyscallRow = readonly [number: number, name: string, signature?: string];

/** Reads `'fd:fd buf:buf-out#2 count:size'`: `name:type`, then `#n` for the index of its length. */
export function parseSignature(signature: string): ArgSpec[] {
  if (signature === '') return [];
  return signature.split(' ').map((text) => {
    const [name = '', rest = ''] = text.split(':');
    const [type = '', length] = rest.split('#');
    const spec = { name, type: type as ArgType };
    return length === undefined ? spec : { ...spec, length: Number(length) };
  });
}

export function specsOf(
  rows: readonly SyscallRow[],
  signatures: Readonly<Record<string, string>>,
): SyscallSpec[] {
  return rows.map(([number, name, own]) => ({
    number,
    name,
    args: parseSignature(own ?? signatures[name] ?? ''),
  }));
}
