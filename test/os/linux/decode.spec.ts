/** Arguments in words: the texts are strace 6.1's own, taken from its runs on Linux. */
import { describe, expect, it } from 'vitest';
import { SYSCALLS_I386 } from '../../../src/abi/linux/syscalls-i386.js';
import { SYSCALLS_X86_64 } from '../../../src/abi/linux/syscalls-x86-64.js';
import { fail, ok } from '../../../src/base/result.js';
import type { UserMemory } from '../../../src/kernel/user-memory.js';
import { ArgumentDecoder } from '../../../src/os/linux/decode/decoder.js';
import { flags, quoted, shortened } from '../../../src/os/linux/decode/text.js';

const MINUS_1 = (1n << 64n) - 1n;
const BASE = 0x1000n;

/** One page at BASE that begins with `bytes`. */
function memory(...bytes: number[]): UserMemory {
  const page = new Uint8Array(4096);
  page.set(bytes);
  return {
    copyIn(addr, length) {
      const at = Number(addr - BASE);
      return at < 0 || at + length > 4096 ? fail('EFAULT') : ok(page.slice(at, at + length));
    },
    copyOut: () => fail('EFAULT'),
  };
}

function text(string: string): UserMemory {
  return memory(...new TextEncoder().encode(string));
}

function words(...values: bigint[]): UserMemory {
  const view = new DataView(new ArrayBuffer(8 * values.length));
  for (const [index, value] of values.entries()) view.setBigUint64(8 * index, value, true);
  return memory(...new Uint8Array(view.buffer));
}

function shown(
  call: string,
  args: readonly bigint[],
  from: UserMemory = memory(),
  value: bigint | 'failed' = 0n,
  arch: 'x86-64' | 'i386' = 'x86-64',
): string {
  const table = arch === 'x86-64' ? SYSCALLS_X86_64 : SYSCALLS_I386;
  const spec = table.find(({ name }) => name === call)!;
  const word = arch === 'x86-64' ? 8 : 4;
  return new ArgumentDecoder(spec, args, { memory: from, word })
    .finish(value === 'failed' ? undefined : value)
    .join(', ');
}

describe('strings', () => {
  it.each([
    ['plain', '"plain"'],
    ['a"b\\c', '"a\\"b\\\\c"'],
    ['\t\n\v\f\r', '"\\t\\n\\v\\f\\r"'],
    ['\x00\x011\x7f', '"\\0\\0011\\177"'],
    ['\x1b[0m', '"\\33[0m"'],
  ])('%j', (given, expected) => {
    expect(quoted(Uint8Array.from(given, (char) => char.charCodeAt(0)))).toBe(expected);
  });

  it('are cut after 32 bytes', () => {
    const bytes = new Uint8Array(40).fill(0x61);
    expect(shortened(bytes, 40)).toBe(`"${'a'.repeat(32)}"...`);
    expect(shortened(bytes.subarray(0, 32), 32)).toBe(`"${'a'.repeat(32)}"`);
  });
});

describe('flags', () => {
  it('name what they know and show the rest', () => {
    const table = [
      [6, 'BOTH'],
      [2, 'TWO'],
      [1, 'ONE'],
    ] as const;
    expect(flags(0, table, 'NONE')).toBe('NONE');
    expect(flags(7, table)).toBe('BOTH|ONE');
    expect(flags(0x82, table)).toBe('TWO|0x80');
    expect(flags(-1 << 31, table)).toBe('0x80000000');
  });
});

