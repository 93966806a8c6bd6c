/** The file system as the host sees it, and rights as its user meets them. */
import { describe, expect, it } from 'vitest';
import { MayexecError } from '../../../src/base/errors.js';
import { type Machine, openIdle } from './machine.js';

const NONE = (1n << 64n) - 1n;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array): string => new TextDecoder().decode(content);

/** A call whose first pointer is a path. */
function caller(machine: Machine) {
  const { process } = machine;
  const page = process.syscall('mmap', [0n, 8192n, 3n, 0x22n, NONE, 0n]).value;
  const at = (path: string): bigint => {
    process.mm.poke(page, bytes(`${path}\0`));
    return page;
  };
  return {
    page,
    open: (path: string, flags = 0n, mode = 0n) => process.syscall('open', [at(path), flags, mode]),
    call: (name: string, path: string, ...rest: bigint[]) =>
      process.syscall(name, [at(path), ...rest]),
    read: (fd: bigint, count = 4096n): string => {
      const { value } = process.syscall('read', [fd, page + 4096n, count]);
      return text(process.mm.peek(page + 4096n, Number(value)));
    },
  };
}

describe('/proc/self/fd', () => {
  it('leads to the file itself, where it has no name as well', async () => {
    using machine = await openIdle('x86-64');
    const guest = caller(machine);
    const { value: fd } = guest.call('memfd_create', 'code', 0n);
    machine.process.mm.poke(guest.page, bytes('abc'));
    machine.process.syscall('write', [fd, guest.page, 3n]);
    // O_RDONLY, O_RDWR and O_RDWR | O_CREAT: there is nothing to create.
    for (const flags of [0n, 2n, 0x42n]) {
      expect(guest.read(guest.open(`/proc/self/fd/${fd}`, flags, 0o600n).value)).toBe('abc');
    }
    // O_RDWR | O_CREAT | O_TRUNC
    expect(guest.read(guest.open(`/proc/self/fd/${fd}`, 0x242n, 0o600n).value)).toBe('');
    expect(guest.open(`/proc/self/fd/${fd}/x`).errno).toBe('ENOTDIR');
    // O_NOFOLLOW
    expect(guest.open(`/proc/self/fd/${fd}`, 0x20000n).errno).toBe('ELOOP');
  });

  it('leads on through a directory that was renamed', async () => {
    using machine = await openIdle('x86-64', { files: { '/tmp/one/a': bytes('first') } });
    const guest = caller(machine);
    const { value: fd } = guest.open('/tmp/one');
    machine.process.mm.poke(guest.page, bytes('/tmp/one\0/tmp/two\0'));
    machine.process.syscall('rename', [guest.page, guest.page + 9n]);
    expect(guest.read(guest.open(`/proc/self/fd/${fd}/a`).value)).toBe('first');
  });
});

describe('files of the host', () => {
  it('are there with their modes, their directories too, and come back as the guest left them', async () => {
    const files = {
      '/srv/data/a': bytes('first'),
      '/srv/tool': { content: bytes('x'), mode: 0o755 },
    };
    using machine = await openIdle('x86-64', { files });
    const guest = caller(machine);
    const fd = guest.open('/srv/data/a', 2n).value;
    expect(guest.read(fd)).toBe('first');
    guest.call('access', 'of the guest');
    machine.process.syscall('write', [fd, guest.page, 6n]);
    expect(text(machine.process.readFile('/srv/data/a'))).toBe('firstof the');
    expect(guest.call('access', '/srv/tool', 1n)).toEqual({ value: 0n });
    expect(guest.call('access', '/srv/data/a', 1n).errno).toBe('EACCES');
  });

  it('put over an open file leave the old one to who has it', async () => {
    using machine = await openIdle('x86-64', { files: { '/tmp/a': bytes('old') } });
    const guest = caller(machine);
    const fd = guest.open('/tmp/a').value;
    machine.process.writeFile('/tmp/a', bytes('new one'));
    expect(guest.read(fd)).toBe('old');
    expect(guest.read(guest.open('/tmp/a').value)).toBe('new one');
  });

  it.each([
    ['relative', 'a', /absolute/],
    ['a directory', '/tmp/', /absolute path of a file/],
    ['with dots', '/tmp/../a', /'\.\.'/],
    ['over a directory', '/tmp', /is a directory/],
    ['below a device', '/dev/zero/a', /'\/dev\/zero' is not a directory/],
  ])('at a wrong place (%s) are refused in words', async (_name, path, reason) => {
    using machine = await openIdle('x86-64');
    const write = (): void => machine.process.writeFile(path, bytes('x'));
    expect(write).toThrow(MayexecError);
    expect(write).toThrow(reason);
  });

  it('that are not there say so', async () => {
    using machine = await openIdle('x86-64');
    expect(() => machine.process.readFile('/tmp/none')).toThrow(/'\/tmp\/none'.*ENOENT/);
    expect(() => machine.process.readFile('/tmp')).toThrow(/not a regular file/);
  });
});

