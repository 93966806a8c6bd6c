import { describe, expect, it } from 'vitest';
import { parseSignature, type SyscallSpec } from '../../../src/abi/linux/syscall-spec.js';
import { SYSCALLS_I386 } from '../../../src/abi/linux/syscalls-i386.js';
import { SYSCALLS_X86_64 } from '../../../src/abi/linux/syscalls-x86-64.js';

const TABLES: readonly [string, readonly SyscallSpec[]][] = [
  ['x86-64', SYSCALLS_X86_64],
  ['i386', SYSCALLS_I386],
];

function find(table: readonly SyscallSpec[], name: string): SyscallSpec | undefined {
  return table.find((spec) => spec.name === name);
}

describe.each(TABLES)('system calls of %s', (_arch, table) => {
  it('have one number and one name each, in order, up to the last of Linux 6.18', () => {
    expect(new Set(table.map(({ number }) => number)).size).toBe(table.length);
    expect(new Set(table.map(({ name }) => name)).size).toBe(table.length);
    expect(table.map(({ number }) => number)).toEqual(
      table.map(({ number }) => number).sort((a, b) => a - b),
    );
    expect(table.at(-1)).toMatchObject({ number: 469, name: 'file_setattr' });
  });

  it('take at most six arguments, whose lengths are among them', () => {
    for (const { name, args } of table) {
      expect([name, args.length <= 6]).toEqual([name, true]);
      for (const { length, type, name: argument } of args) {
        expect([name, argument, type]).not.toContain('');
        if (length === undefined) continue;
        expect([name, args[length]?.type]).toEqual([
          name,
          expect.stringMatching(/^(size|int|uint)$/),
        ]);
      }
    }
  });

  it('count what is in every buffer and vector', () => {
    const counted = table.flatMap(({ name, args }) =>
      args.filter(({ type }) => /^(buf-|iovec)/.test(type)).map(({ length }) => [name, length]),
    );
    expect(counted.filter(([, length]) => length === undefined)).toEqual([]);
    expect(counted.length).toBeGreaterThan(20);
  });
});

describe('what differs between the two', () => {
  it('passes mmap in six words of memory on i386, and 64-bit offsets in two registers', () => {
    expect(find(SYSCALLS_I386, 'mmap')).toEqual({
      number: 90,
      name: 'mmap',
      args: [{ name: 'args', type: 'mmap-args' }],
    });
    expect(find(SYSCALLS_X86_64, 'mmap')?.args.map(({ type }) => type)).toEqual([
      'ptr',
      'size',
      'prot',
      'mmap-flags',
      'fd',
      'hex',
    ]);
    expect(find(SYSCALLS_I386, 'pread64')?.args).toHaveLength(5);
    expect(find(SYSCALLS_X86_64, 'pread64')?.args).toHaveLength(4);
    expect(find(SYSCALLS_I386, 'clone')?.args.map(({ name }) => name)[3]).toBe('tls');
  });
});

describe('signatures', () => {
  it('name each argument, its type and who counts it', () => {
    expect(parseSignature('fd:fd buf:buf-in#2 count:size')).toEqual([
      { name: 'fd', type: 'fd' },
      { name: 'buf', type: 'buf-in', length: 2 },
      { name: 'count', type: 'size' },
    ]);
    expect(parseSignature('')).toEqual([]);
  });
});