describe('calls', () => {
  it.each([
    [
      'mmap',
      [0n, 4096n, 7n, 0x22n, MINUS_1, 0n],
      'NULL, 4096, PROT_READ|PROT_WRITE|PROT_EXEC, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0',
    ],
    [
      'mmap',
      [0x5000n, 8192n, 1n, 0x812n, 3n, 0x26000n],
      '0x5000, 8192, PROT_READ, MAP_PRIVATE|MAP_FIXED|MAP_DENYWRITE, 3, 0x26000',
    ],
    [
      'mmap',
      [0n, 1n, 0n, 0x4021n, MINUS_1, 0n],
      'NULL, 1, PROT_NONE, MAP_SHARED|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0',
    ],
    ['mprotect', [0x1000n, 4096n, 0x20n], '0x1000, 4096, 0x20 /* PROT_??? */'],
    ['mprotect', [0x1000n, 4096n, 0x01000001n], '0x1000, 4096, PROT_READ|PROT_GROWSDOWN'],
    ['munmap', [0n, 4096n], 'NULL, 4096'],
    ['brk', [0n], 'NULL'],
    ['mremap', [0x1000n, 1n, 2n, 3n, 0x2000n], '0x1000, 1, 2, MREMAP_MAYMOVE|MREMAP_FIXED, 0x2000'],
    ['madvise', [0x1000n, 4096n, 4n], '0x1000, 4096, MADV_DONTNEED'],
    ['prctl', [65n, 1n, 0n, 0n, 0n], 'PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0'],
    ['prctl', [15n, BASE], 'PR_SET_NAME, ""'],
    ['personality', [0xffffffffn], '0xffffffff'],
    ['personality', [0x400000n], 'PER_LINUX|READ_IMPLIES_EXEC'],
    ['arch_prctl', [0x1002n, 0x4ac380n], 'ARCH_SET_FS, 0x4ac380'],
    ['kill', [5n, 15n], '5, SIGTERM'],
    ['lseek', [3n, MINUS_1, 1n], '3, -1, SEEK_CUR'],
    ['close', [MINUS_1], '-1'],
    ['fcntl', [3n, 1n, 99n], '3, F_GETFD'],
    ['fcntl', [3n, 2n, 1n], '3, F_SETFD, FD_CLOEXEC'],
    ['fcntl', [3n, 1033n, 9n], '3, F_ADD_SEALS, F_SEAL_SEAL|F_SEAL_WRITE'],
    ['ioctl', [1n, 0x5401n, 0x7ffe0000n], '1, TCGETS, 0x7ffe0000'],
    ['clock_gettime', [1n, 0n], 'CLOCK_MONOTONIC, NULL'],
    ['futex', [0x1000n, 0x81n, 1n, 0n, 0n, 0n], '0x1000, FUTEX_WAKE_PRIVATE, 1'],
    ['mremap', [0x1000n, 1n, 2n, 0n, 5n], '0x1000, 1, 2, 0'],
    ['prctl', [4n, 1n, 7n, 7n, 7n], 'PR_SET_DUMPABLE, SUID_DUMP_USER'],
    ['prctl', [38n, 1n, 0n, 0n, 0n], 'PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0'],
    ['fcntl', [1n, 1032n, 7n], '1, F_GETPIPE_SZ'],
    ['ioctl', [77n, 0x12345n, BASE], '77, _IOC(_IOC_NONE, 0x23, 0x45, 0x1), 0x1000'],
    ['dup3', [1n, 9n, 0o2000000n], '1, 9, O_CLOEXEC'],
    ['umask', [0o22n], '022'],
    ['shmget', [0n, 4096n, 0o1600n], 'IPC_PRIVATE, 4096, IPC_CREAT|0600'],
    ['memfd_create', [0x10n, 0x100n], '0x10, 0x100 /* MFD_??? */'],
    ['faccessat2', [MINUS_1 - 99n, 0x10n, 4n, 0x200n], 'AT_FDCWD, 0x10, R_OK, AT_EACCESS'],
    [
      'mmap',
      [0n, 4096n, 0x13n, 0x04000062n, MINUS_1, 0n],
      'NULL, 4096, PROT_READ|PROT_WRITE|0x10, MAP_PRIVATE|MAP_ANONYMOUS|MAP_32BIT|1<<MAP_HUGE_SHIFT, -1, 0',
    ],
    ['exit_group', [3n], '3'],
  ] as const)('%s: %#', (call, args, expected) => {
    expect(shown(call, args)).toBe(expected);
  });

  it('with paths show them whole, or where they cannot be read', () => {
    const path = text('/etc/passwd\0');
    const at = (1n << 64n) - 100n;
    expect(shown('openat', [at, BASE, 0o2000000n, 0n], path)).toBe(
      'AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC',
    );
    expect(shown('open', [BASE, 0o1102n, 0o644n], path)).toBe(
      '"/etc/passwd", O_RDWR|O_CREAT|O_TRUNC, 0644',
    );
    expect(shown('open', [0x10n, 0n, 0n], path)).toBe('0x10, O_RDONLY');
    expect(shown('access', [BASE, 4n], path)).toBe('"/etc/passwd", R_OK');
    expect(shown('access', [0n, 0n], path)).toBe('NULL, F_OK');
  });

  it('that write show what, and those that read show what came', () => {
    const hello = text('hello\n');
    expect(shown('write', [1n, BASE, 6n], hello)).toBe('1, "hello\\n", 6');
    expect(shown('read', [0n, BASE, 100n], hello, 6n)).toBe('0, "hello\\n", 100');
    expect(shown('read', [0n, BASE, 100n], hello, 'failed')).toBe('0, 0x1000, 100');
    expect(shown('getrandom', [BASE, 3n, 1n], memory(0x1a, 0xb8, 7), 3n)).toBe(
      '"\\x1a\\xb8\\x07", 3, GRND_NONBLOCK',
    );
  });

  it('with structures show the fields', () => {
    expect(shown('nanosleep', [BASE, 0n], words(1n, 500n))).toBe('{tv_sec=1, tv_nsec=500}, NULL');
    expect(shown('rt_sigprocmask', [0n, BASE, 0n, 8n], words(1n << 9n))).toBe(
      'SIG_BLOCK, [USR1], NULL, 8',
    );
    expect(shown('rt_sigprocmask', [2n, BASE, 0n, 8n], words(MINUS_1 ^ 3n))).toBe(
      'SIG_SETMASK, ~[HUP INT], NULL, 8',
    );
    expect(shown('sigaltstack', [BASE, 0n], words(0x4a8300n, 0n, 65536n))).toBe(
      '{ss_sp=0x4a8300, ss_flags=0, ss_size=65536}, NULL',
    );
    expect(
      shown('rt_sigaction', [11n, BASE, 0n, 8n], words(0x401655n, 0x0c000004n, 0x408dc0n, 0n)),
    ).toBe(
      'SIGSEGV, {sa_handler=0x401655, sa_mask=[], sa_flags=SA_RESTORER|SA_ONSTACK|SA_SIGINFO, sa_restorer=0x408dc0}, NULL, 8',
    );
    expect(shown('prlimit64', [0n, 3n, 0n, BASE], words(8n << 20n, MINUS_1))).toBe(
      '0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}',
    );
    const vector = words(BASE + 32n, 2n, BASE + 34n, 1n, 0x636261n);
    expect(shown('writev', [1n, BASE, 2n], vector)).toBe(
      '1, [{iov_base="ab", iov_len=2}, {iov_base="c", iov_len=1}], 2',
    );
  });

  it('of i386 have its shapes', () => {
    const args = [0n, 4096n, 1n, 2n, 3n, 2n];
    expect(shown('mmap2', args, memory(), 0n, 'i386')).toBe(
      'NULL, 4096, PROT_READ, MAP_PRIVATE, 3, 0x2000',
    );
    expect(shown('nanosleep', [BASE, 0n], words((7n << 32n) | 1n), 0n, 'i386')).toBe(
      '{tv_sec=1, tv_nsec=7}, NULL',
    );
  });
});

it('no call of either table fails to be shown, whatever its arguments', () => {
  const values = [0n, 1n, BASE, 0x10n, 0xffffffffn, MINUS_1];
  for (const arch of ['x86-64', 'i386'] as const) {
    for (const { name } of arch === 'x86-64' ? SYSCALLS_X86_64 : SYSCALLS_I386) {
      for (const value of values) {
        const args = Array<bigint>(6).fill(arch === 'i386' ? BigInt.asUintN(32, value) : value);
        expect(shown(name, args, memory(1, 2, 3), 0n, arch)).not.toContain('undefined');
        expect(shown(name, args, memory(1, 2, 3), 'failed', arch)).not.toContain('undefined');
      }
    }
  }
});