describe('rights', () => {
  it("are an ordinary user's", async () => {
    using machine = await openIdle('x86-64');
    const guest = caller(machine);
    expect(guest.open('/new', 0o101n, 0o600n).errno).toBe('EACCES');
    expect(guest.open('/dev/new', 0o101n, 0o600n).errno).toBe('EACCES');
    expect(guest.open('/tmp/new', 0o101n, 0o600n).errno).toBe(undefined);
    expect(guest.open('new', 0o101n, 0o600n).errno).toBe(undefined);
    expect(machine.process.readFile('/home/user/new')).toHaveLength(0);
    expect(guest.call('rmdir', '/tmp').errno).toBe('EACCES');
    expect(guest.call('unlink', '/dev/null').errno).toBe('EACCES');
  });

  it('of directories count on the way', async () => {
    using machine = await openIdle('x86-64', { files: { '/tmp/closed/a': bytes('x') } });
    const guest = caller(machine);
    expect(guest.open('/tmp/closed/a').errno).toBe(undefined);
    expect(guest.call('chmod', '/tmp/closed', 0o600n)).toEqual({ value: 0n });
    expect(guest.open('/tmp/closed/a').errno).toBe('EACCES');
    expect(guest.open('/tmp/closed').errno).toBe(undefined);
  });
});

describe('one content', () => {
  it('is what read, write and every mapping of a file see', async () => {
    using machine = await openIdle('x86-64', { files: { '/tmp/a': bytes('0123456789') } });
    const { process } = machine;
    const guest = caller(machine);
    const fd = guest.open('/tmp/a', 2n).value;
    const shared = process.syscall('mmap', [0n, 4096n, 3n, 1n, fd, 0n]).value;
    const own = process.syscall('mmap', [0n, 4096n, 3n, 2n, fd, 0n]).value;
    process.mm.store(shared, bytes('AB'));
    expect(text(process.readFile('/tmp/a'))).toBe('AB23456789');
    expect(text(process.mm.peek(own, 4))).toBe('AB23');
    process.mm.store(own, bytes('own'));
    expect(text(process.mm.peek(shared, 4))).toBe('AB23');
    guest.call('access', 'written');
    process.syscall('pwrite64', [fd, guest.page, 7n, 0n]);
    expect(text(process.mm.peek(shared, 7))).toBe('written');
    expect(process.mm.mapsText()).toContain('/tmp/a\n');
    guest.call('unlink', '/tmp/a');
    process.syscall('close', [fd]);
    expect(text(process.mm.peek(shared, 7))).toBe('written');
    expect(process.mm.mapsText()).toContain('/tmp/a (deleted)');
  });

  it('goes when nothing refers to it any more', async () => {
    using machine = await openIdle('x86-64', { memory: 1 << 20 });
    const { process } = machine;
    const guest = caller(machine);
    for (let round = 0; round < 40; round++) {
      const { value: fd } = guest.call('memfd_create', 'm', 0n);
      process.syscall('ftruncate', [fd, 256n << 10n]);
      const map = process.syscall('mmap', [0n, 256n << 10n, 3n, 1n, fd, 0n]).value;
      process.syscall('close', [fd]);
      for (let page = 0n; page < 64n; page++) {
        expect(process.mm.store(map + page * 4096n, Uint8Array.of(1))).toBeNull();
      }
      process.syscall('munmap', [map, 256n << 10n]);
    }
  });
});

describe('/proc/self', () => {
  it('tells of the process', async () => {
    using machine = await openIdle('x86-64');
    const { process } = machine;
    const guest = caller(machine);
    const whole = (path: string): string => {
      const fd = guest.open(path).value;
      let all = '';
      for (let part = guest.read(fd); part !== ''; part = guest.read(fd)) all += part;
      return all;
    };
    expect(whole('/proc/self/maps')).toBe(process.mm.mapsText());
    expect(whole('/proc/1000/comm')).toBe('mayexec\n');
    expect(whole('/proc/self/status')).toMatch(/^Name:\tmayexec\nUmask:\t0022\n/);
    expect(whole('/proc/self/status')).toMatch(/VmStk:\t {5}13\d kB\n/);
    expect(whole('/proc/self/smaps')).toMatch(
      /\[stack\]\nSize: {16}13\d kB\n(.*\n)*VmFlags: rd wr /,
    );
    expect(whole('/proc/sys/vm/mmap_min_addr')).toBe('65536\n');
    expect(guest.open('/proc/self/maps', 1n).errno).toBe('EACCES');
    expect(guest.call('readlink', '/proc/self', guest.page + 100n, 50n)).toEqual({ value: 4n });
  });
});
