/** What a source may include, and what it may not: its folder, asm/, and folders that -I names. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { includeFor } from '../../../src/cli/host/include.js';
import { CommandFolder } from '../command.js';

const ASM = fileURLToPath(new URL('../../../asm/', import.meta.url));
const SECRET = 'root:x:0:0:secret';

let folder: CommandFolder;
let include: (name: string, folders?: readonly string[]) => string | undefined;

beforeAll(() => {
  folder = new CommandFolder();
  folder.write('secret.txt', SECRET);
  folder.write('elsewhere/more.inc', 'exit_status = 7\n');
  folder.write('program/near.inc', 'exit_status = 5\n');
  folder.write('program/deep/near.inc', 'exit_status = 6\n');
  folder.write('program/latin1.inc', Uint8Array.of(0xe9));
  mkdirSync(join(folder.path, 'program/folder.inc'));
  symlinkSync('../secret.txt', join(folder.path, 'program/link.inc'));
  symlinkSync('near.inc', join(folder.path, 'program/other.inc'));
  include = (name, folders) => includeFor(join(folder.path, 'program/a.s'), folders, ASM)(name);
});

afterAll(() => folder[Symbol.dispose]());

const inProgram = (name: string): string => join(folder.path, 'program', name);

describe('a source', () => {
  it('may include what lies in its folder, below it, and in asm/', () => {
    expect(include(inProgram('near.inc'))).toBe('exit_status = 5\n');
    expect(include(inProgram('deep/near.inc'))).toBe('exit_status = 6\n');
    expect(include(inProgram('other.inc'))).toBe('exit_status = 5\n');
    expect(include('lib/texts.inc')).toContain('errno_names');
    expect(include('lib/none.inc')).toBeUndefined();
  });

  it('may include what lies in a folder of -I, by its name there', () => {
    expect(() => include(inProgram('../elsewhere/more.inc'))).toThrow(
      /lies outside of the folders/,
    );
    const more = [join(folder.path, 'elsewhere')];
    expect(include('more.inc', more)).toBe('exit_status = 7\n');
    expect(include(inProgram('../elsewhere/more.inc'), more)).toBe('exit_status = 7\n');
  });

  it.each([
    ['an absolute path', () => '/etc/passwd'],
    ['a path that is not there', () => '/no/such/file'],
    ['a way out of the folder', () => inProgram('../secret.txt')],
    ['a way out of asm/', () => 'lib/../../package.json'],
    ['a device', () => '/dev/zero'],
  ])('may not include %s', (_, name) => {
    expect(() => include(name())).toThrow(/lies outside of the folders that may be included from/);
  });

  it('may not include where a link leads out', () => {
    expect(() => include(inProgram('link.inc'))).toThrow(/leads outside of the folders/);
  });

  it('may not include what is no text file', () => {
    expect(() => include(inProgram('folder.inc'))).toThrow(/is no regular file/);
    expect(() => include(inProgram('latin1.inc'))).toThrow(/not UTF-8/);
    expect(() => include('zero', ['/dev'])).toThrow(/is no regular file/);
  });

  it('may not wait for a pipe', (context) => {
    const made = spawnSync('mkfifo', [inProgram('pipe.inc')]);
    if (made.status !== 0) return context.skip('this host makes no named pipe (mkfifo)');
    expect(() => include(inProgram('pipe.inc'))).toThrow(/is no regular file/);
  });
});

describe('the command', () => {
  const program = (name: string): string =>
    `.include "${name}"\n_start: mov eax, SYS_exit\nmov edi, exit_status\nsyscall\n`;

  it('takes -I in either spelling, and says what is no folder', () => {
    folder.write('program/more.s', program('more.inc'));
    expect(folder.mayexec(['run', 'program/more.s', '-I', 'elsewhere']).status).toBe(7);
    expect(folder.mayexec(['run', 'program/more.s', '--include=elsewhere']).status).toBe(7);
    expect(folder.mayexec(['run', 'program/more.s', '-I', 'none']).stderr).toBe(
      'mayexec: -I none: no such folder\n',
    );
  });

  it('prints no piece of a file that it refuses', () => {
    folder.write('program/leak.s', program('../secret.txt'));
    const { status, stderr } = folder.mayexec(['run', 'program/leak.s']);
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^mayexec: program\/leak\.s:1:1: '[^']*secret\.txt' lies outside [^\n]*\n/,
    );
    expect(stderr).not.toContain('root');
  });

  it('tells all that in its help', () => {
    expect(folder.mayexec(['run', '--help']).stdout).toMatch(
      /includes files of its own folder, of asm\/[\s\S]*that -I names, and no others/,
    );
  });

  it('lets a scenario include no more than that', () => {
    const lesson = '---\ntitle: x\npolicies: [nx]\n---\n```asm\n';
    folder.write('program/lesson.md', `${lesson}${program('../secret.txt')};@ exited 0\n\`\`\`\n`);
    const { status, stdout } = folder.mayexec(['test', 'program/lesson.md']);
    expect(status).toBe(2);
    expect(stdout).toContain('lies outside of the folders');
  });
});
