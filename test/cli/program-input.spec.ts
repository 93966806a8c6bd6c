/** Where the program and its input come from, how long it may take, and the words that people try first. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assembleProgram } from '../../src/toolchain/assemble-program.js';
import { CommandFolder } from './command.js';

const EXIT_7 = '_start: mov eax, SYS_exit\nmov edi, 7\nsyscall\n';
/** Exits with the first byte of its standard input, 0 at its end. */
const FIRST_BYTE = `
_start:
    xor eax, eax
    push rax
    xor edi, edi
    mov rsi, rsp
    mov edx, 1
    syscall
    pop rdi
    mov eax, SYS_exit
    syscall
`;

let folder: CommandFolder;

beforeAll(() => {
  folder = new CommandFolder();
  folder.write('first.s', FIRST_BYTE);
  folder.write('loop.s', '_start: jmp _start\n');
  folder.write('input.txt', 'A');
  folder.write('sources/a.s', EXIT_7);
  folder.write('sources/b.asm', EXIT_7);
  folder.write('empty/readme.txt', '');
});

afterAll(() => folder[Symbol.dispose]());

const run = (args: readonly string[], input: string | Uint8Array = '') =>
  folder.mayexec(['run', ...args], input);

describe('run -', () => {
  it('takes assembly or an ELF file from standard input', async () => {
    expect(run(['-'], EXIT_7).status).toBe(7);
    expect(run(['-'], '#@ arch i386\n_start: mov eax, 1\nmov ebx, 3\nint 0x80\n').status).toBe(3);
    const { elf } = await assembleProgram(EXIT_7, { arch: 'x86-64' });
    expect(run(['-'], elf).status).toBe(7);
  });

  it('gives the program no input but that of --stdin', () => {
    expect(run(['-'], FIRST_BYTE).status).toBe(0);
    expect(run(['-', '--stdin', 'input.txt'], FIRST_BYTE).status).toBe(65);
  });

  it.each<[string, string[], string, RegExp]>([
    ['nothing to run', ['-'], '', /: standard input holds no program/],
    ['input twice', ['-', '--stdin', '-'], EXIT_7, /standard input holds the program already/],
    ['a mistake', ['-'], '_start:\n  mvo eax, 1\n', / standard input:2:3: unknown mnemonic 'mvo'/],
    [
      'a program to be linked',
      ['-'],
      '_start: call puts@PLT\n',
      /standard input:1:14: .*'puts@PLT': for C with a library, link it and run the ELF file$/m,
    ],
    [
      'a program without a start',
      ['-'],
      'main: ret\n',
      /standard input has no label '_start', .*; for C with a library, link it and run the ELF file/,
    ],
    ['a file of this folder', ['-'], '.include "input.txt"\n', /'input.txt' cannot be found/],
  ])('says in one line what is wrong: %s', (_, args, input, line) => {
    const { status, stderr } = run(args, input);
    expect(stderr).toMatch(/^mayexec: [^\n]+\n$/);
    expect(stderr).toMatch(line);
    expect(status).toBe(2);
  });
});

describe('--stdin', () => {
  it('is a file, or standard input', () => {
    expect(run(['first.s', '--stdin', 'input.txt'], 'B').status).toBe(65);
    expect(run(['first.s', '--stdin', '-'], 'B').status).toBe(66);
    expect(run(['first.s'], 'B').status).toBe(66);
    expect(run(['first.s', '--stdin', 'none.txt']).stderr).toMatch(/none\.txt: no such file/);
  });
});

describe('a standard input that cannot be read', () => {
  it('is one line', () => {
    for (const command of ['run -', 'identify -', 'run first.s']) {
      expect(folder.shell(`${command} < .`)).toMatchObject({
        status: 2,
        stderr: 'mayexec: standard input: is a directory\n',
      });
    }
  });
});

describe('--timeout', () => {
  it('ends what takes longer, with status 3, and says that the end is not deterministic', () => {
    const args = ['loop.s', '--timeout', '1', '--limit-blocks', '1000000000000'];
    const { status, stderr } = run(args);
    expect(stderr).toMatch(
      /^mayexec: stopped after 1 second \(--timeout\): how far it came depends on this machine; [^\n]*\n$/,
    );
    expect(status).toBe(3);
  });

  it('changes nothing where there is time enough', () => {
    expect(run(['first.s', '--timeout', '600'], 'C')).toMatchObject({ status: 67, stderr: '' });
  });

  it.each(['0', '-1', 'soon', '1e9', '99999999999'])('is no number of seconds: %s', (seconds) => {
    const { status, stderr } = run(['first.s', `--timeout=${seconds}`]);
    expect(stderr).toBe(
      `mayexec: --timeout is '${seconds}': expected seconds, such as 10 or 0.5\n`,
    );
    expect(status).toBe(2);
  });
});

describe('words that people try', () => {
  it('print help and version', () => {
    const { stdout: overview } = folder.mayexec(['--help']);
    expect(folder.mayexec(['help'])).toEqual(
      expect.objectContaining({ status: 0, stdout: overview, stderr: '' }),
    );
    expect(folder.mayexec(['help', 'run']).stdout).toBe(folder.mayexec(['run', '-h']).stdout);
    expect(folder.mayexec(['help', 'rnu']).stderr).toMatch(/'rnu'.*did you mean 'run'\?/);
    expect(folder.mayexec(['-v']).stdout).toBe(folder.mayexec(['--version']).stdout);
  });

  it.each([
    ['__proto__'],
    ['policies', 'constructor'],
    ['run', 'first.s', '--__proto__'],
    ['run', 'first.s', '--sysctl', 'constructor=1'],
    ['run', 'first.s', '--sysctl', '__proto__=1'],
    ['run', 'first.s', '--policy', 'constructor'],
    ['run', 'first.s', '--inject', 'toString=1'],
  ])('are unknown, though every object has them: %s %s %s %s', (...args) => {
    const { status, stderr } = folder.mayexec(args);
    expect(stderr).toMatch(
      /^mayexec: (injection '[^']*': )?unknown \w+ '[^']*': expected one of [^\n]+\n$/,
    );
    expect(status).toBe(2);
  });

  it('test a folder of programs: what to do with them is said', () => {
    expect(folder.mayexec(['test', 'sources']).stderr).toBe(
      'mayexec: sources: no scenarios (.md), and no sources (.s, .asm) with ;@ directives in it; 2 sources without: mayexec run sources/a.s\n',
    );
    expect(folder.mayexec(['matrix', 'empty']).stderr).toBe(
      'mayexec: empty: no scenarios (.md), and no sources (.s, .asm) with ;@ directives in it\n',
    );
  });
});
