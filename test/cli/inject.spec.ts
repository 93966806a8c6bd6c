/** `mayexec run --inject` and `--inject-each`, `--trace=CALLS` and `--trace-out` as a user meets them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assemblePe } from '../../src/toolchain/assemble-pe.js';
import { CommandFolder } from './command.js';

const ASM = fileURLToPath(new URL('../../asm/', import.meta.url));
const CHECKED = join(ASM, 'x86-64/jit-checked.s');
const UNCHECKED = join(ASM, 'x86-64/jit-unchecked.s');
const UNCHECKED_I386 = join(ASM, 'i386/jit-unchecked.s');

let folder: CommandFolder;
beforeAll(() => {
  folder = new CommandFolder();
});
afterAll(() => folder[Symbol.dispose]());
const run = (...args: string[]) => folder.mayexec(['run', ...args]);

describe('--inject', () => {
  it('fails what it names, and the trace marks it as strace does', () => {
    const { status, stderr } = run(UNCHECKED, '--inject', 'mprotect:error=EACCES', '--trace');
    expect(status).toBe(139);
    expect(stderr).toMatch(/^mprotect\(.*\) = -1 EACCES \(Permission denied\) \(INJECTED\)$/m);
  });

  it('may be repeated', () => {
    const first = ['--inject', 'mprotect:error=EACCES:when=2+'];
    const { status, stderr } = run(UNCHECKED, ...first, '--inject', 'mmap:error=ENOMEM');
    expect([status, stderr]).toEqual([1, expect.stringContaining('mmap: ENOMEM')]);
  });

  it('that met nothing is told', () => {
    expect(run(UNCHECKED, '--inject', 'mprotect:error=EACCES:when=9').stderr).toBe(
      "mayexec: nothing came of 'mprotect:error=EACCES:when=9': one such call, which was not due\n",
    );
  });

  it.each([
    [['--inject', 'mprotect:error=EACES'], /did you mean 'EACCES'/],
    [['--inject'], /--inject needs a value/],
    [['--inject-each', 'mprotec'], /did you mean 'mprotect'/],
    [['--inject-each', 'mprotect:when=2'], /expected CALL\[,CALL\.\.\.\]\[:error=ERRNO\]/],
    [['--trace=mmm'], /unknown system call 'mmm'/],
    [['--trace='], /--trace= needs a value: --trace=CALLS/],
    [['--trace-out', 'no/such/folder'], /^mayexec: no\/such\/folder: no such folder/],
  ])('and its like refuse %j in one line', (args, message) => {
    const { status, stderr } = run(UNCHECKED, ...args);
    expect([status, stderr.trimEnd()]).toEqual([2, expect.stringMatching(message)]);
    expect(stderr.trimEnd()).not.toContain('\n');
  });
});

describe('--inject-each', () => {
  it('shows which failure is not handled', () => {
    const { status, stdout } = run(UNCHECKED, '--inject-each', 'mmap,mprotect');
    expect(status).toBe(1);
    expect(stdout).toMatch(/^mmap +1 +0x.* errors +exited with 1, having said 'mmap: ENOMEM'$/m);
    expect(stdout).toMatch(
      /^mprotect +1 .* <_start\+0x[0-9a-f]+> +crashes +killed by SIGSEGV: a fetch/m,
    );
    expect(stdout).toContain('2 failures of mmap, mprotect with ENOMEM: 1 not handled');
  });

  it('compares with the program that meets no failure', () => {
    const { status, stdout } = run(CHECKED, '--inject-each', 'mprotect:error=EACCES');
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^mprotect +1 .* falls back /m)]);
    expect(stdout).toContain('none crashes');
  });

  it('gives the same as JSON, on i386 with mmap2', () => {
    const { stdout } = run(UNCHECKED_I386, '--inject-each', 'mmap,munmap', '--json');
    const { trials } = JSON.parse(stdout);
    expect(trials).toEqual([
      expect.objectContaining({
        call: 'mmap',
        k: 1,
        errno: 'ENOMEM',
        outcome: 'errors',
        line: expect.stringMatching(/^mmap2\(.*\(INJECTED\)$/),
      }),
    ]);
  });

  it('says so when the program makes no such call', () => {
    expect(run(UNCHECKED, '--inject-each', 'shmat').stdout).toBe(
      'the program makes none of these calls\n',
    );
  });
});

describe('what the monitors found', () => {
  it('stands below the output, a line for each, with the labels of the instructions', () => {
    const { stdout, stderr } = run(join(ASM, 'x86-64/jit-mmap-rwx.s'));
    expect(stdout).toBe('f() = 1001\n');
    expect(stderr).toMatch(
      /^mayexec: the monitors noticed 2 things\n {2}writable-and-executable: mmap made/,
    );
    expect(stderr.replace(/\n +/g, ' ')).toMatch(
      /after a store at 0x[0-9a-f]+ <emit_return>, with no/,
    );
  });

  it('is nothing to talk of when there is nothing', () => {
    expect(run(CHECKED).stderr).toBe('');
  });

  it('is in the JSON object', () => {
    const { findings } = JSON.parse(run(UNCHECKED, '--json', '--policy', 'restricted-wx').stdout);
    expect(findings).toEqual([
      expect.objectContaining({
        kind: 'unchecked-result',
        pc: expect.stringMatching(/^0x[0-9a-f]+$/),
        begun: expect.objectContaining({ by: 'mprotect', errno: 'EACCES' }),
      }),
    ]);
  });
});

describe('--trace=CALLS', () => {
  it('prints these calls, and signals and the end as ever', () => {
    const { stderr } = run(UNCHECKED, '--policy', 'restricted-wx', '--trace=mprotect');
    const lines = stderr.split('\n').slice(0, 3);
    expect(lines).toEqual([
      expect.stringMatching(/^mprotect\(/),
      expect.stringMatching(/^--- SIGSEGV/),
      '+++ killed by SIGSEGV +++',
    ]);
    expect(run(UNCHECKED_I386, '--trace=mmap').stderr).toMatch(/^mmap2\(.*\n\+\+\+ exited/);
    expect(run(UNCHECKED, '--trace=mm').stderr.match(/^m(map|protect)\(/gm)).toHaveLength(2);
  });

  it('goes into a file', () => {
    const { stderr } = run(UNCHECKED, '--trace-out', 'trace.txt');
    expect(stderr).toBe('');
    expect(readFileSync(join(folder.path, 'trace.txt'), 'utf8')).toMatch(
      /^mmap\(.*\nmprotect\(.*\nwrite\([\s\S]*\+\+\+ exited with 0 \+\+\+\n$/,
    );
  });
});

describe('of a program for Windows', () => {
  const SOURCE = `
    .import kernel32.dll, VirtualAlloc, ExitProcess
    .globl _start
_start:
    sub rsp, 0x28
    xor ecx, ecx
    mov edx, 4096
    mov r8d, 0x3000
    mov r9d, 0x40
    call [VirtualAlloc]
    xor ecx, ecx
    call [ExitProcess]`;
  beforeAll(async () => {
    folder.write('win.exe', (await assemblePe(SOURCE, { arch: 'x86-64' })).elf);
  });

  it('a function fails with the error that is named, and the trace says so', () => {
    const spec = 'VirtualAlloc:error=ERROR_NOT_ENOUGH_MEMORY';
    const { stderr } = run('win.exe', '--inject', spec, '--trace=mm', '--no-explain');
    expect(stderr).toBe(
      `VirtualAlloc(NULL, 4096, MEM_COMMIT|MEM_RESERVE, PAGE_EXECUTE_READWRITE) = 0 (ERROR_NOT_ENOUGH_MEMORY, 8) (INJECTED)
+++ exited with 0 +++
`,
    );
  });

  it('under Wine a function can fail, and so can a system call below it', () => {
    const wine = ['--os', 'wine', '--trace=VirtualAlloc'];
    const spec = 'VirtualAlloc:error=STATUS_ACCESS_DENIED';
    expect(run('win.exe', ...wine, '--inject', spec).stderr).toContain(
      '(ERROR_ACCESS_DENIED, 5) (INJECTED)',
    );
    const below = ['--os', 'wine', '--inject', 'mmap:error=EPERM:when=5+'];
    expect(run('win.exe', ...below).stderr).toContain('wine: failed to load start.exe: c000000d');
  });

  it('--inject-each tries each of its calls', () => {
    const { status, stdout } = run('win.exe', '--inject-each', 'VirtualAlloc,VirtualProtect');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^VirtualAlloc +1 +0x.+ falls back +exited with 0$/m);
    expect(stdout).toContain('1 failure of VirtualAlloc with ERROR_NOT_ENOUGH_MEMORY');
  });

  it('an exception that nobody handles is reported with place, frames, registers and code', async () => {
    const crash = SOURCE.replace(
      'xor ecx, ecx\n    call [ExitProcess]',
      'call oops\noops:\n    mov [rax - 1], cl',
    );
    const { elf } = await assemblePe(crash, { arch: 'x86-64' });
    folder.write('crash.exe', elf);
    const { status, stderr } = run('crash.exe', '--seed', '0');
    expect(status).toBe(5);
    expect(stderr).toMatch(/^mayexec: exception STATUS_ACCESS_VIOLATION \(0xc0000005\)\n/);
    expect(stderr).toMatch(
      /it tried to write 0x\w+ffff: free memory\n +by the instruction at 0x\w+ <oops>/,
    );
    expect(stderr).toMatch(/frames +#0 0x\w+ <oops>\n +#1 0x\w+ <_start\+0x\w+>/);
    expect(stderr).toMatch(/rax 00000000001\w+0000 /);
    expect(stderr).toMatch(/=> \w+: {2}88 48 ff +mov byte ptr \[rax - 1\], cl/);
  });

  it.each([
    ['run', ['--inject', 'VirtualAlloc:error=ENOMEM'], /did you mean 'ERROR_NOT_ENOUGH_MEMORY'/],
    ['run', ['--inject', 'VirtualAloc:error=5'], /did you mean 'VirtualAlloc'/],
    ['run', ['--inject', 'mmap:error=ENOMEM'], /unknown function of Windows 'mmap'/],
    ['run', ['--inject', 'map-count=3'], /map-count is a limit of Linux/],
    ['run', ['--inject', 'NtFreeVirtualMemory:error=5'], /fails with an NTSTATUS/],
    ['run', ['--inject', '%memory:error=EPERM', '--os', 'wine'], /do not fail alike/],
    ['run', ['--inject-each', 'mmap'], /unknown function of Windows 'mmap'/],
    ['run', ['--trace=mmap'], /unknown function of Windows 'mmap'/],
  ])('%s %j is refused in a line', (command, options, message) => {
    const { status, stderr } = folder.mayexec([command, 'win.exe', ...options]);
    expect([status, stderr]).toEqual([2, expect.stringMatching(message)]);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('what ACG refuses is explained, and the trace names the rule', () => {
    const { status, stderr } = run('win.exe', '--policy', 'acg', '--explain=full', '--trace');
    expect(status).toBe(0);
    expect(stderr).toMatch(
      /^VirtualAlloc\(.* = 0 \(ERROR_DYNAMIC_CODE_BLOCKED, 1655\) \[acg\/new-code\]$/m,
    );
    expect(stderr).toContain('mayexec: why acg refused it, and what would work');
    expect(stderr).toMatch(/^ {2}weakens +Set-ProcessMitigation/m);
  });
});
