/** Snapshots: everything that a guest can see goes back, as often as wanted. */
import { describe, expect, it } from 'vitest';
import { openIdle, openMachine } from './machine.js';

const NONE = (1n << 64n) - 1n;
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (string: string): Uint8Array => new TextEncoder().encode(string);

describe('going back to a snapshot', () => {
  it('undoes files, descriptors, directories, memory, signals, time and output', async () => {
    using machine = await openIdle('x86-64', { files: { '/tmp/kept': bytes('kept') } });
    const { process } = machine;
    const page = process.syscall('mmap', [0n, 8192n, 3n, 0x22n, NONE, 0n]).value;
    const path = (name: string): bigint => {
      process.mm.poke(page, bytes(`${name}\0`));
      return page;
    };
    const now = (): Uint8Array => {
      process.syscall('clock_gettime', [0n, page + 4096n]);
      return process.mm.peek(page + 4096n, 16);
    };
    expect(process.syscall('open', [path('/tmp/kept'), 2n, 0n]).value).toBe(3n);
    const snapshot = process.snapshot();
    const before = { maps: process.mm.mapsText(), log: process.kernelLog.length };
    const first = now();

    for (let round = 0; round < 3; round++) {
      process.restore(snapshot);
      expect(now()).toEqual(first);
      process.syscall('write', [3n, path('changed'), 7n]);
      process.syscall('open', [path('/tmp/new'), 0o102n, 0o600n]);
      process.syscall('unlink', [path('/tmp/kept')]);
      process.syscall('mkdir', [path('/tmp/dir'), 0o700n]);
      process.syscall('write', [1n, path('out'), 3n]);
      process.syscall('rt_sigprocmask', [0n, page, 0n, 8n]);
      process.syscall('munmap', [page + 4096n, 4096n]);
      process.syscall('brk', [process.mm.brkEnd + 0x5000n]);
      process.syscall('nanosleep', [page, 0n]);
      expect(text(process.stdout)).toBe('out');
      expect(() => process.readFile('/tmp/kept')).toThrow(/kept/);
    }
    process.restore(snapshot);
    expect(process.mm.mapsText()).toBe(before.maps);
    expect(process.kernelLog).toHaveLength(before.log);
    expect(text(process.stdout)).toBe('');
    expect(text(process.readFile('/tmp/kept'))).toBe('kept');
    expect(() => process.readFile('/tmp/new')).toThrow(/new/);
    expect(process.syscall('lseek', [3n, 0n, 1n])).toEqual({ value: 0n });
    expect(process.syscall('close', [4n]).errno).toBe('EBADF');
    process.mm.checkInvariants();
  });

  it('brings back a file that was unlinked and closed, and frees one that was made since', async () => {
    using machine = await openMachine('x86-64', { memory: 2 << 20 });
    const { process } = machine;
    process.idle();
    process.writeFile('/tmp/big', new Uint8Array(256 << 10).fill(7));
    const snapshot = process.snapshot();
    const page = process.syscall('mmap', [0n, 4096n, 3n, 0x22n, NONE, 0n]).value;
    for (let round = 0; round < 20; round++) {
      process.restore(snapshot);
      expect(process.readFile('/tmp/big').every((byte) => byte === 7)).toBe(true);
      process.syscall('mmap', [page, 4096n, 3n, 0x32n, NONE, 0n]);
      process.mm.poke(page, bytes('/tmp/big\0/tmp/other\0'));
      const fd = process.syscall('open', [page, 2n, 0n]).value;
      const buffer = process.syscall('mmap', [0n, 512n << 10n, 3n, 0x22n, NONE, 0n]).value;
      expect(process.syscall('write', [fd, buffer, 256n << 10n])).toEqual({ value: 256n << 10n });
      const other = process.syscall('open', [page + 9n, 0o102n, 0o600n]).value;
      expect(process.syscall('write', [other, buffer, 512n << 10n])).toEqual({
        value: 512n << 10n,
      });
      process.syscall('unlink', [page]);
      process.syscall('close', [fd]);
    }
  });

  it('gives the same random bytes again', async () => {
    using machine = await openIdle('x86-64');
    const { process } = machine;
    const page = process.syscall('mmap', [0n, 4096n, 3n, 0x22n, NONE, 0n]).value;
    const snapshot = process.snapshot();
    const draw = (): Uint8Array => {
      process.syscall('getrandom', [page, 32n, 0n]);
      return process.mm.peek(page, 32);
    };
    const first = draw();
    expect(draw()).not.toEqual(first);
    process.restore(snapshot);
    expect(draw()).toEqual(first);
  });
});
