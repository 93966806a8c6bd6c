/** Programs of the host that are linked dynamically: what they see of it, and what they do not. */
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { programInterpreter } from '../../src/index.js';
import { CommandFolder } from './command.js';

/** Prints its arguments and environment, the file that its last argument names, and writes another beside it. */
const SOURCE = `
#include <stdio.h>
#include <unistd.h>
extern char **environ;
int main(int argc, char **argv) {
  char cwd[256], line[64];
  printf("%d %s %s\\n", argc, argv[0], getcwd(cwd, sizeof cwd));
  for (char **each = environ; *each; each++) puts(*each);
  FILE *file = fopen(argv[argc - 1], "r");
  puts(file && fgets(line, sizeof line, file) ? line : "none");
  FILE *own = fopen("/tmp/own", "w");
  puts(own ? "written" : "refused");
  return access(argv[0], X_OK) == 0 ? 5 : 6;
}
`;

const folder = new CommandFolder();
afterAll(() => folder[Symbol.dispose]());
const at = (name: string): string => join(folder.path, name);
const run = (...args: string[]) => folder.mayexec(['run', ...args]);

folder.write('program.c', SOURCE);
const compiled = spawnSync('gcc', ['-o', at('program'), at('program.c')]);
const missing =
  compiled.error === undefined && compiled.status === 0
    ? undefined
    : 'gcc is not installed, or cannot link against a C library';

describe.skipIf(missing !== undefined)(
  `a program of gcc (${missing ?? 'linked dynamically'})`,
  () => {
    beforeAll(() => {
      folder.write('seen/a.txt', 'a line');
      folder.write('hidden/b.txt', 'no line');
    });

    it('runs as it is; its path and argv[0] are the same; no file and no variable of the host is there', () => {
      const { status, stdout } = run(at('program'), '--', at('hidden/b.txt'));
      expect(stdout.split('\n')).toEqual([`2 ${at('program')} /home/user`, 'none', 'written', '']);
      expect(status).toBe(5);
    });

    it('sees what is bound, has the environment and the folder that are given', () => {
      const { stdout } = run(
        ...[at('program'), '--bind', `${at('seen')}:/data`, '--cwd', '/data'],
        ...['--env', 'A=1', '--env', 'B=x+y', '--', '/data/a.txt'],
      );
      expect(stdout.split('\n')).toEqual([
        `2 ${at('program')} /data`,
        'A=1',
        'B=x+y',
        'a line',
        'written',
        '',
      ]);
    });

    it('names the files of the host that were read', () => {
      const { hostFiles } = JSON.parse(run(at('program'), '--json').stdout);
      const interpreter = programInterpreter(new Uint8Array(readFileSync(at('program'))))!;
      expect(hostFiles.length).toBeGreaterThanOrEqual(2);
      expect(hostFiles.join('\n')).toContain('libc.so');
      const dry = run(at('program'), '--dry-run');
      expect(dry.stdout).toContain(
        `program      ${at('program')}\ninterpreter  ${interpreter}\nsees `,
      );
      expect(dry.status).toBe(0);
    });

    it('takes an absolute path in a root as the program would, through its links', () => {
      const libraries = JSON.parse(run(at('program'), '--json').stdout).hostFiles as string[];
      const interpreter = programInterpreter(new Uint8Array(readFileSync(at('program'))))!;
      for (const file of libraries) folder.write(`root${file}`, new Uint8Array(readFileSync(file)));
      folder.write(`root${interpreter}`, new Uint8Array(readFileSync(interpreter)));
      chmodSync(at(`root${interpreter}`), 0o755);
      folder.write('root/usr/bin/own', new Uint8Array(readFileSync(at('program'))));
      symlinkSync('usr/bin', at('root/bin'));
      symlinkSync('/etc', at('root/outside'));
      const { status, stdout } = run('/bin/own', '--root', at('root'), '--', '/outside/passwd');
      expect(stdout.split('\n')).toEqual(['2 /bin/own /home/user', 'none', 'written', '']);
      expect(status).toBe(5);
    });

    it('says what is missing in a root without its interpreter', () => {
      const { status, stderr } = run(at('program'), '--root', at('seen'));
      expect([status, stderr]).toEqual([
        2,
        expect.stringContaining("is not among the sandbox's files"),
      ]);
      expect(run(at('program'), '--root', at('seen'), '--dry-run').stdout).toContain(
        'which is not among what it would see',
      );
    });
  },
);

describe('options of what a program sees', () => {
  beforeAll(() => folder.write('p.s', '_start: mov eax, SYS_exit\nmov edi, 7\nsyscall\n'));

  it.each([
    [['--bind', 'no/such/folder'], /^mayexec: --bind no\/such\/folder: no such/],
    [['--bind', '.:/data:rw'], /never written; leave :rw out/],
    [['--bind', '.:/a/../b'], /is no place for a file or folder/],
    [['--root', 'p.s'], /^mayexec: --root p\.s: is no folder/],
    [['--env', 'A'], /--env A: expected NAME=VALUE/],
    [['--cwd', 'here'], /expected an absolute path/],
    [
      ['--cwd', '/nowhere'],
      /'\/nowhere' to start in is none of the guest's; --bind FOLDER:\/nowhere shows/,
    ],
    [
      ['--cwd', '/var/tmp'],
      /to start in is none of the guest's; --bind \/var\/tmp shows it that of this/,
    ],
  ])('%j is refused in a line', (args, message) => {
    const { status, stderr } = run(at('p.s'), ...args);
    expect([status, stderr.trimEnd()]).toEqual([2, expect.stringMatching(message)]);
    expect(stderr.trimEnd()).not.toContain('\n');
  });
});
