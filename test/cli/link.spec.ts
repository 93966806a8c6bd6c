/** Links of the workshop on the command line: a run printed as one, and a link run. */
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeCase, encodeCase } from '../../src/index.js';
import { CommandFolder } from './command.js';

const UNCHECKED = fileURLToPath(
  new URL('../../scenarios/basics/unchecked-mprotect.md', import.meta.url),
);

const folder = new CommandFolder();
afterAll(() => folder[Symbol.dispose]());
const mayexec = (...args: string[]) => folder.mayexec(args);

describe('--link', () => {
  it('prints a link that says the same when it is run', () => {
    const first = mayexec('run', UNCHECKED, '--policy', 'hard', '--link', '--no-explain');
    const fragment = first.stdout.trim();
    expect(decodeCase(fragment)).toMatchObject({
      policy: 'selinux:execmem=deny',
      expected: 'killed by SIGSEGV (SEGV_ACCERR)',
    });
    const second = mayexec('run', `https://example.org/w/#${fragment}`, '--no-explain');
    expect(second.status).toBe(first.status);
    expect(second.stderr).toContain('killed by SIGSEGV (SEGV_ACCERR), as the link says');
    const weaker = mayexec('run', fragment, '--policy', 'nx');
    expect(weaker).toMatchObject({ status: 0, stdout: 'f() = 1001\n' });
    expect(weaker.stderr).toContain(
      "the link says 'killed by SIGSEGV (SEGV_ACCERR)', but it exited with 0",
    );
  });

  it('stands behind a BASE, and in --json', () => {
    const base = 'https://example.org/w/';
    const { stdout } = mayexec('run', UNCHECKED, `--link=${base}`, '--json');
    const { link } = JSON.parse(stdout) as { link: string };
    expect(link.startsWith(`${base}#m1.`)).toBe(true);
    expect(decodeCase(link).name).toBe('unchecked.s');
  });

  it('refuses what a link cannot hold', () => {
    const { status, stderr } = mayexec(
      'run',
      UNCHECKED,
      '--link',
      '--sysctl',
      'vm.max_map_count=9',
    );
    expect(status).toBe(2);
    expect(stderr).toContain('--link: a link cannot hold --sysctl');
    const limited = mayexec('run', UNCHECKED, '--link', '--limit-blocks', '9');
    expect(limited.stderr).toContain('--link: a link cannot hold --limit-blocks');
  });
});

describe('run LINK', () => {
  const link = encodeCase({
    source: '_start:\n    mov eax, SYS_exit\n    mov edi, 3\n    syscall\n',
    name: 'three.s',
    os: 'linux',
    arch: 'x86-64',
    policy: 'nx',
  });

  it('needs no file and no network', () => {
    expect(mayexec('run', `#${link}`)).toMatchObject({ status: 3, stdout: '' });
  });

  it('says in a sentence what is wrong with one', () => {
    const cut = mayexec('run', link.slice(0, -20));
    expect(cut.status).toBe(2);
    expect(cut.stderr).toContain('this link is cut off or damaged');
    const other = mayexec('run', link, '--arch', 'i386');
    expect(other.stderr).toContain('the link is for x86-64, but --arch is i386');
  });
});
