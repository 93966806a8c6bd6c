/** `mayexec maps` as a process. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandFolder } from './command.js';

const PROGRAM = join(
  fileURLToPath(new URL('../../asm/', import.meta.url)),
  'x86-64/jit-unchecked.s',
);

let folder: CommandFolder;
beforeAll(() => {
  folder = new CommandFolder();
  // A page that changes sides ten times: more columns than 80 characters hold.
  folder.write(
    'flips.s',
    `.globl _start
_start:
    xor edi, edi
    mov esi, 4096
    mov edx, PROT_READ
    mov r10d, MAP_PRIVATE | MAP_ANONYMOUS
    mov r8, -1
    xor r9d, r9d
    mov eax, SYS_mmap
    syscall
    mov rbx, rax
    mov r12d, 10
flip:
    mov rdi, rbx
    mov esi, 4096
    mov edx, r12d
    and edx, 1
    shl edx, 1
    or edx, 1
    mov eax, SYS_mprotect
    syscall
    dec r12d
    jnz flip
    xor edi, edi
    mov eax, SYS_exit_group
    syscall
`,
  );
});
afterAll(() => folder[Symbol.dispose]());
const maps = (...args: string[]) => folder.mayexec(['maps', ...args]);

describe('mayexec maps', () => {
  it("prints the kernel's own form of the map at the end, and nothing of the program's", () => {
    const { status, stdout, stderr } = maps(PROGRAM);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^00400000-00401000 r-xp 00001000 08:01 \d+ +\/jit-unchecked\n/);
    expect(stdout).toMatch(/\n[0-9a-f]+-[0-9a-f]+ r-xp 00000000 00:00 0 *\n/);
    expect(stdout).toMatch(/\n\(exited with 0\)\n$/);
  });

  it('draws the way there, with the call and the rule of each column', () => {
    const { stdout } = maps(PROGRAM, '--over-time', '--policy', 'restricted-wx');
    expect(stdout).toMatch(/^pages +start +1 +2\n/);
    expect(stdout).toMatch(/^7fa997430000-7fa997431000 +\. +rw- +rw-$/m);
    expect(stdout).toMatch(
      /^2 +mprotect\(.* = -1 EACCES\n +\(Permission denied\), at 0x[0-9a-f]+ <_start\+/m,
    );
    expect(stdout).toMatch(/^ +restricted-wx\/write-never-exec: /m);
    expect(stdout).toMatch(/\(killed by SIGSEGV\)\n$/);
  });

  it('fits 80 columns, in blocks where there are many', () => {
    const { stdout } = maps('flips.s', '--over-time');
    const lines = stdout.split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(lines.filter((line) => line.startsWith('pages'))).toHaveLength(2);
    expect(stdout).toMatch(/^10 +mprotect\(/m);
  });

  it('gives the same as JSON', () => {
    const { steps, rows, outcome } = JSON.parse(maps(PROGRAM, '--json').stdout);
    expect(outcome).toEqual({ kind: 'exit', code: 0 });
    expect(steps.map(({ cause }: { cause: string }) => cause)).toEqual([
      'exec',
      'mmap',
      'mprotect',
    ]);
    expect(rows).toContainEqual({
      start: '0x7fa997430000',
      end: '0x7fa997431000',
      name: '',
      rights: [null, 'rw-', 'r-x'],
    });
  });

  it.each([
    [[], /maps: no program given/],
    [[PROGRAM, '--overtime'], /did you mean '--over-time'/],
    [[PROGRAM, '--policy', 'nxx'], /did you mean 'nx'/],
  ])('refuses %j in one line', (args, message) => {
    const { status, stderr } = maps(...args);
    expect([status, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});
