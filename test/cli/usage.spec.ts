/** Wrong command lines and unreadable input: status 2, one line on stderr, nothing on stdout. */
import { mkdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandFolder } from './command.js';

let folder: CommandFolder;

beforeAll(() => {
  folder = new CommandFolder();
  folder.write('good.s', '.globl _start\n_start: mov eax, 60\nxor edi, edi\nsyscall\n');
  folder.write('bad.s', '.globl _start\n_start:\n  mov eax, 60\n  mvo edi, 1\n');
  folder.write('bad.hex', '90 90\n9g\n');
  folder.write('empty.hex', '# nothing\n');
  folder.write('latin1.s', Uint8Array.of(0x23, 0xe9, 0x0a));
  folder.write('notes.txt', 'no program\n');
  folder.write('short.elf', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46));
  folder.write('arch.s', ';@ arch mips\n');
  mkdirSync(join(folder.path, 'folder.s'));
  folder.write('sparse.s', '');
  truncateSync(join(folder.path, 'sparse.s'), 5e9);
});

afterAll(() => folder[Symbol.dispose]());

describe('one line and status 2 for', () => {
  it.each<[string, string[], RegExp]>([
    ['no command', [], /no command given: expected one of run, /],
    ['an unknown command', ['rnu', 'good.s'], /unknown command 'rnu'.*did you mean 'run'\?/],
    ['an unknown global option', ['--versoin'], /unknown option '--versoin'.*'--version'\?/],
    ['an unknown option', ['run', 'good.s', '--polcy', 'nx'], /'--polcy'.*'--policy'\?/],
    ['a missing value', ['run', 'good.s', '--policy'], /--policy needs a value: --policy SPEC/],
    ['no program', ['run'], /no program given/],
    ['a second program', ['run', 'good.s', 'x'], /unexpected argument 'x'.*follow --/],
    ['a file that is not there', ['run', 'none.s'], /none\.s: no such file/],
    ['a device', ['run', '/dev/zero'], /\/dev\/zero: is a device, not a file/],
    ['5 GB of nothing', ['run', 'sparse.s'], /sparse\.s: has more than 64 MiB/],
    ['a folder', ['run', 'folder.s'], /folder\.s: is a directory/],
    [
      'an unknown kind of file',
      ['run', 'notes.txt'],
      /notes\.txt: neither an ELF nor a PE file, nor/,
    ],
    ['a truncated ELF file', ['run', 'short.elf'], /short\.elf/],
    ['text in another encoding', ['run', 'latin1.s'], /latin1\.s: not UTF-8/],
    ['source with an error', ['run', 'bad.s'], /bad\.s:4:.*mvo/],
    ['bytes that are none', ['run', 'bad.hex'], /bad\.hex:2: '9g'/],
    ['a file without bytes', ['run', 'empty.hex'], /empty\.hex: holds no bytes/],
    ['an unknown arch', ['run', 'good.s', '--arch', 'x86-46'], /'x86-46'.*'x86-64'\?/],
    ['an unknown arch in a source', ['run', 'arch.s'], /arch\.s.*'mips'/],
    ['an unknown policy', ['run', 'good.s', '--policy', 'mdew'], /'mdew'.*'mdwe'\?/],
    ['an unknown layout', ['run', 'good.s', '--layout', 'no-such'], /'no-such'/],
    ['an unknown engine', ['run', 'good.s', '--engine', 'unicron1'], /'unicron1'.*'unicorn1'\?/],
    ['an unknown os', ['run', 'good.s', '--os', 'linxu'], /'linxu'.*'linux'\?/],
    ['a seed that is no number', ['run', 'good.s', '--seed', 'x'], /--seed is 'x'/],
    ['a limit of nothing', ['run', 'good.s', '--limit-blocks', '0'], /blocks.*0/],
    ['a policy without a page', ['policies', 'mdew'], /'mdew'.*'mdwe'\?/],
    ['what is no policy', ['run', 'good.s', '--policy', 'mseal'], /'mseal' is no policy to choose/],
    ['an unknown sysctl', ['run', 'good.s', '--sysctl', 'vm.x=1'], /unknown sysctl 'vm\.x'/],
    ['a sysctl without a value', ['run', 'good.s', '--sysctl', 'vm.x'], /expected NAME=VALUE/],
    ['two pages at once', ['policies', 'nx', 'wx'], /unexpected argument 'wx'/],
  ])('%s', (_what, args, line) => {
    const { status, stdout, stderr } = folder.mayexec(args);
    expect(stderr).toMatch(/^mayexec: [^\n]+\n$/);
    expect(stderr).toMatch(line);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
});

describe('--help', () => {
  it('lists the commands', () => {
    const { status, stdout, stderr } = folder.mayexec(['--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const name of ['run', 'policies', 'demo'])
      expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'));
  });

  it.each(['run', 'policies', 'demo'])('explains %s with an example', (name) => {
    const { status, stdout } = folder.mayexec([name, '--help']);
    expect(status).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Usage: mayexec ${name}`));
    expect(stdout).toMatch(/^Examples?:\n {2}mayexec /m);
  });

  it.each(['run', 'maps', 'test', 'matrix', 'syscalls'])(
    'keeps %s to lines of 120 characters',
    (name) => {
      const { status, stdout } = folder.mayexec([name, '--help']);
      expect(status).toBe(0);
      // A line longer than that is one that somebody forgot to wrap.
      expect(stdout.split('\n').filter((line) => line.length > 120)).toEqual([]);
    },
  );

  it('tells apart why run ended without the program', () => {
    const { stdout } = folder.mayexec(['run', '--help']);
    expect(stdout).toContain('4 when a kernel died');
  });

  it('is left to the program after --', () => {
    expect(folder.mayexec(['run', 'good.s', '--', '--help'])).toMatchObject({
      status: 0,
      stdout: '',
    });
  });
});

describe('--version', () => {
  it('names the version, the engine and why it was chosen', () => {
    expect(folder.mayexec(['--version']).stdout).toMatch(
      /^mayexec \d+\.\d+\.\d+\nengine unicorn\d .+: .+\n$/,
    );
  });
});

describe('policies', () => {
  it('lists each policy', () => {
    const { stdout } = folder.mayexec(['policies']);
    for (const name of ['none', 'nx', 'wx', 'restricted-wx']) {
      expect(stdout).toMatch(new RegExp(`^${name} +\\S`, 'm'));
    }
  });

  it('explains one', () => {
    const { status, stdout } = folder.mayexec(['policies', 'restricted-wx']);
    expect(status).toBe(0);
    expect(stdout).toContain('restricted-wx/');
  });

  it('says which page a spec belongs to', () => {
    const { status, stderr } = folder.mayexec(['policies', 'dep:sehop=on']);
    expect(status).toBe(2);
    expect(stderr).toContain(
      "'dep:sehop=on' is a spec, and pages are those of names: mayexec policies dep",
    );
  });

  it('lists and explains what needs no choosing as well', () => {
    expect(folder.mayexec(['policies']).stdout).toMatch(/^Beside every policy[\s\S]*^mseal +\S/m);
    expect(folder.mayexec(['policies', 'pkeys']).stdout).toContain('SEGV_PKUERR');
  });

  it('prints JSON on request', () => {
    const names = (
      JSON.parse(folder.mayexec(['policies', '--json']).stdout) as { name: string }[]
    ).map(({ name }) => name);
    expect(names).toContain('restricted-wx');
    expect(JSON.parse(folder.mayexec(['policies', 'nx', '--json']).stdout)).toMatchObject({
      name: 'nx',
    });
  });
});
