/** `mayexec test` and `mayexec matrix` as processes, on scenarios in a folder of their own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listPolicies } from '../../src/index.js';
import { CommandFolder } from '../cli/command.js';
import { lesson } from './files.js';

const EXIT = `_start:
    xor edi, edi
    mov eax, SYS_exit_group
    syscall
    ;@ exited 0`;
const WINDOWS = `---
title: A program of Windows
arch: x86-64
os: windows
policies:
  - acg
---
\`\`\`asm
    .import kernel32.dll, ExitProcess
    .text
    .globl _start
_start:
    sub rsp, 0x28
    xor ecx, ecx
    call [ExitProcess]
    ;@ exited 0
\`\`\`
`;
const TABLE = '| policy | outcome | why |\n|---|---|---|\n| plain | works | |';

let folder: CommandFolder;

beforeAll(() => {
  folder = new CommandFolder();
  folder.write('good.md', lesson(EXIT, { table: TABLE }));
  folder.write('windows.md', WINDOWS);
  folder.write('source.s', `;@ policy nx\n;@ policy mdwe\n${EXIT}\n`);
  folder.write('wrong.md', lesson(EXIT.replace('exited 0', 'exited 1'), { table: TABLE }));
  folder.write('broken.md', lesson(EXIT.replace('exited', 'exitd'), { table: TABLE }));
});

afterAll(() => folder[Symbol.dispose]());

describe('mayexec test', () => {
  it.each([
    [0, ['good.md', 'source.s']],
    [1, ['good.md', 'wrong.md']],
    [2, ['good.md', 'wrong.md', 'broken.md']],
    [2, ['missing.md']],
  ])('ends with status %i for %j', (status, files) => {
    expect(folder.mayexec(['test', ...files]).status).toBe(status);
  });

  it('says where, what was expected and what happened', () => {
    const { stdout } = folder.mayexec(['test', 'wrong.md']);
    expect(stdout).toContain('wrong.md:13:8: the run ended otherwise');
    expect(stdout).toContain('expected: exited 1');
    expect(stdout).toContain('actual:   exited 0');
  });

  it('says what is wrong with a file, with the nearest spelling', () => {
    const { stdout } = folder.mayexec(['test', 'broken.md']);
    expect(stdout).toMatch(/broken\.md:13:8: unknown directive 'exitd'.*did you mean 'exited'\?/);
  });

  it('gives the same answers in the same order with any number of workers', () => {
    const files = ['good.md', 'source.s', 'wrong.md'];
    const [one, three] = ['1', '3'].map((jobs) =>
      folder.mayexec(['test', ...files, '--jobs', jobs]),
    );
    expect(one?.stdout).toBe(three?.stdout);
    expect(one?.stdout).toContain('3 passed, 1 failed, in 3 files');
  });

  it('runs only the policies that are named', () => {
    const { stdout } = folder.mayexec(['test', 'source.s', '--policy', 'mdwe']);
    expect(stdout).toContain('1 passed, in 1 file');
    const none = folder.mayexec(['test', 'source.s', '--policy', 'wx']);
    expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('no run of these')]);
  });

  it('shows and writes tables with --update, but no expectation', () => {
    folder.write('table.md', lesson(EXIT, { table: TABLE.replace('works', '?') }));
    const { status, stdout } = folder.mayexec(['test', 'table.md', '--update']);
    expect([status, stdout]).toEqual([0, expect.stringContaining('+ | plain | works | |')]);
    expect(readFileSync(join(folder.path, 'table.md'), 'utf8')).toContain('| plain | works | |');
    const before = readFileSync(join(folder.path, 'wrong.md'), 'utf8');
    expect(folder.mayexec(['test', 'wrong.md', '--update']).status).toBe(1);
    expect(readFileSync(join(folder.path, 'wrong.md'), 'utf8')).toBe(before);
  });

  it('writes TAP', () => {
    const { stdout } = folder.mayexec(['test', 'source.s', '--reporter', 'tap']);
    expect(stdout).toBe('TAP version 14\n1..2\nok 1 - source.s nx\nok 2 - source.s mdwe\n');
  });
});

describe('mayexec matrix', () => {
  it('prints, as JSON and as HTML, the same cells', () => {
    const given = ['matrix', 'good.md', 'source.s', '--policies', 'nx,selinux:execmem=deny'];
    const table = folder.mayexec([...given, '--html', 'out.html']);
    expect(table.stdout).toMatch(
      /^scenario +nx +selinux:execmem=deny\ngood +works +works\nsource +works +works\n/,
    );
    const rows = JSON.parse(folder.mayexec([...given, '--json']).stdout);
    expect(
      rows.map((row: { cells: { outcome: string }[] }) => row.cells.map(({ outcome }) => outcome)),
    ).toEqual([
      ['works', 'works'],
      ['works', 'works'],
    ]);
    const html = readFileSync(join(folder.path, 'out.html'), 'utf8');
    expect(html.match(/<td class="works"/g)).toHaveLength(4);
  });

  it('has - where a policy governs programs of another system', () => {
    const given = ['matrix', 'good.md', 'windows.md', '--html', 'systems.html'];
    const table = folder.mayexec([...given, '--policies', 'wx,acg']);
    expect([table.status, table.stderr]).toEqual([0, '']);
    expect(table.stdout).toMatch(/^scenario +wx +acg\ngood +works +-\nwindows +- +works\n/);
    expect(readFileSync(join(folder.path, 'systems.html'), 'utf8')).toContain(
      `<td class="not-applicable" title="policy 'wx' governs Linux and Wine programs">-</td>`,
    );
    const json = folder.mayexec(['matrix', 'windows.md', '--policies', 'wx,acg', '--json']);
    expect(JSON.parse(json.stdout)[0].cells).toMatchObject([
      { outcome: '-', ending: "policy 'wx' governs Linux and Wine programs" },
      { outcome: 'works' },
    ]);
  });

  it('takes by itself the policies that govern one of the programs', () => {
    const { status, stdout } = folder.mayexec(['matrix', 'windows.md', '--json']);
    const policies = JSON.parse(stdout)[0].cells.map(({ policy }: { policy: string }) => policy);
    expect([status, policies]).toEqual([
      0,
      listPolicies().flatMap(({ name, os }) => (os.includes('windows') ? [name] : [])),
    ]);
  });

  it('says in a line what no program can have', () => {
    const { status, stderr } = folder.mayexec(['matrix', 'good.md', '--policies', 'wx+acg']);
    expect([status, stderr]).toEqual([
      2,
      expect.stringMatching(/^mayexec: policy 'acg' governs.*\n$/),
    ]);
  });

  it.each([
    ['an unknown policy', ['good.md', '--policies', 'nxx'], /did you mean 'nx'/],
    ['a scenario with mistakes', ['broken.md'], /broken\.md:13:8: unknown directive/],
  ])('refuses %s with status 2', (_what, args, message) => {
    const { status, stderr } = folder.mayexec(['matrix', ...args]);
    expect([status, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});

describe('mayexec run', () => {
  it('runs the first program of a scenario', () => {
    expect(folder.mayexec(['run', 'good.md']).status).toBe(0);
  });

  it('passes over the directives of a source', () => {
    expect(folder.mayexec(['run', 'source.s']).status).toBe(0);
  });
});
