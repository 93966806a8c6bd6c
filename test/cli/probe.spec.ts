/** `mayexec probe` and `mayexec identify` as a person at a shell uses them. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NativeProbe, unjudged } from '../probe/native-probe.js';
import { CommandFolder } from './command.js';

describe('mayexec probe', () => {
  it('prints what came of each experiment, with a sentence', () => {
    using folder = new CommandFolder();
    const { stdout, status } = folder.mayexec([
      'probe',
      'heap-rx',
      'anon-rwx',
      '--policy',
      'selinux',
    ]);
    expect(status).toBe(0);
    expect(stdout.split('\n')).toEqual([
      'experiment  result               what is tried',
      'anon-rwx    ok                   anonymous memory, writable and executable from the start',
      'heap-rx     mprotect:r-x EACCES  a heap page is made executable',
      '',
    ]);
  });

  it('prints JSON on request', () => {
    using folder = new CommandFolder();
    const { stdout } = folder.mayexec(['probe', 'old-mmap', '--arch', 'i386', '--json']);
    expect(JSON.parse(stdout)).toEqual({
      arch: 'i386',
      os: 'linux',
      policy: 'nx',
      system: 'Linux',
      release: '6.18.0',
      machine: 'x86_64',
      outcomes: { 'old-mmap': 'ok' },
    });
  });

  it('writes an executable that prints what --raw prints', async (ctx) => {
    const reason = unjudged('x86-64');
    if (reason !== undefined) return ctx.skip(reason);
    using folder = new CommandFolder();
    expect(folder.mayexec(['probe', '--emit', 'probe']).stdout).toContain(
      'mayexec identify results.txt',
    );
    const file = join(folder.path, 'probe');
    expect(statSync(file).mode & 0o777).toBe(0o755);
    using native = await NativeProbe.create('x86-64');
    const withoutHeader = (text: string): string => text.slice(text.indexOf('\n'));
    const raw = folder.mayexec(['probe', '--raw']).stdout;
    expect(withoutHeader(raw)).toBe(withoutHeader(native.runFile(file)));
    expect([...readFileSync(file).subarray(0, 4)]).toEqual([0x7f, 0x45, 0x4c, 0x46]);
  });

  it.each([
    [['probe', '--policy', 'selinus'], "did you mean 'selinux'?"],
    [['probe', 'heap-rxx'], "did you mean 'heap-rx'?"],
    [['probe', '--arch', 'arm'], "unknown arch 'arm'"],
    [['probe', '--emit', 'no/such/folder/probe'], 'no/such/folder/probe: no such folder'],
  ])('%j is answered in one line', (args, text) => {
    using folder = new CommandFolder();
    const { stderr, status } = folder.mayexec(args);
    expect(status).toBe(2);
    expect(stderr).toContain(text);
    expect(stderr.trimEnd()).not.toContain('\n');
  });
});

describe('mayexec identify', () => {
  it('has a policy of Linux for a Wine that did not start, and says that one line is all', () => {
    using folder = new CommandFolder();
    folder.write('results.txt', 'wine: failed to load probe.exe: c000000d\n');
    const args = ['identify', 'results.txt', '--policies', 'wx,nx,mdwe'];
    const { stdout, status } = folder.mayexec(args);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^1 experiment of x86-64 on Wine\n\nmdwe gives exactly these results\n/);
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      'the probe for Linux (mayexec probe --emit FILE) tells',
    );
  });

  it('tells the story of the two booleans', () => {
    using folder = new CommandFolder();
    folder.write('results.txt', folder.mayexec(['probe', '--policy', 'selinux', '--raw']).stdout);
    const { stdout, status } = folder.mayexec(['identify', 'results.txt']);
    expect(status).toBe(0);
    expect(stdout).toContain('selinux gives exactly these results');
    expect(stdout).toContain(
      'works: mmap with MAP_ANONYMOUS, write, then mprotect to PROT_READ|PROT_EXEC',
    );
    expect(stdout).toContain('no /dev/zero');
    expect(stdout).toContain('execheap is off: the boolean selinuxuser_execheap');
    expect(stdout).toContain('check what mmap and mprotect return');
  });

  it('reads standard input, and prints JSON on request', () => {
    using folder = new CommandFolder();
    const raw = folder.mayexec(['probe', '--policy', 'mdwe', '--raw']).stdout;
    const { stdout, status } = folder.mayexec(
      ['identify', '-', '--json', '--policies', 'nx,mdwe'],
      raw,
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'exact',
      complete: true,
      fits: ['mdwe'],
      examined: 2,
    });
  });

  it('gives a partial answer for results that were cut off, and exit status 1', () => {
    using folder = new CommandFolder();
    const raw = folder.mayexec(['probe', '--policy', 'mdwe', '--raw']).stdout;
    const cut = raw.split('\n').slice(0, 20).join('\n');
    const { stdout, status } = folder.mayexec(['identify', '-', '--policies', 'nx,mdwe'], cut);
    expect(status).toBe(1);
    expect(stdout).toContain("incomplete results: cut off: no closing line 'end 19'");
    expect(stdout).toContain('mdwe gives exactly these results (a partial answer');
  });

  it('names the nearest for results that contradict each other, and exit status 1', () => {
    using folder = new CommandFolder();
    const raw = folder.mayexec(['probe', '--policy', 'mdwe', '--raw']).stdout;
    const changed = raw.replace('anon-rx-rw ok', 'anon-rx-rw mprotect:rw- EPERM');
    const { stdout, status } = folder.mayexec(['identify', '-', '--policies', 'nx,mdwe'], changed);
    expect(status).toBe(1);
    expect(stdout).toContain('None of 2 policies and combinations gives these results');
    expect(stdout).toContain('mdwe: 1 experiment differs');
    expect(stdout).toMatch(/anon-rx-rw +mprotect:rw- EPERM +ok/);
  });

  it.each([
    [['identify'], 'no results given'],
    [['identify', 'missing.txt'], 'missing.txt: no such file'],
    [['identify', '-'], 'not the output of a probe'],
    [['identify', '-', 'extra'], "unexpected argument 'extra'"],
  ])('%j is answered in one line', (args, text) => {
    using folder = new CommandFolder();
    const { stderr, status } = folder.mayexec(args, 'hello\n');
    expect(status).toBe(2);
    expect(stderr).toContain(text);
    expect(stderr.trimEnd()).not.toContain('\n');
  });
});
