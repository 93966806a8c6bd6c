/** What policies need beyond verdicts, seen from a guest: marks, limits, stacks, memfds, switches. */
import { describe, expect, it } from 'vitest';
import { MAP_FIXED, MAP_STACK } from '../../src/abi/linux/mman.js';
import { Sandbox } from '../../src/sandbox/sandbox.js';
import { Guest, letter, PAGE, PRIVATE, R, W, X } from './matrix/guest.js';
import {
  type ProgramOptions,
  PT_OPENBSD_WXNEEDED,
  program,
  RETURN_42,
  textAddress,
} from './matrix/program.js';
import { cell, STRATEGIES } from './matrix/strategies.js';

const BOTH = ['x86-64', 'i386'] as const;

/** What mmap of RWX memory answers. */
const rwx = (guest: Guest): string =>
  guest.try('mmap', 0, PAGE, R | W | X, PRIVATE, -1, 0).errno ?? 'ok';

describe('exec-shield (policies.md 2.7)', () => {
  const open = (policy = 'exec-shield', options: ProgramOptions = {}): Promise<Guest> =>
    Guest.open('i386', policy, options);
  const heapCode = (guest: Guest): bigint => {
    const at = guest.heap(1);
    guest.write(at);
    return at;
  };

  it('a: code in the heap above the text is a general protection fault', async () => {
    using guest = await open();
    const at = heapCode(guest);
    expect(guest.sb.call(at)).toMatchObject({ signal: 'SIGSEGV', code: 'SI_KERNEL', address: 0n });
    expect(guest.sb.kernelLog.join('\n')).toContain('general protection fault');
    expect(guest.sb.trace).toContainEqual(
      expect.objectContaining({
        type: 'verdict',
        verdict: expect.objectContaining({ rule: 'exec-shield/limit' }),
      }),
    );
    expect(guest.sb.trace).toContainEqual(
      expect.objectContaining({
        type: 'fault',
        fault: { address: at, access: 'exec', code: 'SI_KERNEL', pc: at },
      }),
    );
  });

  it('b: one executable mapping above makes it run', async () => {
    using guest = await open();
    const at = heapCode(guest);
    guest.map(PAGE, R | X, PRIVATE | MAP_FIXED, -1, 0x4000_0000);
    expect(guest.run(at)).toBe('ok');
  });

  it('b: and takes it back when it goes', async () => {
    using guest = await open();
    const at = heapCode(guest);
    const high = guest.map(PAGE, R | X, PRIVATE | MAP_FIXED, -1, 0x4000_0000);
    expect(guest.run(at)).toBe('ok');
    guest.call('munmap', high, PAGE);
    expect(guest.run(at)).toBe('G');
  });

  it('d, e: an executable page of the stack opens everything, and closes it again', async () => {
    using guest = await open();
    const at = heapCode(guest);
    guest.protect(guest.stackPage, PAGE, R | W | X);
    expect(guest.run(at)).toBe('ok');
    guest.protect(guest.stackPage, PAGE, R | W);
    expect(guest.run(at)).toBe('G');
  });

  it.each([
    ['1', 'rwx', 'ok'],
    ['2', 'rwx', 'G'],
    ['0', 'rw', 'ok'],
    ['1', 'none', 'ok'],
  ] as const)('g: mode %s, PT_GNU_STACK %s: the stack gives %s', async (mode, stack, expected) => {
    using guest = await open(`exec-shield:mode=${mode}`, { stack });
    guest.write(guest.stackPage);
    expect(guest.run(guest.stackPage)).toBe(expected);
  });

  it('h: on a processor with NX the pages decide', async () => {
    using guest = await open('exec-shield:cpu=nx');
    expect(guest.run(heapCode(guest))).toBe('S');
  });

  it('places executable mappings below 16 MiB, data near the stack', async () => {
    using guest = await open();
    expect(guest.map(PAGE, R | X)).toBeLessThan(0x100_0000n);
    expect(guest.map(PAGE, R | W)).toBeGreaterThan(0x8000_0000n);
  });

  it('i: with the armor full the limit jumps above the heap', async () => {
    using guest = await open();
    const at = heapCode(guest);
    // Takes what is free below the heap.
    for (const [from, to] of gaps(guest.sb, 0x1_0000n, at)) {
      guest.map(Number(to - from), 0, PRIVATE | MAP_FIXED, -1, from);
    }
    expect(guest.map(2 * PAGE, R | X)).toBeGreaterThan(at);
    expect(guest.run(at)).toBe('ok');
  });

  it('a snapshot brings the limit back', async () => {
    using guest = await open();
    const at = heapCode(guest);
    const snapshot = guest.sb.snapshot();
    guest.map(PAGE, R | X, PRIVATE | MAP_FIXED, -1, 0x4000_0000);
    expect(guest.run(at)).toBe('ok');
    guest.sb.restore(snapshot);
    expect(guest.run(at)).toBe('G');
  });
});

