/** `--policy-file`: a policy of one's own, for run, matrix and test; a scenario may name it and load nothing. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { definePolicy } from '../../../src/policy/define.js';
import { ownPoliciesOf, withOwnPolicies } from '../../../src/policy/own-policies.js';
import { runScenario } from '../../../src/scenario/judge/run.js';
import { CommandFolder } from '../command.js';

const CALLS = `
_start:
    mov eax, SYS_mmap
    xor edi, edi
    mov esi, 4096
    mov edx, PROT_READ | PROT_WRITE
    mov r10d, MAP_PRIVATE | MAP_ANONYMOUS
    mov r8, -1
    xor r9d, r9d
    syscall
    mov rdi, rax
    mov eax, SYS_mprotect
    mov edx, PROT_READ | PROT_EXEC
    syscall      ;@ own: mprotect = EPERM by no-gain/exec
    mov edi, eax
    neg edi
    mov eax, SYS_exit
    syscall      ;@ plain: exited 0
                 ;@ own: exited 1
`;

const LESSON = `---
title: One's own
policies:
  plain: nx
  own: nx+no-gain
---
\`\`\`asm
${CALLS}
\`\`\`

| policy | outcome | why |
| --- | --- | --- |
| plain | works | nothing is refused |
| own | errors | \`no-gain/exec\` |
`;

const HOOK =
  "mprotect: (vma, { flags }) => !(vma.flags & 4) && flags & 4 ? { errno: 'EPERM', rule: 'exec', reason: 'what is no code stays so' } : undefined";

let folder: CommandFolder;

beforeAll(() => {
  folder = new CommandFolder();
  folder.write('a.s', CALLS.replace(/;@.*/g, ''));
  folder.write('lesson.md', LESSON);
  folder.write(
    'no-gain.mjs',
    `export default ({ definePolicy }) => definePolicy({ name: 'no-gain', ${HOOK} });\n`,
  );
  folder.write('broken.mjs', 'export default 1;\n');
  folder.write(
    'bad4.mjs',
    "export default ({ definePolicy }) => definePolicy({ name: 'bad4', mprotect: () => { throw new Error('inside') } });\n",
  );
  folder.write(
    'plain.mjs',
    "export default { name: 'plain', mprotect: () => { throw new Error('plainly') } };\n",
  );
  folder.write('throws.mjs', 'throw new Error("on purpose\\nand more");\n');
});

afterAll(() => folder[Symbol.dispose]());

const OWN = ['--policy-file', 'no-gain=no-gain.mjs'];

