/** Exercises: what a teacher writes, what `mayexec test` says of it, and how attempts are judged. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { judgeAttempt, runHidden } from '../../src/scenario/exercise/attempt.js';
import { include, mistakes, ROOT, run } from './files.js';

const textOf = (name: string): string =>
  readFileSync(join(ROOT, 'scenarios/exercises', `${name}.md`), 'utf8');
const BROKEN = programOf(textOf('repair-both-at-once'), 'broken');

function programOf(text: string, name: string): string {
  return new RegExp(`\`\`\`\\w+ ${name}\n(.*?)\`\`\``, 's').exec(text)![1]!.replace(/;@.*/g, '');
}

const attempt = (name: string, text: string) =>
  judgeAttempt(textOf(name), { file: `${name}.md`, include, attempt: text });

describe('what a teacher writes', () => {
  const REPAIR = textOf('repair-both-at-once');
  const WRITE = textOf('write-no-gain');

  it.each([
    [REPAIR, 'kind: repair', 'kind: repare', "6:1: unknown kind of exercise 'repare'"],
    [REPAIR, '  kind: repair\n', '', "6:1: the exercise has no 'kind'"],
    [REPAIR, 'solution: repaired', 'solution: repared', "unknown program 'repared'"],
    [REPAIR, 'solution: repaired', 'solution: broken', 'is the program to begin with'],
    [REPAIR, '  program: broken\n', '', "the exercise has no 'program'"],
    [
      REPAIR,
      'program: broken',
      'program: broken\n  under: hard',
      "unknown run of 'repaired' 'hard'",
    ],
    [
      REPAIR,
      'program: broken',
      'program: broken\n  budget: 3',
      "unknown key of the exercise 'repair'",
    ],
    [REPAIR, 'kind: repair', 'kind: break', "'repaired' expects no finding"],
    [textOf('which-selinux'), 'budget: 2', 'budget: two', "'budget' is two"],
    [WRITE, 'policy: no-gain', 'policy: gain', "no run of the lesson is under 'gain'"],
    [WRITE, '```policy start', '```policy begin', 'there is no block ```policy start'],
    [WRITE, 'flags & VM_EXEC && !', 'flags && && !', ': the policy of the solution: line 8'],
    [WRITE, '```policy solution', '```policy answer', "unknown policy 'no-gain'"],
  ])('is read strictly (%#)', async (text, from, to, message) => {
    expect(text).toContain(from);
    const found = await mistakes(text.replace(from, to));
    expect(found.join('\n')).toContain(message);
  });

  const problems = async (text: string): Promise<string[]> =>
    (await run(text)).problems.map(({ line, message }) => `${line}: ${message}`);

  it('must leave something to do', async () => {
    const done = REPAIR.replace('program: broken', 'program: repaired').replace(
      'solution: repaired',
      'solution: again',
    );
    const copy = /```asm repaired.*?```/s.exec(REPAIR)![0].replace('repaired', 'again');
    const text = done.replace('| program |', `${copy}\n\n| program |`);
    expect(await problems(`${text}| again | wx | works | |\n`)).toEqual([
      '6: exercise: repaired does it already',
    ]);
  });

  it('must be possible', async () => {
    const which = textOf('which-selinux').replace('budget: 2', 'budget: 1');
    expect(await problems(which)).toEqual([
      '6: exercise: 2 experiments are needed, and the budget is 1',
    ]);
    const alike = textOf('which-selinux')
      .replace(/```asm mapping.*?```/s, '')
      .replace(/\| mapping .*\n/g, '');
    expect(await problems(alike)).toEqual([
      "6: exercise: no program of the lesson tells 'execheap' from 'execmem'",
    ]);
  });

  it.each([
    [
      'the solution must be one',
      REPAIR.replace('PROT_WRITE, MAP_PRIVATE', 'PROT_WRITE | PROT_EXEC, MAP_PRIVATE'),
      'exercise: repaired is no solution (wx): it ends with an error',
    ],
    [
      'the solution must run',
      WRITE.replace('!(vma.flags & VM_EXEC)', 'nobody.knows'),
      'exercise: the solution does not run',
    ],
  ])('%s', async (_what, text, message) => {
    expect((await problems(text)).join('\n')).toContain(message);
  });

  it('may begin with what does not even run', async () => {
    expect(await problems(WRITE.replace('flags & VM_WRITE', 'nobody.knows'))).toEqual([]);
  });

  it.each([
    ['guess-three-ways', /\berrors\b/g, 'works', 'there is nothing to guess'],
    ['which-selinux', / {2}exec\w+: .*\n/g, '', 'with one policy there is no question'],
    ['which-selinux', /budget: 2/, 'budget: 0', "'budget' is 0"],
    ['which-selinux', /budget: 2/, 'budget: 101', "'budget' is 101"],
    [
      'break-write-xor-execute',
      /;@ (anywhere )?finding/g,
      ';@ never finding',
      'expects no finding',
    ],
  ])('must be a question: %s with %s as %s', async (name, from, to, message) => {
    expect((await mistakes(textOf(name).replace(from, to))).join('\n')).toContain(message);
  });

  it('is not checked when only some runs are wanted', async () => {
    const text = textOf('which-selinux').replace('budget: 2', 'budget: 1');
    expect((await run(text, { only: ['execheap'] })).problems).toEqual([]);
  });
});

