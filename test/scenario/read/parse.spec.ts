import { describe, expect, it } from 'vitest';
import { directiveStart, parseCheck, splitRuns } from '../../../src/scenario/read/directive.js';
import { parseFrontMatter } from '../../../src/scenario/read/front-matter.js';
import { loadScenario } from '../../../src/scenario/read/load.js';
import { Problems } from '../../../src/scenario/read/scenario-error.js';
import { include, lesson, mistakes, run } from '../files.js';

const EXIT = `_start:
    mov edi, 0
    mov eax, SYS_exit_group
    syscall
    ;@ exited 0`;

describe('front matter', () => {
  it('reads texts, quoted texts, lists and maps', () => {
    const problems = new Problems('x.md');
    const lines = [
      'title: One # a comment',
      'stdin: "a # b\\n"',
      'sources: [one, "two, three"]',
      'policies:',
      '  - nx',
      'mounts:',
      '  /tmp: [noexec, ro]',
    ];
    const fields = parseFrontMatter(lines, 2, problems);
    expect(problems.list).toEqual([]);
    expect(fields.get('title')?.scalar).toEqual({ text: 'One', line: 2, column: 8 });
    expect(fields.get('stdin')?.scalar?.text).toBe('a # b\n');
    expect(fields.get('sources')?.list.map(({ text }) => text)).toEqual(['one', 'two, three']);
    expect(fields.get('policies')?.list).toEqual([{ text: 'nx', line: 6, column: 5 }]);
    expect(fields.get('mounts')?.map[0]?.values.map(({ text }) => text)).toEqual(['noexec', 'ro']);
  });
});

describe('a directive', () => {
  it.each([
    ['mov eax, 1 ;@ exited 0', 11],
    ['.ascii ";@ no"', -1],
    ['.ascii "a\\";@" ;@ yes', 15],
    ['nop # it\'s "open ;@ exited 0', 17],
    ["mov al, '\"' ;@ exited 0", 12],
    ['nop; nop', -1],
  ])('in %s begins at %i', (line, start) => {
    expect(directiveStart(line)).toBe(start);
  });

  it('names its runs before a colon', () => {
    expect(splitRuns(' a, b-c: exited 0 ')).toEqual({
      runs: ['a', 'b-c'],
      rest: 'exited 0',
      skipped: 9,
    });
    expect(splitRuns(' exited 0')).toEqual({ runs: undefined, rest: 'exited 0', skipped: 1 });
  });

  it('may be about a call, with the rule that decided', () => {
    expect(parseCheck('mprotect = EACCES by mdwe/gain-exec')).toEqual({
      check: { kind: 'call', name: 'mprotect', result: { kind: 'errno', errno: 'EACCES' } },
      rule: 'mdwe/gain-exec',
      where: 'here',
    });
    expect(parseCheck('never mmap = -0x10').check).toEqual({
      kind: 'call',
      name: 'mmap',
      result: { kind: 'value', value: -16n },
    });
  });

  it.each([
    ['exitd 0', "unknown directive 'exitd'", "did you mean 'exited'"],
    ['mprotekt = ok', "unknown system call 'mprotekt'", "did you mean 'mprotect'"],
    ['mmap = EACCESS', "'EACCESS' is no result", "did you mean 'EACCES'"],
    [
      'mmap = EACCES by mdwe/gain-exek',
      "unknown rule 'mdwe/gain-exek'",
      "did you mean 'mdwe/gain-exec'",
    ],
    ['fault exec SEGV_ACERR', "unknown fault code 'SEGV_ACERR'", "did you mean 'SEGV_ACCERR'"],
    ['fault execute', "unknown access 'execute'", 'exec'],
    ['killed SIGSEG', "unknown signal 'SIGSEG'", "did you mean 'SIGSEGV'"],
    ['exited 4294967296', "'4294967296' is no exit status", '0 to 4294967295'],
    ['exited 0 1', "unexpected '1'", 'exited 0'],
    ['stopped block', "unknown limit 'block'", "did you mean 'blocks'"],
    ['stdout text', 'expected stdout "text"', '\\n'],
    ['log "all"', 'only parts', 'log has'],
    ['never exited 0', "'never' goes with a call, a fault or a finding", 'never'],
    ['stdout "x" by mdwe/gain-exec', 'expected stdout', 'has'],
  ])('%s is refused with what was meant', (text, message, hint) => {
    expect(() => parseCheck(text)).toThrow(message);
    expect(() => parseCheck(text)).toThrow(hint);
  });
});

