/** `mayexec syscalls`: the calls that there are, and those that a program makes. */
import { afterAll, describe, expect, it } from 'vitest';
import { syscallSupport } from '../../src/index.js';
import { PARTIAL_CALLS } from '../../src/os/linux/entry/support.js';
import { CommandFolder } from './command.js';

const folder = new CommandFolder();
afterAll(() => folder[Symbol.dispose]());
folder.write(
  'p.s',
  `_start:
    mov eax, SYS_getpid
    syscall
    mov eax, SYS_getpid
    syscall
    mov eax, SYS_ptrace
    syscall
    xor edi, edi
    mov eax, SYS_exit_group
    syscall
`,
);
const run = (...args: string[]) => folder.mayexec(['syscalls', ...args]);

describe('mayexec syscalls', () => {
  it('lists each call with how much of it there is', () => {
    const { status, stdout } = run();
    expect(status).toBe(0);
    expect(stdout).toMatch(/^number +call +there is$/m);
    expect(stdout).toMatch(/^10 +mprotect +full$/m);
    expect(stdout).toMatch(/^202 +futex +partial +operations with priority inheritance/m);
    expect(stdout).toMatch(/^101 +ptrace +none$/m);
    expect(run('--arch', 'i386').stdout).toMatch(/^125 +mprotect +full$/m);
  });

  it('has a list for Linux, and says so to who asks for that of Windows', () => {
    const { status, stdout, stderr } = run('--os', 'windows');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain("--os is 'windows': without a PROGRAM the calls of Linux are listed");
  });

  it('counts those of a program, what it misses first', () => {
    const { status, stdout } = run('p.s');
    expect([status, stdout.split('\n')]).toEqual([
      0,
      [
        'call        times  failed  there is',
        'ptrace      1      1       none',
        'getpid      2              full',
        'exit_group  1              full',
        '',
        '(exited with 0)',
        '',
      ],
    ]);
    const { syscalls } = JSON.parse(run('p.s', '--json').stdout);
    expect(syscalls[0]).toEqual({
      number: 101,
      name: 'ptrace',
      support: 'none',
      count: 1,
      failed: 1,
    });
  });

  it('has notes for calls that exist only', () => {
    const names = (['x86-64', 'i386'] as const).flatMap((arch) => syscallSupport(arch));
    const partial = new Set(
      names.filter(({ support }) => support === 'partial').map(({ name }) => name),
    );
    expect([...partial].sort()).toEqual([...PARTIAL_CALLS].sort());
  });
});
