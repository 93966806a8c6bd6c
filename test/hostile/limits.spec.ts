/** docs/limits.md: its tables are the ones in the code, and each of its resources ends where it says. */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { CHARGES, KERNEL_BYTES } from '../../src/base/charges.js';
import { Sandbox, type SandboxOptions } from '../../src/index.js';

const text = readFileSync(new URL('../../docs/limits.md', import.meta.url), 'utf8');
const MEBIBYTE = 1 << 20;
const MAP = 0x4022;
const MADV_GUARD_INSTALL = 102;
const RLIMIT_NPROC = 6;
const RLIMIT_NOFILE = 7;
const RLIMIT_SIGPENDING = 11;
const SIGRTMIN = 34;

/** Numbers of a table by the name in its first column. */
function numbersIn(section: string): Record<string, number> {
  const part = text.slice(text.indexOf(`## ${section}`));
  const rows = part.slice(0, part.indexOf('\n## ', 4)).matchAll(/^\| `(\w+)` \| ([\d,]+) \|/gm);
  return Object.fromEntries(
    [...rows].map(([, name, number]) => [name!, Number(number!.replaceAll(',', ''))]),
  );
}

/** First cells of the table of resources. */
function resources(): string[] {
  const part = text.slice(text.indexOf('## Resources'));
  const rows = [...part.slice(0, part.indexOf('What the host keeps')).matchAll(/^\| ([^|]+) \|/gm)];
  return rows.map(([, name]) => name!.trim()).slice(2);
}

const open: Sandbox[] = [];
afterEach(() => {
  for (const sandbox of open.splice(0)) sandbox.close();
});

async function sandboxWith(memory = 4 * MEBIBYTE, options: SandboxOptions = {}): Promise<Guest> {
  const sandbox = await Sandbox.create({ ...options, limits: { memory } });
  open.push(sandbox);
  return new Guest(sandbox);
}

/** Calls of a sandbox's process, and one page for what they point to. */
class Guest {
  readonly sandbox: Sandbox;
  readonly page: bigint;

  constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
    this.page = this.value('mmap', 0, 65536, 3, 0x22, -1, 0);
  }

  value(name: string, ...args: (number | bigint)[]): bigint {
    const { value, errno } = this.sandbox.syscall(name, ...args);
    if (errno !== undefined) throw new Error(`${name}: ${errno}`);
    return value;
  }

  errno(name: string, ...args: (number | bigint)[]): string | undefined {
    return this.sandbox.syscall(name, ...args).errno;
  }

  put(bytes: Uint8Array | string, at = 0): bigint {
    const given = typeof bytes === 'string' ? new TextEncoder().encode(`${bytes}\0`) : bytes;
    this.sandbox.poke(this.page + BigInt(at), given);
    return this.page + BigInt(at);
  }

  words(...values: (number | bigint)[]): bigint {
    return this.put(new Uint8Array(BigUint64Array.from(values, BigInt).buffer), 32768);
  }

  /** The errno of the first call that fails, and how many succeeded before. */
  until(most: number, call: (index: number) => string | undefined): [string | undefined, number] {
    for (let index = 0; index < most; index++) {
      const errno = call(index);
      if (errno !== undefined) return [errno, index];
    }
    return [undefined, most];
  }

  limit(resource: number, value: number): void {
    this.value('setrlimit', resource, this.words(value, value));
  }
}

