/**
 * The story of a just-in-time compiler and SELinux, from end to end: which of its ways to memory is
 * stopped by which permission, what the kernel log says of it, and which change of the program helps.
 */
import { describe, expect, it } from 'vitest';
import { O_RDWR } from '../../src/abi/linux/fcntl.js';
import { MAP_PRIVATE } from '../../src/abi/linux/mman.js';
import { Sandbox } from '../../src/sandbox/sandbox.js';
import { Guest, PAGE, R, W, X } from './matrix/guest.js';
import { cell, type Strategy } from './matrix/strategies.js';

const RET = Uint8Array.of(0xc3);

/** anon_alloc of the converter, in the POSIX way. */
function devZero(guest: Guest, length = PAGE): bigint {
  const fd = guest.open('/dev/zero', O_RDWR);
  const at = guest.map(length, R | W, MAP_PRIVATE, fd);
  guest.call('close', fd);
  return at;
}

/** mprotect(buf, len, PROT_EXEC), as the converter has it. */
function execute(guest: Guest, at: bigint, length = PAGE): string {
  guest.write(at, RET);
  guest.protect(at, length, X);
  return guest.sb.call(at).kind;
}

const avc = (guest: Guest): readonly string[] =>
  guest.sb.kernelLog.filter((line) => line.includes('avc:'));

it.each([
  ['/srv/f', 'tmpfs'],
  ['/home/user/f', 'sda1'],
])('the AVC line of %s names the file system that it lies on', async (path, dev) => {
  const file = new Uint8Array(4096);
  using sb = await Sandbox.create({ policy: 'selinux:domain=confined', mounts: { '/srv': [] } });
  sb.writeFile(path, file);
  const buffer = sb.syscall('mmap', 0, 4096, 3, 0x22, -1, 0).value;
  sb.store(buffer, new TextEncoder().encode(`${path}\0`));
  const fd = sb.syscall('open', buffer, 0).value;
  const at = sb.syscall('mmap', 0, 4096, R | W, MAP_PRIVATE, fd, 0).value;
  sb.store(at, RET);
  expect(sb.syscall('mprotect', at, 4096, R | X).errno).toBe('EACCES');
  expect(sb.kernelLog.at(-1)).toContain(`path="${path}" dev="${dev}"`);
});

describe.each(['x86-64', 'i386'] as const)('the skirmish on %s', (arch) => {
  const attempt = async (
    strategy: Strategy,
    policy = 'selinux',
  ): Promise<{ result: string; log: readonly string[]; rules: readonly string[] }> => {
    using guest = await Guest.open(arch, policy);
    const result = cell(strategy, guest);
    const rules = guest.sb.trace.flatMap((event) =>
      event.type === 'verdict' && event.verdict.rule !== undefined ? [event.verdict.rule] : [],
    );
    return { result, log: avc(guest), rules };
  };

  it('memory from malloc, called as it is, faults without any policy', async () => {
    const { result, log } = await attempt((g) => {
      const at = g.heap(1);
      g.write(at);
      return g.run(at);
    });
    expect([result, log]).toEqual(['S', []]);
  });

  it('/dev/zero is stopped by execmod, with its AVC line', async () => {
    const { result, log, rules } = await attempt((g) => execute(g, devZero(g)));
    expect(result).toBe('EACCES');
    expect(rules).toEqual(['selinux/execmod']);
    expect(log).toHaveLength(1);
    expect(log[0]).toMatch(
      /^audit: type=1400 audit\(\d+\.\d{3}:\d+\): avc: {2}denied {2}\{ execmod \} for {2}pid=1000 comm="program" path="\/dev\/zero" dev="devtmpfs" ino=4 scontext=unconfined_u:unconfined_r:unconfined_t:s0-s0:c0\.c1023 tcontext=system_u:object_r:zero_device_t:s0 tclass=chr_file permissive=0$/,
    );
  });

  it('the unchecked program crashes at the call, its buffer still writable', async () => {
    using guest = await Guest.open(arch, 'selinux');
    const at = devZero(guest);
    guest.write(at);
    guest.try('mprotect', at, PAGE, X);
    expect(guest.sb.call(at)).toMatchObject({
      kind: 'signal',
      signal: 'SIGSEGV',
      code: 'SEGV_ACCERR',
      access: 'exec',
      address: at,
    });
    expect(guest.sb.store(at, RET)).toBeNull();
  });

  it('a page from posix_memalign is stopped by execheap: another permission, the same errno', async () => {
    const { result, log, rules } = await attempt((g) => execute(g, g.heap(1)));
    expect(result).toBe('EACCES');
    expect(rules).toEqual(['selinux/execheap']);
    expect(log[0]).toMatch(
      /\{ execheap \} for {2}pid=1000 comm="program" scontext=(\S+) tcontext=\1 tclass=process permissive=0$/,
    );
  });

  it('1024 pages work: so much comes from an anonymous mapping', async () => {
    const { result, log } = await attempt((g) =>
      execute(g, g.map(1024 * PAGE, R | W), 1024 * PAGE),
    );
    expect([result, log]).toEqual(['return', []]);
  });

  it('MAP_ANONYMOUS is the fix', async () => {
    expect(await attempt((g) => execute(g, g.map(PAGE, R | W)))).toEqual({
      result: 'return',
      log: [],
      rules: [],
    });
  });

  it('PROT_READ beside PROT_EXEC makes no difference', async () => {
    const { result } = await attempt((g) => {
      const at = devZero(g);
      g.write(at);
      g.protect(at, PAGE, R | X);
      return 'ok';
    });
    expect(result).toBe('EACCES');
  });

  it('mprotect of /dev/zero before anything is written succeeds', async () => {
    const { result } = await attempt((g) => {
      g.protect(devZero(g), PAGE, X);
      return 'ok';
    });
    expect(result).toBe('ok');
  });

  it.each([
    ['execheap', 'selinux:selinuxuser_execheap=on', (g: Guest) => execute(g, g.heap(1))],
    ['execheap, old name', 'selinux:allow_execheap=on', (g: Guest) => execute(g, g.heap(1))],
    ['execmod', 'selinux:execmod=allow', (g: Guest) => execute(g, devZero(g))],
  ] as const)('switching %s on lets it pass', async (_name, policy, strategy) => {
    expect(await attempt(strategy, policy)).toMatchObject({ result: 'return', log: [] });
  });

  it('permissive mode lets it pass and logs it', async () => {
    const { result, log } = await attempt((g) => execute(g, devZero(g)), 'selinux:mode=permissive');
    expect(result).toBe('return');
    expect(log[0]).toMatch(/\{ execmod \}.* permissive=1$/);
  });

  it('each record has a serial number of its own, and a snapshot takes them back', async () => {
    using guest = await Guest.open(arch, 'selinux');
    const serials = (): (string | undefined)[] =>
      avc(guest).map((line) => /:(\d+)\): avc/.exec(line)?.[1]);
    const at = guest.heap(1);
    guest.try('mprotect', at, PAGE, X);
    const snapshot = guest.sb.snapshot();
    guest.try('mprotect', at, PAGE, X);
    const twice = serials();
    expect(new Set(twice).size).toBe(2);
    guest.sb.restore(snapshot);
    expect(avc(guest)).toHaveLength(1);
    guest.try('mprotect', at, PAGE, X);
    expect(serials()).toEqual(twice);
  });
});