describe('--policy-file', () => {
  it('gives run a policy, alone or with others', () => {
    expect(
      folder.mayexec(['run', 'a.s', '--policy', 'nx+no-gain', '--no-explain', ...OWN]).status,
    ).toBe(1);
    expect(folder.mayexec(['run', 'a.s', ...OWN]).status).toBe(0);
    expect(
      folder.mayexec(['run', 'lesson.md', '--policy', 'own', '--no-explain', ...OWN]).status,
    ).toBe(1);
  });

  it('gives matrix a column', () => {
    const args = ['matrix', 'lesson.md', '--policies', 'nx,no-gain', '--jobs', '1', ...OWN];
    const { stdout, stderr } = folder.mayexec(args);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^lesson +works +errors \[1\]$/m);
    expect(stdout).toContain('[1] no-gain/exec');
  });

  it('gives test what a scenario names, in workers too', () => {
    folder.write('other.md', LESSON);
    const { status, stdout } = folder.mayexec([
      'test',
      'lesson.md',
      'other.md',
      '--jobs',
      '2',
      ...OWN,
    ]);
    expect(stdout).toContain('4 passed, in 2 files');
    expect(status).toBe(0);
  });

  it.each<[string, string[], RegExp]>([
    ['no file', ['--policy-file', 'x'], /expected NAME=FILE/],
    ['a file that is not there', ['--policy-file', 'x=none.mjs'], /none\.mjs: no such file/],
    [
      'a name that exists',
      ['--policy-file', 'nx=no-gain.mjs'],
      /'nx' is a policy that there is already/,
    ],
    [
      'another name than its own',
      ['--policy-file', 'x=no-gain.mjs'],
      /defines the policy 'no-gain'/,
    ],
    ['a module without a policy', ['--policy-file', 'x=broken.mjs'], /default export is no policy/],
    ['a module that throws', ['--policy-file', 'x=throws.mjs'], /throws\.mjs: on purpose\n$/],
    [
      'a hook that throws',
      ['--policy-file', 'bad4=bad4.mjs', '--policy', 'bad4'],
      /bad4\.mjs: hook mprotect of policy 'bad4' threw: inside\n$/,
    ],
    [
      'a hook of a plain object that throws',
      ['--policy-file', 'plain=plain.mjs', '--policy', 'plain'],
      /plain\.mjs: hook mprotect of policy 'plain' threw: plainly\n$/,
    ],
    ['a folder', ['--policy-file', 'x=.'], /\.: is a directory\n$/],
    [
      'two policies',
      ['--policy', 'nx', '--policy', 'wx'],
      /--policy is given twice; several policies apply as wx\+mdwe/,
    ],
    ['options', [...OWN, '--policy', 'no-gain:a=b'], /policy 'no-gain' takes no options/],
  ])('says in one line what is wrong: %s', (_, args, line) => {
    const { status, stderr } = folder.mayexec(['run', 'a.s', ...args]);
    expect(stderr).toMatch(/^mayexec: [^\n]+\n$/);
    expect(stderr).toMatch(line);
    expect(status).toBe(2);
  });
});

it.skipIf(process.platform === 'win32')('reads no device as a policy', () => {
  // Node would read it without end.
  const { status, stderr } = folder.mayexec(['run', 'a.s', '--policy-file', 'x=/dev/zero']);
  expect(stderr).toBe('mayexec: /dev/zero: is no regular file\n');
  expect(status).toBe(2);
});

describe('a scenario', () => {
  const noGain = definePolicy({
    name: 'no-gain',
    mprotect: (vma, { flags }) =>
      !(vma.flags & 4) && flags & 4
        ? { errno: 'EPERM', rule: 'exec', reason: 'what is no code stays so' }
        : undefined,
  });

  it('says that the caller did not pass the policy that it names', async () => {
    const { problems } = await runScenario(LESSON, { file: 'lesson.md' });
    expect(problems[0]?.message).toMatch(
      /^unknown policy 'no-gain': .*a policy of one's own is for the caller to pass, as mayexec test --policy-file no-gain=FILE$/,
    );
  });

  it('runs under it when the caller has', async () => {
    const { runs, problems } = await runScenario(LESSON, {
      file: 'lesson.md',
      ownPolicies: [noGain],
    });
    expect(problems).toEqual([]);
    expect(runs.map(({ run, result }) => [run, result])).toEqual([
      ['plain', 'pass'],
      ['own', 'pass'],
    ]);
  });

  it('never loads code itself', async () => {
    const { problems } = await runScenario(LESSON.replace('nx+no-gain', './no-gain.mjs'), {
      file: 'lesson.md',
    });
    expect(problems[0]?.message).toContain("unknown policy './no-gain.mjs'");
  });

  it('may not be given what is no policy, or one that exists', () => {
    expect(() => ownPoliciesOf([noGain, noGain])).toThrow(/exists already/);
    expect(() => ownPoliciesOf([{ ...noGain, name: 'nx' }])).toThrow(/exists already/);
    expect(() => ownPoliciesOf([1 as unknown as typeof noGain])).toThrow(/is no policy/);
    expect(withOwnPolicies('pax:mprotect=off+nx', ownPoliciesOf([noGain]))).toBe(
      'pax:mprotect=off+nx',
    );
    expect(withOwnPolicies('pax:mprotect=off+no-gain', ownPoliciesOf([noGain]))).toEqual([
      'pax:mprotect=off',
      noGain,
    ]);
  });
});