/** By the first cell of its row. */
const TESTS: Readonly<Record<string, () => Promise<void>>> = {
  pages: async () => {
    const { sandbox, ...guest } = await sandboxWith();
    const start = sandbox.syscall('mmap', 0, 1 << 30, 3, MAP, -1, 0).value;
    expect(guest.page).toBeGreaterThan(0n);
    let stored = 0;
    while (sandbox.store(start + BigInt(stored * 4096), Uint8Array.of(1)) === null) stored++;
    expect(stored).toBeGreaterThan(900);
    expect(stored).toBeLessThan(1024);
  },
  'page tables': async () => {
    const guest = await sandboxWith();
    const start = guest.value('mmap', 0, 1n << 40n, 3, MAP, -1, 0);
    expect(guest.errno('madvise', start, 1n << 40n, MADV_GUARD_INSTALL)).toBe('ENOMEM');
    const other = guest.sandbox.load(start + (1n << 39n), 1);
    expect(other).toMatchObject({ code: 'BUS_ADRERR' });
  },
  mappings: async () => {
    const guest = await sandboxWith(MEBIBYTE);
    const map = (index: number): string | undefined =>
      guest.errno('mmap', 0, 4096, index % 2, MAP, -1, 0);
    const [errno, count] = guest.until(65_536, map);
    expect(errno).toBe('ENOMEM');
    expect(count).toBeLessThan(MEBIBYTE / KERNEL_BYTES.vma);
    const few = await sandboxWith(undefined, { sysctl: { 'vm.max_map_count': 20 } });
    expect(few.until(30, (index) => few.errno('mmap', 0, 4096, index % 2, MAP, -1, 0))[0]).toBe(
      'ENOMEM',
    );
  },
  'processes, threads': async () => {
    const guest = await sandboxWith(8 * MEBIBYTE);
    // One for each 128 KiB.
    expect(guest.until(100, () => guest.errno('fork'))).toEqual(['EAGAIN', 63]);
    const limited = await sandboxWith(8 * MEBIBYTE);
    limited.limit(RLIMIT_NPROC, 3);
    expect(limited.until(100, () => limited.errno('fork'))).toEqual(['EAGAIN', 2]);
    const threads = await sandboxWith(8 * MEBIBYTE);
    const thread = (): string | undefined => threads.errno('clone', 0x50f00);
    expect(threads.until(100, thread)).toEqual(['EAGAIN', 63]);
    const small = await sandboxWith(MEBIBYTE);
    expect(small.until(100, () => small.errno('fork'))[0]).toBe('ENOMEM');
    const narrow = await sandboxWith(300 << 10);
    expect(narrow.until(100, () => narrow.errno('clone', 0x50f00))[0]).toBe('ENOMEM');
  },
  descriptors: async () => {
    const guest = await sandboxWith();
    expect(guest.until(2000, () => guest.errno('dup', 0))).toEqual(['EMFILE', 1021]);
  },
  'open descriptions': async () => {
    const guest = await sandboxWith(MEBIBYTE);
    guest.limit(RLIMIT_NOFILE, 100_000);
    const path = guest.put('/dev/null');
    const [errno, count] = guest.until(10_000, () => guest.errno('open', path, 0));
    expect(errno).toBe('ENFILE');
    expect(count).toBeGreaterThan(1000);
  },
  'files, directories, links': async () => {
    for (const call of ['mkdir', 'symlink', 'creat']) {
      const guest = await sandboxWith(MEBIBYTE);
      const make = (index: number): string | undefined => {
        const path = guest.put(`/tmp/${index}`);
        if (call === 'symlink') return guest.errno('symlink', path, path);
        const made = guest.errno(call, path, 0o700);
        if (call === 'creat' && made === undefined) guest.value('close', 3);
        return made;
      };
      const [errno, count] = guest.until(2000, make);
      expect([call, errno]).toEqual([call, 'ENOSPC']);
      expect(count).toBeLessThan(MEBIBYTE / (KERNEL_BYTES.inode + KERNEL_BYTES.name));
      // What goes gives its memory back.
      expect(
        guest.errno(call === 'mkdir' ? 'rmdir' : 'unlink', guest.put('/tmp/0')),
      ).toBeUndefined();
      expect(make(count)).toBeUndefined();
    }
  },
  'content of files': async () => {
    const guest = await sandboxWith();
    const fd = guest.value('memfd_create', guest.put('x'), 0);
    expect(guest.until(2000, () => guest.errno('write', fd, guest.page, 4096))[0]).toBe('ENOSPC');
    expect(guest.errno('pwrite64', fd, guest.page, 1, 0xffffffff000)).toBe('EFBIG');
    expect(guest.errno('ftruncate', fd, 0xffffffff001)).toBe('EFBIG');
  },
  'names and paths': async () => {
    const guest = await sandboxWith();
    expect(guest.errno('mkdir', guest.put(`/tmp/${'a'.repeat(256)}`), 0o700)).toBe('ENAMETOOLONG');
    expect(guest.errno('access', guest.put('/.'.repeat(2048)), 0)).toBe('ENAMETOOLONG');
    guest.value('symlink', guest.put('/tmp/loop'), guest.put('/tmp/loop', 100));
    expect(guest.errno('access', guest.put('/tmp/loop'), 0)).toBe('ELOOP');
  },
  pipes: async () => {
    const guest = await sandboxWith();
    const pipe = (): number => {
      guest.value('pipe2', guest.page, 0x800);
      return new DataView(guest.sandbox.peek(guest.page, 8).buffer).getInt32(4, true);
    };
    const end = pipe();
    expect(guest.until(20, () => guest.errno('write', end, guest.page, 4096))).toEqual([
      'EAGAIN',
      16,
    ]);
    expect(guest.errno('fcntl', end, 1031, MEBIBYTE + 1)).toBe('EPERM');
    expect(guest.until(100, () => guest.errno('write', pipe(), guest.page, 65536))[0]).toBe(
      'ENOMEM',
    );
  },
  'System V segments': async () => {
    const guest = await sandboxWith(16 * MEBIBYTE);
    expect(guest.until(5000, () => guest.errno('shmget', 0, 4096, 0o600))).toEqual([
      'ENOSPC',
      4096,
    ]);
  },
  'signals that wait': async () => {
    const guest = await sandboxWith();
    guest.limit(RLIMIT_SIGPENDING, 3);
    guest.value('rt_sigprocmask', 0, guest.words(-1n & 0xffff_ffff_ffff_ffffn), 0, 8);
    const pid = guest.value('getpid');
    for (let index = 0; index < 10; index++) guest.value('kill', pid, SIGRTMIN);
    guest.value('kill', pid, SIGRTMIN + 1);
    guest.value('rt_sigpending', guest.page, 8);
    const pending = new DataView(guest.sandbox.peek(guest.page, 8).buffer).getBigUint64(0, true);
    expect(pending).toBe(3n << BigInt(SIGRTMIN - 1));
  },
  'strings of execve': async () => {
    const guest = await sandboxWith();
    guest.sandbox.writeFile('/home/user/a', { content: new Uint8Array(4), mode: 0o755 });
    const text = guest.value('mmap', 0, 262_144, 3, 0x22, -1, 0);
    guest.sandbox.poke(text, new Uint8Array(131_072).fill(97));
    const path = guest.put('/home/user/a');
    expect(guest.errno('execve', path, guest.words(text, 0), 0)).toBe('E2BIG');
    guest.sandbox.poke(text + 131_071n, Uint8Array.of(0));
    expect(guest.errno('execve', path, guest.words(text, 0), 0)).toBe('ENOEXEC');
    const many = guest.words(...Array<bigint>(20).fill(text), 0);
    expect(guest.errno('execve', path, many, 0)).toBe('E2BIG');
  },
  'buffers of readv': async () => {
    const guest = await sandboxWith();
    expect(guest.errno('readv', 0, guest.page, 1024)).toBeUndefined();
    expect(guest.errno('readv', 0, guest.page, 1025)).toBe('EINVAL');
  },
  'locked memory': async () => {
    const guest = await sandboxWith(32 * MEBIBYTE);
    const start = guest.value('mmap', 0, 16 * MEBIBYTE, 3, MAP, -1, 0);
    expect(guest.errno('mlock', start, 8 * MEBIBYTE)).toBeUndefined();
    expect(guest.errno('mlock', start, 8 * MEBIBYTE + 1)).toBe('ENOMEM');
  },
  stack: async () => {
    const { sandbox } = await sandboxWith(32 * MEBIBYTE);
    const stack = sandbox.maps().find(({ name }) => name === '[stack]')!;
    expect(sandbox.load(stack.end - BigInt(7 * MEBIBYTE), 1)).toBeInstanceOf(Uint8Array);
    expect(sandbox.load(stack.end - BigInt(9 * MEBIBYTE), 1)).toMatchObject({
      code: 'SEGV_MAPERR',
    });
  },
  'time in one call': async () => {
    const sandbox = await Sandbox.create({ limits: { blocks: 100_000 } });
    open.push(sandbox);
    const guest = new Guest(sandbox);
    const start = guest.value('mmap', 0, 1n << 40n, 1, MAP, -1, 0);
    const zero = guest.value('open', guest.put('/dev/zero'), 0);
    const buffer = guest.value('mmap', 0, 32 * MEBIBYTE, 3, MAP, -1, 0);
    const read = guest.value('read', zero, buffer, 32 * MEBIBYTE);
    expect(read).toBeGreaterThan(0n);
    expect(read).toBeLessThan(32 * MEBIBYTE);
    const MADV_POPULATE_READ = 22;
    expect(guest.errno('madvise', start, 1n << 40n, MADV_POPULATE_READ)).toBe('EINTR');
    expect(guest.errno('mincore', start, 1n << 36n, buffer)).toBe('EAGAIN');
  },
};

describe('docs/limits.md', () => {
  it('has the charges of the code', () => {
    expect(numbersIn('Work')).toEqual(CHARGES);
  });

  it('has the sizes of the code', () => {
    expect(numbersIn('Memory')).toEqual(KERNEL_BYTES);
  });

  it('has a row for each test of a resource, and a test for each row', () => {
    expect(resources()).toEqual(Object.keys(TESTS));
  });
});

describe('the bound of', () => {
  it.each(Object.entries(TESTS))('%s', (_name, test) => test());
});
