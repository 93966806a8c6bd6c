/** Which rule refused: the memory manager says it on the event, and everybody who tells of it reads that. */
import { describe, expect, it } from 'vitest';
import { firstDeniedCall } from '../../src/diagnosis/outcome/outcome-class.js';
import { timelineOf } from '../../src/diagnosis/timeline/timeline.js';
import { checkDenied } from '../../src/kit/checks/policy.js';
import { RIGHT_EXEC } from '../../src/memory/mapping.js';
import { VM_MAYEXEC, VM_MAYWRITE } from '../../src/os/linux/mm/vmas/vma.js';
import { definePolicy } from '../../src/policy/define.js';
import { Sandbox } from '../../src/sandbox/sandbox.js';
import type { FaultEvent, SyscallEvent } from '../../src/trace/events.js';
import { causeOf } from '../../src/trace/print-cause.js';

const NEVER_EXEC = 'restricted-wx/write-never-exec';
const ANONYMOUS = 0x22;

function lastCall({ trace }: Sandbox): SyscallEvent {
  return trace.findLast((event): event is SyscallEvent => event.type === 'syscall')!;
}

function lastFault({ trace }: Sandbox): FaultEvent {
  return trace.findLast((event): event is FaultEvent => event.type === 'fault')!;
}

function map(sandbox: Sandbox, prot: number, pages = 1): bigint {
  return sandbox.syscall('mmap', 0, pages * 4096, prot, ANONYMOUS, -1, 0).value;
}

describe('a refused call', () => {
  it('names the rule that took the right from its own mapping, not what was taken last', async () => {
    using sandbox = await Sandbox.create({ policy: 'restricted-wx' });
    const page = map(sandbox, 3);
    const heap = sandbox.syscall('brk', 0).value;
    sandbox.syscall('brk', heap + 4096n);
    expect(sandbox.syscall('mprotect', page, 4096, 5).errno).toBe('EACCES');
    expect(lastCall(sandbox).cause).toMatchObject({ kind: 'taken', rule: NEVER_EXEC });
    expect(firstDeniedCall(sandbox.trace)?.rule).toBe(NEVER_EXEC);
    expect((await checkDenied(sandbox, NEVER_EXEC)).pass).toBe(true);
  });

  it('is of no rule when it failed for another reason, whatever was taken before', async () => {
    using sandbox = await Sandbox.create({
      policy: 'restricted-wx',
      files: { '/rootfile': { content: new Uint8Array(1), mode: 0o444 } },
    });
    map(sandbox, 3);
    const path = map(sandbox, 3);
    sandbox.poke(path, new TextEncoder().encode('/rootfile\0'));
    const denied = sandbox.syscall('open', path, 0o101, 0);
    expect(denied.errno).toBe('EACCES');
    expect(lastCall(sandbox).cause).toBe(undefined);
    expect((await checkDenied(sandbox, NEVER_EXEC)).pass).toBe(false);
  });

  it('is of no rule when the kernel itself refuses it under any policy', async () => {
    const files = { '/data': { content: new Uint8Array(4096), mode: 0o444 } };
    using sandbox = await Sandbox.create({ policy: 'restricted-wx', files });
    const path = map(sandbox, 3);
    sandbox.poke(path, new TextEncoder().encode('/data\0'));
    const file = sandbox.syscall('open', path, 0, 0).value;
    const shared = sandbox.syscall('mmap', 0, 4096, 1, 1, file, 0).value;
    expect(sandbox.syscall('mprotect', shared, 4096, 3).errno).toBe('EACCES');
    expect(lastCall(sandbox).cause).toBe(undefined);
    expect(timelineOf(sandbox.trace).steps.at(-1)).toMatchObject({
      cause: 'mprotect',
      rule: undefined,
    });
    expect(causeOf(sandbox.trace)).toBe('mprotect failed with EACCES (Permission denied)');
  });

  it('is of nobody once the mapping is gone and another is there, joined with what is left', async () => {
    using sandbox = await Sandbox.create({ policy: 'hardenedbsd' });
    const page = map(sandbox, 7, 2);
    sandbox.syscall('munmap', page + 4096n, 4096);
    const again = sandbox.syscall('mmap', page + 4096n, 4096, 3, ANONYMOUS | 0x10, -1, 0).value;
    expect(again).toBe(page + 4096n);
    expect(sandbox.history(page).map(({ rule }) => rule)).toEqual(['hardenedbsd/strip-exec']);
    const after = sandbox.history(again).map(({ cause, rule }) => [cause, rule]);
    expect(after).toEqual([['mmap', 'hardenedbsd/never-exec']]);
  });

  it('names the one of several rules that took just this right', async () => {
    const clears = (name: string, clear: number) =>
      definePolicy({ name, mmapRegion: () => ({ reason: `${name} says so`, clear }) });
    using sandbox = await Sandbox.create({
      policy: [clears('no-exec', VM_MAYEXEC), clears('no-write', VM_MAYWRITE)],
    });
    const page = map(sandbox, 1);
    const ruleFor = (prot: number): string | undefined => {
      expect(sandbox.syscall('mprotect', page, 4096, prot).errno).toBe('EACCES');
      return lastCall(sandbox).cause?.rule;
    };
    expect(ruleFor(5)).toBe('no-exec/mmap-region');
    expect(ruleFor(3)).toBe('no-write/mmap-region');
    expect(causeOf(sandbox.trace)).toBe(
      'mprotect failed with EACCES: no-exec says so (no-exec/mmap-region)',
    );
  });

  it('keeps its rule when the memory moves', async () => {
    using sandbox = await Sandbox.create({ policy: 'restricted-wx' });
    const page = map(sandbox, 3);
    const moved = sandbox.syscall('mremap', page, 4096, 4096, 3, page - 0x10000n).value;
    expect(moved).toBe(page - 0x10000n);
    expect(sandbox.syscall('mprotect', moved, 4096, 5).errno).toBe('EACCES');
    expect(lastCall(sandbox).cause?.rule).toBe(NEVER_EXEC);
  });
});

