/** What leaves the command: nothing foreign that a terminal would obey, and one line where nothing can be written. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { printable } from '../../src/cli/terminal/output.js';
import { renderTable } from '../../src/cli/terminal/table.js';
import { hang, terminalOf } from '../../src/cli/terminal/terminal.js';
import { CommandFolder } from './command.js';

/** Names itself and a memfd in a terminal's language, maps that, asks for W+X, and faults. */
const ESCAPES = `
    .globl _start
_start:
    mov eax, SYS_prctl
    mov edi, PR_SET_NAME
    lea rsi, [rip + name]
    syscall
    mov eax, SYS_memfd_create
    lea rdi, [rip + mem]
    xor esi, esi
    syscall
    mov r8d, eax
    mov eax, SYS_ftruncate
    mov edi, r8d
    mov esi, 4096
    syscall
    mov eax, SYS_mmap
    xor edi, edi
    mov esi, 4096
    mov edx, PROT_READ | PROT_WRITE
    mov r10d, MAP_SHARED
    xor r9d, r9d
    syscall
    mov byte ptr [rax], 0xc3
    call rax
    .data
name: .asciz "\\33[31mEVIL"
mem:  .asciz "\\33]0;pwned"
`;

const BYTES = `
    .globl _start
_start:
    mov eax, SYS_write
    mov edi, 1
    lea rsi, [rip + bytes]
    mov edx, 4
    syscall
    mov eax, SYS_exit
    xor edi, edi
    syscall
    .data
bytes: .byte 0xff, 0xfe, 'A', 10
`;

const RAW = /[^\P{Cc}\n\t]|\p{Cf}/u;

let folder: CommandFolder;

beforeAll(() => {
  folder = new CommandFolder();
  folder.write('escapes.s', ESCAPES);
  folder.write('bytes.s', BYTES);
  folder.write('bad\x1b[31m.s', '_start: mov eax, "\x1b]0;x\x07\n');
});

afterAll(() => folder[Symbol.dispose]());

describe('what a guest, a file or a name says', () => {
  it.each<[string, string[]]>([
    ['in the report, the trace and the log', ['run', 'escapes.s', '--trace', '--log']],
    ['in the address space', ['maps', 'escapes.s']],
    ['in JSON', ['run', 'escapes.s', '--json']],
    ['in a quoted source and the name of a file', ['run', 'bad\x1b[31m.s']],
    ['in a name that is not there', ['run', 'none\u009b31m\u202e.s']],
    ['in an option', ['run', 'escapes.s', '--policy', 'nx\x1b[31m']],
    ['of several lines', ['run', 'a\nb']],
  ])('reaches no terminal raw: %s', (_, args) => {
    const { stdout, stderr } = folder.mayexec(args);
    expect(stdout + stderr).not.toMatch(RAW);
    expect(stdout + stderr).toMatch(/\\x1b|\\33|\\u001b|\\x9b|\\n/);
  });

  it('keeps our own colours on a terminal, and nothing else', () => {
    const red = '\x1b[31mred\x1b[39m';
    expect(printable(`${red}\x1b]0;x\n`, true)).toBe(`${red}\\x1b]0;x\n`);
    expect(printable(red, false)).toBe('\\x1b[31mred\\x1b[39m');
    const terminal = terminalOf({ isTTY: true, columns: 80 }, {});
    expect(terminal.paint('bold', 'a\x1b[31m')).toBe('\x1b[1ma\\x1b[31m\x1b[22m');
    expect(hang('x ', 'a\x1b[31m', 80)).toEqual(['x a\\x1b[31m']);
    expect(renderTable([[{ text: 'h' }], [{ text: '\x1b[31m' }]], terminal)[1]).toBe('\\x1b[31m');
  });

  it("is passed through where it is the program's own output", () => {
    expect(folder.mayexec(['run', 'bytes.s'], '', 'latin1').stdout).toBe('\xff\xfeA\n');
  });
});

describe('--json', () => {
  it('keeps bytes that are no text, beside what can be read of them', () => {
    const record = JSON.parse(folder.mayexec(['run', 'bytes.s', '--json']).stdout);
    expect(record.stdout).toBe('\ufffd\ufffdA\n');
    expect(Buffer.from(record.stdoutBase64, 'base64')).toEqual(Buffer.of(0xff, 0xfe, 65, 10));
    expect(record).not.toHaveProperty('stderrBase64');
    expect(folder.mayexec(['run', '--help']).stdout).toContain('stdoutBase64');
  });
});

const FULL = '/dev/full';

describe.skipIf(!existsSync(FULL))('a stream that takes nothing', () => {
  it.each<[string, string]>([
    ['help', 'run --help'],
    ['a list', 'policies'],
    ['the output of the program', 'run bytes.s'],
    ['JSON', 'run bytes.s --json'],
  ])('is one line and status 2, not the end of Node: %s', (_, args) => {
    const { status, stderr } = folder.shell(`${args} > ${FULL}`);
    expect(stderr).toBe('mayexec: standard output: no space left on the device\n');
    expect(status).toBe(2);
  });

  it('is one line for the trace too', () => {
    const { status, stderr } = folder.shell(`run bytes.s --trace-out ${FULL}`);
    expect(stderr).toBe('mayexec: /dev/full: no space left on the device\n');
    expect(status).toBe(2);
  });

  it('says nothing where it is standard error itself', () => {
    expect(folder.shell(`run none.s 2> ${FULL}`)).toMatchObject({ status: 2, stdout: '' });
  });

  it('says nothing where the reader went away', () => {
    const { stderr } = folder.shell('policies openbsd | true');
    expect(stderr).toBe('');
  });
});

describe('--trace-out', () => {
  it('writes a trace that a terminal may show', () => {
    folder.mayexec(['run', 'escapes.s', '--trace-out', 'trace.txt', '--no-explain']);
    const trace = readFileSync(join(folder.path, 'trace.txt'), 'utf8');
    expect(trace).toContain('memfd_create("\\33]0;pwned", 0)');
    expect(trace).not.toMatch(RAW);
  });
});
