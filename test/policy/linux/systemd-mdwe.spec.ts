/** The filter of policies.md 10.5, with what each release missed. */
import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../../src/policy/registry.js';
import { facts, text } from '../support.js';

const ask = (
  name: string,
  third: bigint,
  { version = '253', arch = 'x86-64' }: { version?: string; arch?: 'i386' | 'x86-64' } = {},
): string =>
  text(
    parsePolicy(`systemd-mdwe:version=${version}`, { arch, os: 'linux' }).policies[0]?.syscall?.(
      name,
      [0n, 0n, third, 0n],
      facts({ arch }),
    ),
  );

describe('systemd-mdwe', () => {
  it.each([
    ['mmap', 7n, 'EPERM systemd-mdwe/mmap'],
    ['mmap', 6n, 'EPERM systemd-mdwe/mmap'],
    ['mmap', 5n, 'ok'],
    ['mmap', 3n, 'ok'],
    ['mprotect', 4n, 'EPERM systemd-mdwe/mprotect'],
    ['mprotect', 5n, 'EPERM systemd-mdwe/mprotect'],
    ['mprotect', 0xffn, 'EPERM systemd-mdwe/mprotect'],
    ['mprotect', 3n, 'ok'],
    ['pkey_mprotect', 5n, 'EPERM systemd-mdwe/pkey-mprotect'],
    ['pkey_mprotect', 1n, 'ok'],
    ['shmat', 0o100000n, 'EPERM systemd-mdwe/shmat'],
    ['shmat', 0o110000n, 'EPERM systemd-mdwe/shmat'],
    ['shmat', 0n, 'ok'],
    ['mremap', 7n, 'ok'],
    ['brk', 7n, 'ok'],
  ])('x86-64 %s with 0x%x: %s', (name, third, expected) => {
    expect(ask(name, third)).toBe(expected);
  });

  it.each([
    ['mmap2', 7n, 'EPERM systemd-mdwe/mmap'],
    ['mmap2', 5n, 'ok'],
    ['mmap', 0n, 'EPERM systemd-mdwe/old-mmap'],
    ['mprotect', 4n, 'EPERM systemd-mdwe/mprotect'],
    ['ipc', 0o100000n, 'ok'],
    ['shmat', 0o100000n, 'EPERM systemd-mdwe/shmat'],
  ])('i386 %s with 0x%x: %s', (name, third, expected) => {
    expect(ask(name, third, { arch: 'i386' })).toBe(expected);
  });

  it.each([
    ['231', 'x86-64', 'shmat', 0o100000n, 'ok'],
    ['232', 'x86-64', 'shmat', 0o100000n, 'EPERM systemd-mdwe/shmat'],
    ['235', 'x86-64', 'pkey_mprotect', 5n, 'ok'],
    ['236', 'x86-64', 'pkey_mprotect', 5n, 'EPERM systemd-mdwe/pkey-mprotect'],
    ['232', 'i386', 'mmap2', 7n, 'ok'],
    ['233', 'i386', 'mmap2', 7n, 'EPERM systemd-mdwe/mmap'],
    ['232', 'i386', 'mmap', 3n, 'ok'],
    ['244', 'i386', 'shmat', 0o100000n, 'ok'],
  ] as const)('release %s on %s: %s with 0x%x: %s', (version, arch, name, third, expected) => {
    expect(ask(name, third, { version, arch })).toBe(expected);
  });

  it('sees no mappings: no other hook', () => {
    const policy = parsePolicy('systemd-mdwe').policies[0]!;
    expect(Object.keys(policy).sort()).toEqual(['name', 'spec', 'syscall']);
  });
});
