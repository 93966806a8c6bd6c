/** What a call asks of the memory stands on its event, however the architecture spells the call. */
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../../../src/base/address.js';
import type { MemoryRequest } from '../../../../src/memory/request.js';
import { Sandbox } from '../../../../src/sandbox/sandbox.js';
import type { SyscallEvent } from '../../../../src/trace/events.js';

function lastCall({ trace }: Sandbox): SyscallEvent {
  return trace.findLast((event): event is SyscallEvent => event.type === 'syscall')!;
}

async function asked(arch: Arch, name: string, ...args: (number | bigint)[]) {
  using sandbox = await Sandbox.create({ arch });
  sandbox.syscall(name, ...args);
  return lastCall(sandbox).asks;
}

const AT = 0x1000_0000n;

describe('the request of a call', () => {
  it.each<[string, (number | bigint)[], MemoryRequest | undefined]>([
    ['mmap', [0, 4096, 7, 0x22, -1, 0], { kind: 'map', start: 0n, length: 4096n, rights: 7 }],
    [
      'mmap',
      [AT, 100, 5, 2, 9, 0],
      { kind: 'map', start: AT, length: 100n, rights: 5, descriptor: 9 },
    ],
    ['mprotect', [AT, 4096, 5], { kind: 'protect', start: AT, length: 4096n, rights: 5 }],
    ['pkey_mprotect', [AT, 4096, 5, -1], { kind: 'protect', start: AT, length: 4096n, rights: 5 }],
    ['munmap', [AT, 8192], { kind: 'unmap', start: AT, length: 8192n, rights: 0 }],
    ['mremap', [AT, 4096, 8192, 1, 0], { kind: 'move', start: AT, length: 8192n, rights: 0 }],
    ['madvise', [AT, 4096, 4], { kind: 'use', start: AT, length: 4096n, rights: 0 }],
    ['brk', [AT], { kind: 'heap', start: AT, length: 0n, rights: 3 }],
    ['shmat', [77, 0, 0o100000], { kind: 'map', start: 0n, length: 0n, rights: 7 }],
    ['shmdt', [AT], { kind: 'unmap', start: AT, length: 0n, rights: 0 }],
    ['getpid', [], undefined],
  ])('%s %#', async (name, args, expected) => {
    expect(await asked('x86-64', name, ...args)).toEqual(expected);
  });

  it('of a call that failed is there too', async () => {
    expect(await asked('x86-64', 'mprotect', AT + 1n, 1, 4)).toMatchObject({ rights: 4 });
  });

  it('of i386’s mmap is read from memory, that of ipc from its operation', async () => {
    using sandbox = await Sandbox.create({ arch: 'i386' });
    const page = sandbox.syscall('mmap2', 0, 4096, 3, 0x22, -1, 0).value;
    const words = Uint32Array.of(0, 8192, 7, 0x22, 0xffffffff, 0);
    sandbox.poke(page, new Uint8Array(words.buffer));
    sandbox.syscall(90, page);
    sandbox.syscall('ipc', 21, 5, 0o100000, 0, 0);
    const asks = sandbox.trace.flatMap((event) => (event.type === 'syscall' ? [event.asks] : []));
    expect(asks.slice(-2)).toEqual([
      { kind: 'map', start: 0n, length: 8192n, rights: 7 },
      { kind: 'map', start: 0n, length: 0n, rights: 7 },
    ]);
  });

  it('of i386’s mmap with a pointer that cannot be read is unknown', async () => {
    using sandbox = await Sandbox.create({ arch: 'i386' });
    sandbox.syscall(90, 4);
    expect(lastCall(sandbox)).toMatchObject({ errno: 'EFAULT' });
    expect(lastCall(sandbox)).not.toHaveProperty('asks');
  });
});
