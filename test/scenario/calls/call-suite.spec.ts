/** Call suites: sources whose directives call their functions. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { junitReport, runScenario, tapReport } from '../../../src/index.js';

const EXAMPLE = fileURLToPath(new URL('../../examples/checksum.s', import.meta.url));

const run = (text: string) => runScenario(text, { file: 'suite.s' });

/** The messages of what is wrong with the file. */
async function problemsOf(text: string): Promise<string[]> {
  return (await run(text)).problems.map(({ line, message }) => `${line}: ${message}`);
}

/** The first line of what each failing call says. */
async function failuresOf(text: string): Promise<string[]> {
  const { runs, problems } = await run(text);
  expect(problems).toEqual([]);
  return runs.flatMap(({ differences, error }) =>
    error === undefined ? differences.map(({ message }) => message.split('\n')[0]!) : [error],
  );
}

const LAST = 'f:\n movzx eax, byte ptr [rdi+1]\n ret\n';
const ADD = 'add:\n lea eax, [rdi+rsi]\n ret\n';

describe('a call suite', () => {
  it('writes pointers and bytes as every call test does', async () => {
    const text = `;@ buffer b = bytes 01 02 ff\n${LAST};@ call f(@b) = 2\n;@ call f(@b+1) = 255\n;@ call f(bytes 07 08) = 8\n;@ call f(@b) touches only @b`;
    expect(await failuresOf(text)).toEqual([]);
  });

  it('runs each call under each policy', async () => {
    const { runs, problems, title } = await runScenario(readFileSync(EXAMPLE, 'utf8'), {
      file: EXAMPLE,
    });
    expect(problems).toEqual([]);
    expect(
      runs.flatMap(({ differences, error, program }) =>
        error === undefined ? differences.map(({ message }) => message) : [program, error],
      ),
    ).toEqual([]);
    expect(title).toBe('A checksum and a copy, called and checked');
    expect(runs).toHaveLength(26);
    expect(runs.filter(({ run: name }) => name === 'hard')).toHaveLength(13);
  });

  it.each([
    [`${ADD};@ call add(1, 2) = 4`, 'expected the code to return 4, but it returned 3'],
    [
      `${ADD};@ call add(1, 2) preserves rax`,
      'expected the code to preserve rax, but it breaks a duty: changes rax',
    ],
    [
      `f:\n mov ebx, 1\n ret\n;@ call f() follows`,
      'expected the code to follow sysv, but it breaks a duty: rbx is not preserved',
    ],
    [
      `f:\n nop\n ret\n;@ call f() within 1 instruction`,
      'expected the code to run within 1 instructions, but it ran 2',
    ],
    [`f:\n ret\n;@ call f() faults read`, 'expected the code to fault read, but it returned'],
    [
      `f:\n ret\n;@ call f() killed SIGILL`,
      'expected the code to be killed by SIGILL, but it returned',
    ],
    [
      `f:\n ret\n;@ call f() denied by mdwe/gain-exec`,
      'expected the code to be denied by mdwe/gain-exec, but no policy refused anything',
    ],
    [
      `;@ buffer b = 4\nf:\n mov byte ptr [rdi], 1\n ret\n;@ call f(@b) leaves @b = 02`,
      'expected the code to leave b as given, but b[0] is 1 instead of 2',
    ],
    [
      `;@ buffer b = 4\nf:\n mov al, [rdi-1]\n ret\n;@ call f(@b) touches only b`,
      'expected the code to touch only b, but it loads 1 byte',
    ],
  ])('says what is not so: %j', async (text, message) => {
    expect(await failuresOf(text)).toEqual([expect.stringContaining(message)]);
  });

  it('fails for an end or a denial that no check names', async () => {
    expect(await failuresOf('f:\n ud2\n;@ call f() touches only code')).toEqual([
      expect.stringContaining('the code did not return: it was killed by SIGILL'),
    ]);
    const denied = `;@ policy mdwe\nf:\n mov eax, SYS_mprotect\n lea rdi, [rip+f]\n and rdi, -4096\n mov esi, 4096\n mov edx, 7\n syscall\n mov eax, 1\n ret\n;@ call f() = 1`;
    expect(await failuresOf(denied)).toEqual(['no call expects this denial']);
  });

  it('knows i386 and its conventions', async () => {
    const text = `;@ arch i386\n;@ abi fastcall\nf:\n lea eax, [ecx+edx]\n ret\n;@ call f(40, 2) = 42\n;@ abi cdecl\ng:\n mov eax, [esp+4]\n ret\n;@ call g(-1) = -1\n`;
    expect(await failuresOf(text)).toEqual([]);
  });

  it.each([
    ['calls f() = 1', "unknown directive of a file with calls 'calls'"],
    ['call f = 1', "'f = 1' is no call"],
    ['call g() = 1', "unknown label 'g'"],
    ['call f() preservs rbx', "did you mean 'preserves'?"],
    ['call f() preserves', "'preserves' needs a word after it"],
    ['call f()', 'nothing is said of the call'],
    ['call f() = x', "'x' is no value"],
    ['call f(i23 1) = 1', "unknown type 'i23'"],
    ['call f(@nothing) = 1', "unknown buffer 'nothing'"],
    ['call f() faults wriet', "did you mean 'write'?"],
    ['call f() killed SIGIL', "did you mean 'SIGILL'?"],
    ['call f() denied by mdwe/gainexec', 'mdwe/gain-exec'],
    ['call f() within 3', "expected 'within N instructions'"],
    ['hard: call f() = 1', "unknown run 'hard'"],
    ['abi sysvi', "did you mean 'sysv'?"],
    ['policy nyx', "did you mean 'nx'?"],
    ['buffer b', "expected 'buffer NAME = LENGTH'"],
    ['exited 0', "unknown directive of a file with calls 'exited'"],
  ])('refuses ;@ %s', async (directive, message) => {
    const problems = await problemsOf(`;@ call f() = 0\nf:\n ret\n;@ ${directive}\n`);
    expect(problems).toEqual([expect.stringContaining(message)]);
    expect(problems[0]).toMatch(/^4: /);
  });

  it('says where the assembly is wrong, together with the directives', async () => {
    expect(await problemsOf('f:\n mvo eax, 1\n;@ call f() = 0\n;@ call f() sees\n')).toHaveLength(
      2,
    );
  });

  it('is reported as JUnit and TAP, one test for each call', async () => {
    const report = await run(`${ADD};@ call add(1, 2) = 3\n;@ call add(2, 2) = 5\n`);
    const tap = tapReport([report]);
    expect(tap).toContain(
      '1..2\nok 1 - suite.s add(1, 2) = 3/nx\nnot ok 2 - suite.s add(2, 2) = 5/nx',
    );
    expect(junitReport([report])).toContain('tests="2" failures="1" errors="0"');
  });
});