function gaps(sb: Sandbox, low: bigint, high: bigint): [bigint, bigint][] {
  const found: [bigint, bigint][] = [];
  let from = low;
  for (const { start, end } of sb.maps()) {
    if (start >= high) break;
    if (start > from) found.push([from, start]);
    if (end > from) from = end;
  }
  return from < high ? [...found, [from, high]] : found;
}

describe.each(BOTH)('marks of programs on %s', (arch) => {
  it('openbsd: marked and from a wxallowed mount, both at once is allowed', async () => {
    const marks = [{ type: PT_OPENBSD_WXNEEDED, flags: 0 }];
    using guest = await Guest.open(arch, 'openbsd', {
      marks,
      sandbox: { mounts: { '/': ['wxallowed'] } },
    });
    expect(rwx(guest)).toBe('ok');
  });

  it('openbsd: the mount alone does not help', async () => {
    using guest = await Guest.open(arch, 'openbsd', {
      sandbox: { mounts: { '/': ['wxallowed'] } },
    });
    expect(rwx(guest)).toBe('ENOTSUP');
  });

  it('openbsd: marked without such a mount, it does not start', async () => {
    const marks = [{ type: PT_OPENBSD_WXNEEDED, flags: 0 }];
    await expect(Guest.open(arch, 'openbsd', { marks })).rejects.toThrow(/EACCES/);
  });

  it.each([
    [0x02, 'ok'],
    [0x00, 'EACCES'],
  ])('netbsd-mprotect: a note with bits %i gives %s', async (bits, expected) => {
    const note = { owner: 'PaX', type: 3, bytes: Uint8Array.of(bits, 0, 0, 0) };
    using guest = await Guest.open(arch, 'netbsd-mprotect', { note });
    expect(rwx(guest)).toBe(expected);
  });

  it('freebsd: a program that needs both says so in a note', async () => {
    const note = { owner: 'FreeBSD', type: 4, bytes: Uint8Array.of(8, 0, 0, 0) };
    using marked = await Guest.open(arch, 'freebsd:allow_wx=0', { note });
    expect(rwx(marked)).toBe('ok');
  });
});

describe.each(BOTH)('openbsd on %s', (arch) => {
  it('the text of the program cannot be changed, unmapped or replaced', async () => {
    using guest = await Guest.open(arch, 'openbsd');
    const text = textAddress(arch);
    expect(guest.try('mprotect', text, PAGE, R | W).errno).toBe('EPERM');
    expect(guest.try('munmap', text, PAGE).errno).toBe('EPERM');
    expect(guest.try('mmap', text, PAGE, R, PRIVATE | MAP_FIXED, -1, 0).errno).toBe('EPERM');
    expect(guest.try('mprotect', text + 0x1000n, PAGE, R).errno).toBeUndefined();
  });

  /** getpid, then back. */
  const GETPID =
    arch === 'x86-64'
      ? Uint8Array.of(0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3)
      : Uint8Array.of(0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3);

  const onOwnStack = async (policy: string, flags: number) => {
    using guest = await Guest.open(arch, policy);
    const code = guest.map(PAGE, R | W);
    guest.write(code, GETPID);
    guest.protect(code, PAGE, R | X);
    const stack = guest.map(4 * PAGE, R | W, PRIVATE | flags);
    guest.sb.regs[arch === 'x86-64' ? 'rsp' : 'esp'] = stack + 0x3000n;
    return { outcome: guest.sb.call(code), log: [...guest.sb.kernelLog] };
  };

  it('a system call from a stack that is none kills', async () => {
    const { outcome, log } = await onOwnStack('openbsd', 0);
    expect(outcome).toMatchObject({ kind: 'signal', signal: 'SIGSEGV', code: 'SEGV_ACCERR' });
    expect(log.at(-1)).toMatch(
      /^\[program\]1000\/1000 sp=[0-9a-f]+ inside [0-9a-f]+-[0-9a-f]+: not MAP_STACK$/,
    );
  });

  it.each([
    ['mapped with MAP_STACK', 'openbsd', MAP_STACK],
    ['anywhere, where the rule is off', 'openbsd:map-stack=off', 0],
    ['anywhere, without the policy', 'nx', 0],
  ])('a stack %s is one', async (_name, policy, flags) => {
    expect((await onOwnStack(policy, flags)).outcome).toEqual({ kind: 'return', value: 1000n });
  });
});