describe('a call that got less than it asked for', () => {
  it('names the rule, and which rights it took', async () => {
    using sandbox = await Sandbox.create({ policy: 'hardenedbsd' });
    map(sandbox, 7);
    expect(lastCall(sandbox)).toMatchObject({
      errno: undefined,
      cause: { kind: 'narrowed', rule: 'hardenedbsd/strip-exec', rights: RIGHT_EXEC },
    });
    map(sandbox, 5);
    expect(lastCall(sandbox).cause).toMatchObject({ rule: 'hardenedbsd/never-write' });
    map(sandbox, 0);
    sandbox.syscall('getpid');
    expect(lastCall(sandbox).cause).toBe(undefined);
  });
});

describe('a fault', () => {
  it('names the rule that took the right when the page was mapped', async () => {
    using sandbox = await Sandbox.create({ policy: 'hardenedbsd' });
    const page = map(sandbox, 7);
    sandbox.call(page);
    expect(lastFault(sandbox).cause).toMatchObject({ kind: 'taken', policy: 'hardenedbsd' });
  });

  it('names the rule for a store as well', async () => {
    using sandbox = await Sandbox.create({ policy: 'hardenedbsd:pageexec=off' });
    const page = map(sandbox, 7);
    // mov byte ptr [rip - 7], 1
    sandbox.poke(page, Uint8Array.of(0xc6, 0x05, 0xf9, 0xff, 0xff, 0xff, 1));
    sandbox.call(page);
    expect(lastFault(sandbox)).toMatchObject({
      fault: { access: 'write', address: page },
      cause: { kind: 'taken', rule: 'hardenedbsd/never-write' },
    });
  });

  it('names the NX bit where the program itself did not ask for execution', async () => {
    using sandbox = await Sandbox.create({ policy: 'hardenedbsd' });
    const page = map(sandbox, 3);
    sandbox.call(page);
    expect(lastFault(sandbox).cause).toMatchObject({ kind: 'noted', rule: 'nx/no-exec' });
  });

  it('names the NX bit where the program itself gave up what the rule had left', async () => {
    using sandbox = await Sandbox.create({ policy: 'hardenedbsd' });
    const page = map(sandbox, 7);
    sandbox.syscall('mprotect', page, 4096, 1);
    sandbox.call(page);
    expect(lastFault(sandbox).cause?.rule).toBe('nx/no-exec');
  });
});