describe('an attempt', () => {
  it('at repairing is told what is missing, and succeeds in another way than the solution', async () => {
    const first = await attempt('repair-both-at-once', BROKEN);
    expect(first.solved).toBe(false);
    expect(first.runs[0]?.missing[0]).toBe(
      'it ends with an error; the exercise wants that it works',
    );
    expect(first.runs[0]?.refused).toBe('mmap refused with EACCES by wx/write-exec');
    const lazy =
      '.include "lib/x86-64-calls.inc"\n.globl _start\n_start:\n mov eax, 1001\n show\n finish 0\n';
    expect((await attempt('repair-both-at-once', lazy)).runs[0]?.missing).toContain(
      'mprotect did not come to this: expected mprotect = ok, got no such call was made',
    );
    const other = BROKEN.replace('PROT_READ | PROT_WRITE | PROT_EXEC', 'PROT_WRITE').replace(
      '    call rbx',
      '    must mprotect, rbx, 8192 - 4096, PROT_EXEC\n    call rbx',
    );
    expect(await attempt('repair-both-at-once', other)).toMatchObject({ solved: true });
  });

  it('at breaking counts only when the monitors find it and nothing is refused', async () => {
    const calls = '.include "lib/x86-64-calls.inc"\n.globl _start\n_start:\n';
    const harmless = await attempt('break-write-xor-execute', `${calls} finish 0\n`);
    expect(harmless.runs[0]?.missing[0]).toContain('this was not found');
    const views =
      ' call two_views\n put_code rbp, 1\n call rbx\n finish 0\n .include "lib/x86-64-views.inc"\n';
    expect(await attempt('break-write-xor-execute', calls + views)).toMatchObject({ solved: true });
    const loud = `${calls} sys mmap, 0, 4096, 7, 34, -1, 0\n${views}`;
    expect((await attempt('break-write-xor-execute', loud)).runs[0]?.missing.join()).toContain(
      'unexpected denial of mmap',
    );
  });

  it('at a policy is judged by all programs, whatever its rules are called', async () => {
    const policy = (hooks: string): string => `definePolicy({ name: 'mine', ${hooks} });`;
    const gain =
      "mprotect: (vma, { flags }) => flags & VM_EXEC ? { reason: 'no', rule: 'r' } : undefined";
    const both = "mmapRegion: ({ flags }) => (flags & 6) === 6 ? { reason: 'no' } : undefined";
    const half = await attempt('write-no-gain', policy(gain));
    expect(half.runs.map(({ program, solved }) => `${program} ${solved}`)).toEqual([
      'flip true',
      'at-once false',
      'two-views true',
    ]);
    expect(await attempt('write-no-gain', policy(`${gain}, ${both}`))).toMatchObject({
      solved: true,
    });
    const all = "mmapRegion: () => ({ reason: 'no' })";
    expect((await attempt('write-no-gain', policy(all))).solved).toBe(false);
    await expect(attempt('write-no-gain', policy('mprotect() { for (;;); }'))).rejects.toThrow(
      'did not come to an end',
    );
  });

  it('is judged under the runs that the exercise names, each by its own row', async () => {
    const text = textOf('repair-both-at-once')
      .replace('solution: repaired', 'solution: repaired\n  under: wx')
      .replace('policies:\n', 'policies:\n  hard: mdwe\n')
      .replace('| broken |', '| repaired | hard | errors | |\n| broken |');
    const solution = programOf(text, 'repaired');
    const report = await judgeAttempt(text, { file: 'x.md', include, attempt: solution });
    expect(report.runs.map(({ run: name, missing }) => [name, missing])).toEqual([['wx', []]]);
  });

  it('at a policy is judged where that policy is in force, whatever rules the lesson names', async () => {
    const text = textOf('write-no-gain')
      .replace('own: no-gain', 'free: nx\n  own: no-gain')
      .replace('mprotect = EACCES', 'mprotect = EACCES by no-gain/mprotect');
    const policy = /```policy solution\n(.*?)```/s
      .exec(text)![1]!
      .replace("{ reason: 'what", "{ rule: 'r', reason: 'what");
    const report = await judgeAttempt(text, { file: 'x.md', include, attempt: policy });
    expect(report.runs.map(({ run: name, missing }) => [name, missing])).toEqual([
      ['own', []],
      ['own', []],
      ['own', []],
    ]);
  });

  it('with a mistake names the line of the attempt', async () => {
    await expect(attempt('repair-both-at-once', '\n\n    qxor eax, eax\n')).rejects.toMatchObject({
      problems: [{ line: 3, message: expect.stringContaining('qxor') }],
    });
  });

  it('needs an exercise that takes one', async () => {
    await expect(attempt('guess-three-ways', '')).rejects.toThrow('no exercise that a program');
  });
});

describe('an experiment', () => {
  const hidden = (program: string, name: string) =>
    runHidden(textOf('which-selinux'), {
      file: 'x.md',
      include,
      attempt: `.include "x86-64/${program}.s"\n`,
      run: name,
    });

  it('shows calls, output and ending, and never who refused', async () => {
    const shown = await hidden('jit-memalign', 'execheap');
    expect(shown.calls).toMatch(/mprotect\(0x\w+, 4096, PROT_READ\|PROT_EXEC\) += -1 EACCES/);
    expect(shown).toMatchObject({ ending: 'exited 1', stdout: '', stderr: 'mprotect: EACCES\n' });
    expect(JSON.stringify(shown)).not.toMatch(/selinux|execheap|avc/);
    expect((await hidden('jit-memalign', 'none-of-them')).stdout).toBe('f() = 1001\n');
  });

  it('takes one of the runs of the lesson', async () => {
    await expect(hidden('jit-memalign', 'execmen')).rejects.toThrow("did you mean 'execmem'?");
  });
});
