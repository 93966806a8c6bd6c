/** Reading results: whole ones without a word, damaged ones with everything that is wrong and what is left. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MayexecError } from '../../src/base/errors.js';
import { formatProbe, outcomeOf, parseProbe } from '../../src/probe/results.js';
import { runProbe } from '../../src/probe/run.js';

const HEADER = 'mayexec-probe 1 x86-64 Linux 6.18.0 x86_64';

describe('parseProbe', () => {
  it('reads what the probe prints, and formatProbe writes it again', async () => {
    const results = await runProbe({ policy: 'mdwe' });
    expect(results.problems).toEqual([]);
    expect(parseProbe(formatProbe(results))).toEqual(results);
  });

  it('passes over what stands before the header, and carriage returns', () => {
    const { outcomes, release } = parseProbe(
      `Last login: today\r\n${HEADER}\r\nanon-rwx ok\r\nend 1\r\n`,
    );
    expect([...outcomes]).toEqual([['anon-rwx', 'ok']]);
    expect(release).toBe('6.18.0');
  });

  it('refuses a text without a header', () => {
    expect(() => parseProbe('anon-rwx ok\nend 1\n')).toThrow(MayexecError);
    expect(() => parseProbe('')).toThrow('not the output of a probe');
  });

  const problems = (text: string): string => parseProbe(`${HEADER}\n${text}`).problems.join('\n');

  it.each([
    ['a missing end', 'anon-rwx ok\n', "cut off: no closing line 'end 1'"],
    ['a wrong count', 'anon-rwx ok\nend 2\n', 'incomplete: 1 results, and the probe counted 2'],
    ['an unknown experiment', 'warp-drive ok\nend 1\n', 'unknown experiments warp-drive'],
    ['a line that is none', 'anon-rwx perhaps\nend 1\n', "line 2: 'anon-rwx perhaps' is no result"],
    [
      'two results that contradict each other',
      'anon-rwx ok\nanon-rwx mmap:rwx EACCES\nend 2\n',
      "line 3: anon-rwx is 'mmap:rwx EACCES', and was 'ok' before",
    ],
    ['missing experiments', 'anon-rwx ok\nend 1\n', 'experiments are missing'],
  ])('says that there is %s', (_what, text, problem) => {
    expect(problems(text)).toContain(problem);
  });

  it('reads what it knows of another format', () => {
    const { outcomes, problems: said } = parseProbe(
      'mayexec-probe 2 i386 Linux 7.1 i686\nanon-rwx ok\nend 1',
    );
    expect(outcomes.get('anon-rwx')).toBe('ok');
    expect(said[0]).toContain('format 2: this mayexec knows format 1');
  });
});

describe('outcomeOf', () => {
  it.each([
    ['ok', { kind: 'ok' }],
    ['ok 32', { kind: 'ok', value: 32 }],
    ['mprotect:r-x EACCES', { kind: 'errno', step: 'mprotect:r-x', what: 'EACCES' }],
    ['mmap:rwx 524', { kind: 'errno', step: 'mmap:rwx', what: '524' }],
    ['run SIGSEGV SI_KERNEL', { kind: 'signal', step: 'run', what: 'SIGSEGV SI_KERNEL' }],
    ['wished no', { kind: 'mismatch', step: 'wished', what: 'no' }],
  ])('takes %s apart', (text, outcome) => {
    expect(outcomeOf(text)).toEqual(outcome);
  });
});

describe('the results that the README identifies', () => {
  it('are those of the probe under selinux', async () => {
    const file = new URL('selinux.txt', import.meta.url);
    expect(readFileSync(file, 'utf8')).toBe(formatProbe(await runProbe({ policy: 'selinux' })));
  });
});