describe('vm.memfd_noexec', () => {
  const MFD_NOEXEC_SEAL = 8;
  const MFD_EXEC = 16;
  const mode = async (policy: string, flags: number): Promise<string> => {
    using guest = await Guest.open('x86-64', policy);
    const made = guest.try('memfd_create', guest.text('m'), flags);
    if (made.errno !== undefined) return made.errno;
    const buffer = guest.bytes(new Uint8Array(144));
    guest.call('fstat', made.value, buffer);
    const at = new DataView(guest.sb.peek(buffer, 144).buffer).getUint32(24, true);
    return (at & 0o777).toString(8);
  };

  it.each([
    ['nx', 0, '777'],
    ['nx', MFD_NOEXEC_SEAL, '666'],
    ['memfd-noexec:level=1', 0, '666'],
    ['memfd-noexec:level=1', MFD_EXEC, '777'],
    ['memfd-noexec:level=2', 0, '666'],
    ['memfd-noexec:level=2', MFD_EXEC, 'EACCES'],
    ['memfd-noexec:level=2', MFD_EXEC | MFD_NOEXEC_SEAL, 'EINVAL'],
  ] as const)('%s, flags %i: %s', async (policy, flags, expected) => {
    expect(await mode(policy, flags)).toBe(expected);
  });

  it('is what /proc/sys says', async () => {
    using guest = await Guest.open('x86-64', 'memfd-noexec:level=2');
    const fd = guest.open('/proc/sys/vm/memfd_noexec', 0);
    const buffer = guest.map(PAGE, R | W);
    expect(guest.call('read', fd, buffer, PAGE)).toBe(2n);
    expect(guest.sb.peek(buffer, 2)).toEqual(new TextEncoder().encode('2\n'));
  });

  it('warns once, refuses with a line each time', async () => {
    using guest = await Guest.open('x86-64', 'memfd-noexec:level=2');
    for (const flags of [0, 0, MFD_EXEC, MFD_EXEC]) {
      guest.try('memfd_create', guest.text('m'), flags);
    }
    expect(guest.sb.kernelLog).toEqual([
      'program[1000]: memfd_create() called without MFD_EXEC or MFD_NOEXEC_SEAL set',
      'program[1000]: memfd_create() requires MFD_NOEXEC_SEAL with vm.memfd_noexec=2',
      'program[1000]: memfd_create() requires MFD_NOEXEC_SEAL with vm.memfd_noexec=2',
    ]);
  });
});

describe.each(BOTH)('MAP_JIT on %s (row 30 of the matrix)', (arch) => {
  const MAP_JIT = 0x800;
  const PR_JIT_WRITE_PROTECT = 0x57580003;
  const policy = 'hardened-runtime:allow-jit=on';

  it('is written with the protection off, run with it on, never both', async () => {
    using guest = await Guest.open(arch, policy);
    const at = guest.map(PAGE, R | W | X, PRIVATE | MAP_JIT);
    expect(guest.sb.store(at, RETURN_42)).toMatchObject({ code: 'SEGV_ACCERR', access: 'write' });
    guest.call('prctl', PR_JIT_WRITE_PROTECT, 0, 0, 0, 0);
    guest.write(at);
    expect(guest.run(at)).toBe('S');
    guest.call('prctl', PR_JIT_WRITE_PROTECT, 1, 0, 0, 0);
    expect(guest.run(at)).toBe('ok');
    expect(guest.sb.store(at, RETURN_42)).not.toBeNull();
  });

  it('leaves other memory alone', async () => {
    using guest = await Guest.open(arch, policy);
    const at = guest.map(PAGE, R | W);
    guest.write(at);
  });

  it('the switch belongs to snapshots', async () => {
    using guest = await Guest.open(arch, policy);
    const at = guest.map(PAGE, R | W | X, PRIVATE | MAP_JIT);
    const snapshot = guest.sb.snapshot();
    guest.call('prctl', PR_JIT_WRITE_PROTECT, 0, 0, 0, 0);
    guest.sb.restore(snapshot);
    expect(guest.sb.store(at, RETURN_42)).not.toBeNull();
  });

  it('the call exists nowhere else', async () => {
    using guest = await Guest.open(arch, 'nx');
    expect(guest.try('prctl', PR_JIT_WRITE_PROTECT, 0, 0, 0, 0).errno).toBe('EINVAL');
  });
});