describe('a file', () => {
  it('is read into parts that stay apart', async () => {
    const text = lesson(EXIT, {
      table: '| policy | outcome | why |\n|---|---|---|\n| plain | works | - |\n\nEnd.',
    });
    const scenario = await loadScenario(text, { file: 'x.md', include });
    expect(scenario.parts.map(({ kind, text: each }) => [kind, each.split('\n')[0]])).toEqual([
      ['prose', 'Text.'],
      ['asm', '_start:'],
      ['table', '| policy | outcome | why |'],
      ['prose', 'End.'],
    ]);
    expect(scenario.parts[1]?.text).not.toContain(';@');
    expect(scenario.programs[0]?.expectations[0]?.anchor).toBe(12);
  });

  it('reports all its mistakes at once, in order, with line and column', async () => {
    const text = `---
titel: Wrong
policies:
  plain: nx
  hard: slinux
  selinux:execmem=deny
---
\`\`\`asm
_start:
    mvo eax, 1
    syscall             ;@ plain: mmpa = ok
    ;@ hrad: exited 0
    #@ exited 0
\`\`\`

| policy | outcome | why |
| --- | --- | --- |
| plain | wroks | \`mdwe/gain\` |
| other | works | |
`;
    const found = await mistakes(text);
    expect(found.map((each) => each.split(/[;,]/)[0])).toEqual([
      "1:1: the front matter has no 'title'",
      expect.stringMatching(/^2:1: unknown front matter key 'titel'/),
      expect.stringMatching(/^5:9: unknown policy 'slinux'/),
      expect.stringMatching(/^6:3: expected '- value' or 'name: value'/),
      expect.stringMatching(/^10:5: unknown mnemonic 'mvo'/),
      expect.stringMatching(/^11:35: unknown system call 'mmpa'/),
      expect.stringMatching(/^12:7: unknown run 'hrad'/),
      "13:5: a directive begins with '",
      expect.stringMatching(/^18:11: unknown outcome 'wroks'/),
      expect.stringMatching(/^18:19: unknown rule 'mdwe\/gain'/),
      expect.stringMatching(/^19:3: unknown run 'other'/),
    ]);
  });

  it.each([
    ['no front matter', '# Title\n', '1:1: a scenario begins with front matter'],
    ['front matter without end', '---\ntitle: x\n', '1:1: the front matter has no end'],
    ['no program', '---\ntitle: x\npolicies: nx\n---\n', 'no program'],
    ['no expectations', lesson('_start:\n nop'), "9:1: program 'main' has no expectations"],
    [
      'no ending',
      lesson('_start:\n syscall ;@ mmap = ok'),
      "9:1: run 'plain' of program 'main' has no ending",
    ],
    ['two endings', lesson(`${EXIT}\n ;@ exited 1`), "14:1: run 'plain' has two endings"],
    ['no _start', lesson('nop\n ;@ exited 0'), "no label '_start'"],
    [
      'an unknown label',
      lesson(`${EXIT}\n ;@ fault exec at nowhere`),
      "14:5: the program has no label 'nowhere'",
    ],
    [
      'a call before all instructions',
      lesson(`;@ mmap = ok\n${EXIT}`),
      '9:4: no instruction stands here',
    ],
    [
      'a run without name',
      lesson(EXIT, { front: 'policies:\n  - selinux:execmem=deny' }),
      'needs a name',
    ],
    [
      'a block without end',
      '---\ntitle: x\npolicies: nx\n---\n```asm\n_start:\n ;@ exited 0\n',
      '5:1: this block has no end',
    ],
    [
      'an unknown program in the table',
      lesson(EXIT, {
        table: '| program | policy | outcome | why |\n|-|-|-|-|\n| min | plain | works | |',
      }),
      "unknown program 'min'",
    ],
    [
      'a bad seed',
      lesson(EXIT, { front: 'policies: nx\nseed: many' }),
      "'many' is no whole number",
    ],
  ])('with %s is refused', async (_what, text, message) => {
    expect((await mistakes(text)).join('\n')).toContain(message);
  });
});

describe('the name of a program', () => {
  it.each([
    ['of the guest', '', 'tmp'],
    ['that the file mounts', '\nmounts:\n  /opt: [noexec]', 'opt'],
  ])('may not be that of a folder %s', async (_whose, mounts, name) => {
    const front = `policies:\n  plain: nx${mounts}`;
    const text = lesson(EXIT, { front }).replace('```asm', `\`\`\`asm ${name}`);
    const line = text.split('\n').indexOf('_start:') + 1;
    const { runs, problems } = await run(text);
    expect(runs).toEqual([]);
    expect(problems).toEqual([
      expect.objectContaining({
        file: 'x.md',
        line,
        column: 1,
        message: `program '${name}' cannot start: file '/${name}': is a directory`,
      }),
    ]);
  });
});

describe('a plain source', () => {
  it('carries its policies in directives', async () => {
    const text = `;@ title Exit\n;@ policy hard: selinux:execmem=deny\n;@ policy nx\n${EXIT}`;
    const scenario = await loadScenario(text, { file: 'x.s', include });
    expect(scenario.title).toBe('Exit');
    expect(scenario.runs.map(({ name, policy }) => [name, policy])).toEqual([
      ['hard', 'selinux:execmem=deny'],
      ['nx', 'nx'],
    ]);
  });

  it('runs under nx when it names none', async () => {
    const scenario = await loadScenario(EXIT, { file: 'x.s', include });
    expect(scenario.runs.map(({ policy }) => policy)).toEqual(['nx']);
  });

  it('has its mistakes at their places too', async () => {
    expect(await mistakes(`;@ arch i368\n;@ policy nxx\n${EXIT}`, 'x.s')).toEqual([
      expect.stringMatching(/^1:9: unknown arch 'i368'/),
      expect.stringMatching(/^2:11: unknown policy 'nxx'/),
    ]);
  });
});