describe.each(BOTH)('MAP_REMAPDUP on %s', (arch) => {
  it('shows one memory twice, what was written before included', async () => {
    using guest = await Guest.open(arch, 'netbsd-mprotect');
    const first = guest.map(3 * PAGE, R | W);
    guest.write(first + 0x1000n, Uint8Array.of(1, 2, 3));
    const second = guest.call('mremap', first + 0x1000n, PAGE, PAGE, 4, 0);
    expect(guest.sb.load(second, 3)).toEqual(Uint8Array.of(1, 2, 3));
    guest.write(second, Uint8Array.of(9));
    expect(guest.sb.load(first + 0x1000n, 1)).toEqual(Uint8Array.of(9));
    expect(guest.sb.load(first, 1)).toEqual(Uint8Array.of(0));
  });

  it('is what it always was on Linux without the policy', async () => {
    using guest = await Guest.open(arch, 'nx');
    const first = guest.map(PAGE, R | W);
    // MREMAP_DONTUNMAP without MREMAP_MAYMOVE.
    expect(guest.try('mremap', first, PAGE, PAGE, 4, 0).errno).toBe('EINVAL');
  });
});

describe.each(BOTH)('protection keys on %s', (arch) => {
  const open = (): Promise<Guest> => Guest.open(arch, 'nx', { sandbox: { protectionKeys: true } });
  const DISABLE_WRITE = 2;
  /** xor ecx, ecx; xor edx, edx; mov eax, imm32; wrpkru; mov eax, 42; ret. */
  const writePkru = (value: number): Uint8Array => {
    const code = Uint8Array.of(
      0x31,
      0xc9,
      0x31,
      0xd2,
      0xb8,
      0,
      0,
      0,
      0,
      0x0f,
      0x01,
      0xef,
      ...RETURN_42,
    );
    new DataView(code.buffer).setUint32(5, value, true);
    return code;
  };

  it('a write to a page of a write-disabled key is SEGV_PKUERR, until WRPKRU allows it', async () => {
    using guest = await open();
    const at = guest.map(PAGE, R | W | X);
    guest.write(at);
    const key = guest.call('pkey_alloc', 0, DISABLE_WRITE);
    guest.call('pkey_mprotect', at, PAGE, R | W | X, key);
    expect(guest.sb.store(at, RETURN_42)).toMatchObject({ code: 'SEGV_PKUERR' });
    expect(guest.run(at)).toBe('ok');
    const code = guest.map(PAGE, R | W | X);
    guest.write(code, writePkru(0));
    expect(guest.run(code)).toBe('ok');
    guest.write(at);
  });

  it('WRPKRU with anything in ECX is a general protection fault', async () => {
    using guest = await open();
    const code = guest.map(PAGE, R | W | X);
    // mov ecx, 1; wrpkru.
    guest.write(code, Uint8Array.of(0xb9, 1, 0, 0, 0, 0x0f, 0x01, 0xef));
    expect(letter(guest.sb.call(code))).toBe('G');
  });

  it('a processor without keys does not know the instruction', async () => {
    using guest = await Guest.open(arch, 'nx');
    const code = guest.map(PAGE, R | W | X);
    guest.write(code, writePkru(0));
    expect(letter(guest.sb.call(code))).toBe('SIGILL');
  });
});

describe('mseal', () => {
  it.each([
    ['i386', 'linux-i386', 'ENOSYS'],
    ['i386', 'linux-i386-on-x86-64', 'EPERM'],
    ['x86-64', 'linux-x86-64', 'EPERM'],
  ] as const)('%s, %s: mprotect of sealed memory ends in %s', async (arch, layout, expected) => {
    using guest = await Guest.open(arch, 'nx', { sandbox: { layout } });
    expect(cell(STRATEGIES['40 mprotect RX of sealed RW']!, guest)).toBe(expected);
  });
});

describe('mounts', () => {
  it('a program on a noexec mount does not start', async () => {
    const start = Sandbox.create({
      mounts: { '/data': ['noexec'] },
      program: { bytes: program('x86-64'), path: '/data/program' },
    });
    await expect(start).rejects.toThrow(/EACCES/);
  });

  it('names what it does not know', async () => {
    await expect(Sandbox.create({ mounts: { '/data': ['noexe'] } })).rejects.toThrow(/noexec/);
    await expect(Sandbox.create({ mounts: { data: [] } })).rejects.toThrow(/absolute path/);
  });

  it('a read-only one refuses to create files, and /proc/mounts shows it', async () => {
    using guest = await Guest.open('x86-64', 'nx', { sandbox: { mounts: { '/data': ['ro'] } } });
    expect(guest.try('open', guest.text('/data/new'), 0o102, 0o600).errno).toBe('EROFS');
    const fd = guest.open('/proc/mounts', 0);
    const buffer = guest.map(PAGE, R | W);
    const length = guest.call('read', fd, buffer, PAGE);
    const text = new TextDecoder().decode(guest.sb.peek(buffer, Number(length)));
    expect(text).toContain('tmpfs /data tmpfs ro,relatime 0 0\n');
  });
});

describe.each(BOTH)('System V shared memory on %s', (arch) => {
  it('shows the same bytes in every attachment, and goes with the last of them', async () => {
    using guest = await Guest.open(arch, 'nx');
    const id = guest.call('shmget', 0x1234, 5000, 0o1600);
    expect(guest.call('shmget', 0x1234, 0, 0)).toBe(id);
    const first = guest.call('shmat', id, 0, 0);
    const second = guest.call('shmat', id, 0, 0o10000);
    guest.write(first, Uint8Array.of(7));
    expect(guest.sb.load(second, 1)).toEqual(Uint8Array.of(7));
    expect(guest.sb.store(second, Uint8Array.of(8))).toMatchObject({ code: 'SEGV_ACCERR' });
    guest.call('shmctl', id, 0, 0);
    expect(guest.try('shmget', 0x1234, 0, 0).errno).toBe('ENOENT');
    guest.call('shmdt', first);
    expect(guest.sb.load(second, 1)).toEqual(Uint8Array.of(7));
    guest.call('shmdt', second);
    expect(guest.try('shmat', id, 0, 0).errno).toBe('EINVAL');
  });

  it.each([
    ['shmat', [99, 0, 0], 'EINVAL'],
    ['shmget', [0x77, 4096, 0], 'ENOENT'],
    ['shmget', [0, 0, 0o600], 'EINVAL'],
    ['shmdt', [0x1000], 'EINVAL'],
    ['shmdt', [0x1001], 'EINVAL'],
  ] as const)('%s%j is %s', async (name, args, errno) => {
    using guest = await Guest.open(arch, 'nx');
    expect(guest.try(name, ...args).errno).toBe(errno);
  });

  it('SHM_EXEC needs the right to execute', async () => {
    using guest = await Guest.open(arch, 'nx');
    const id = guest.call('shmget', 0, PAGE, 0o600);
    expect(guest.try('shmat', id, 0, 0o100000).errno).toBe('EACCES');
  });

  it('an address must be aligned, or SHM_RND given, and free', async () => {
    using guest = await Guest.open(arch, 'nx');
    const id = guest.call('shmget', 0, PAGE, 0o600);
    expect(guest.try('shmat', id, 0x3000_0123, 0).errno).toBe('EINVAL');
    expect(guest.call('shmat', id, 0x3000_0123, 0o20000)).toBe(0x3000_0000n);
    expect(guest.try('shmat', id, 0x3000_0000, 0).errno).toBe('EINVAL');
    expect(guest.call('shmat', id, 0x3000_0000, 0o40000)).toBe(0x3000_0000n);
  });

  it('survives snapshots', async () => {
    using guest = await Guest.open(arch, 'nx');
    const id = guest.call('shmget', 0, PAGE, 0o600);
    const at = guest.call('shmat', id, 0, 0);
    guest.write(at, Uint8Array.of(1));
    const snapshot = guest.sb.snapshot();
    guest.write(at, Uint8Array.of(2));
    guest.call('shmctl', id, 0, 0);
    guest.call('shmdt', at);
    guest.sb.restore(snapshot);
    expect(guest.sb.load(at, 1)).toEqual(Uint8Array.of(1));
    expect(guest.sb.load(guest.call('shmat', id, 0, 0), 1)).toEqual(Uint8Array.of(1));
  });
});
