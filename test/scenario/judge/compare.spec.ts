import { describe, expect, it } from 'vitest';
import { differences, lesson, run } from '../files.js';

/** Asks for execution of fresh memory, looks at nothing, jumps there, or not, and ends. */
const ask = (after: string): string => `_start:
    xor edi, edi
    mov esi, 4096
    mov edx, PROT_READ | PROT_WRITE
    mov r10d, MAP_PRIVATE | MAP_ANONYMOUS
    mov r8, -1
    xor r9d, r9d
    mov eax, SYS_mmap
    syscall
    mov rbx, rax
    mov byte ptr [rbx], 0xc3
    mov rdi, rbx
    mov esi, 4096
    mov edx, PROT_READ | PROT_EXEC
    mov eax, SYS_mprotect
    syscall                          ${after}
    ;@ exited 0`;

const EXIT = `
    xor edi, edi
    mov eax, SYS_exit_group
    syscall`;

const under = (policy: string) => ({ front: `policies:\n  run: ${policy}` });
const table = (outcome: string, why = '') =>
  `| policy | outcome | why |\n|---|---|---|\n| run | ${outcome} | ${why} |`;

describe('expectations', () => {
  it('that hold make no difference', async () => {
    const text = lesson(ask(`;@ mprotect = EACCES by mdwe/gain-exec${EXIT}`), {
      ...under('mdwe'),
      table: table('falls back', '`mdwe/gain-exec`'),
    });
    expect(await differences(text)).toEqual([]);
  });

  it('fail on a denial that nothing names', async () => {
    const text = lesson(ask(EXIT), {
      ...under('mdwe'),
      table: table('falls back', '`mdwe/gain-exec`'),
    });
    expect(await differences(text)).toEqual([
      'run 24: unexpected denial of mprotect: mprotect = EACCES by mdwe/gain-exec',
    ]);
  });

  it('fail on a denial that does not come', async () => {
    const text = lesson(ask(`;@ mprotect = EACCES by mdwe/gain-exec${EXIT}`), {
      ...under('nx'),
      table: table('works'),
    });
    expect(await differences(text)).toEqual([
      'run 24: mprotect did not come to this: mprotect = 0',
    ]);
  });

  it('fail on another rule than the one named', async () => {
    const text = lesson(ask(`;@ mprotect = EACCES by selinux/execmem${EXIT}`), {
      ...under('mdwe'),
      table: table('falls back', '`mdwe/gain-exec`'),
    });
    expect(await differences(text)).toEqual([
      'run 24: mprotect did not come to this: mprotect = EACCES by mdwe/gain-exec',
    ]);
  });

  it('stand at their own instruction, not at another that makes the same call', async () => {
    const twice = ask(`;@ mprotect = 0
    mov eax, SYS_mprotect
    mov rsi, -1
    syscall                        ;@ mprotect = 0${EXIT}`);
    expect(await differences(lesson(twice, { ...under('nx'), table: table('works') }))).toEqual([
      'run 27: mprotect did not come to this: mprotect = ENOMEM',
    ]);
  });

  it('stand where a macro of an included file is used', async () => {
    const code = (result: string): string => `    .include "lib/x86-64-calls.inc"
_start:
    sys mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 ;@ mmap = ok
    sys mprotect, rax, 4096, 0x10                                    ;@ mprotect = ${result}
    finish 0
    ;@ exited 0`;
    const [good, bad] = [code('EINVAL'), code('ok')].map((each) =>
      lesson(each, { ...under('nx'), table: table('works') }),
    );
    expect(await differences(good!)).toEqual([]);
    expect(await differences(bad!)).toEqual([
      'run 12: mprotect did not come to this: mprotect = EINVAL',
    ]);
  });

  it('fail when a loop meets them once and then no more', async () => {
    const loop = `_start:
    mov ebx, 2
again:
    mov eax, SYS_close
    mov edi, ebx
    syscall                        ;@ close = 0
    inc ebx
    cmp ebx, 4
    jne again
    ;@ exited 0${EXIT}`;
    expect(await differences(lesson(loop, { ...under('nx'), table: table('works') }))).toEqual([
      'run 14: close went otherwise: close = EBADF',
    ]);
  });

  it.each([
    ['never mprotect = 0', 'it happened all the same: mprotect = 0'],
    ['anywhere mprotect = EPERM', 'mprotect did not come to this: mprotect = 0'],
    ['anywhere mremap = ok', 'mremap did not come to this: no such call was made'],
    ['fault write', 'the fault did not come: no fault'],
    ['stdout "x"', 'stdout differs: ""'],
    ['log has "denied"', 'log differs: ""'],
  ])('fail on %s where it is not so', async (expectation, message) => {
    const text = lesson(ask(`;@ ${expectation}${EXIT}`), { ...under('nx'), table: table('works') });
    expect(await differences(text)).toEqual([`run 24: ${message}`]);
  });

  it('fail on another ending', async () => {
    const text = lesson(ask(EXIT.replace('edi, edi', 'edi, edi\n inc edi')), {
      ...under('nx'),
      table: table('works'),
    });
    expect(await differences(text)).toEqual(['run 29: the run ended otherwise: exited 1']);
  });

  it('tell a program that waits for a signal from one that waits for itself', async () => {
    const waits = (call: string, end: string): string =>
      lesson(`_start:\n${call}    syscall\n    ;@ ${end}`, {
        ...under('nx'),
        table: table('crashes'),
      });
    const pause = '    mov eax, SYS_pause\n';
    const futex = `    push 0
    mov rdi, rsp
    mov esi, 128
    xor edx, edx
    xor r10d, r10d
    mov eax, SYS_futex\n`;
    expect(await differences(waits(pause, 'asleep'))).toEqual([]);
    expect(await differences(waits(futex, 'deadlock'))).toEqual([]);
    expect(await differences(waits(futex, 'asleep'))).toEqual([
      expect.stringContaining('the run ended otherwise: deadlock: 1000 in futex'),
    ]);
  });
});

describe('faults', () => {
  const jump = (expectation: string): string =>
    ask(`;@ mprotect = EACCES\n    call rbx      ${expectation}${EXIT}`).replace(
      'exited 0',
      'killed SIGSEGV',
    );
  const crash = { ...under('mdwe'), table: table('crashes', '`mdwe/gain-exec`') };

  it('are tied to the call that jumped', async () => {
    expect(await differences(lesson(jump(';@ fault exec SEGV_ACCERR'), crash))).toEqual([]);
    const other = jump('').replace('mov rbx, rax', 'call next ;@ fault exec\nnext:\n mov rbx, rax');
    expect(await differences(lesson(other, crash))).toContainEqual(
      expect.stringContaining('unexpected fault: fault exec SEGV_ACCERR by nx/no-exec in line 27'),
    );
  });

  it('are tied to the call where the target is a line of the program as well', async () => {
    const code = `_start:
    call thunk      ;@ fault exec at thunk
    ;@ killed SIGSEGV
    .data
thunk: ret`;
    const text = lesson(code, {
      table: '| policy | outcome | why |\n| --- | --- | --- |\n| plain | crashes | `nx/no-exec` |',
    });
    expect(await differences(text)).toEqual([]);
    const elsewhere = text.replace(/call thunk +(;@.*)/, 'call next $1\nnext: call thunk');
    expect(await differences(elsewhere)).toContainEqual(expect.stringContaining('unexpected'));
  });

  it('that nothing names fail', async () => {
    expect(await differences(lesson(jump(''), crash))).toEqual([
      'run 25: unexpected fault: fault exec SEGV_ACCERR by nx/no-exec in line 25',
    ]);
  });

  it('of data are tied to their instruction', async () => {
    const store = `_start:
    xor eax, eax
    mov [rax], eax                  ;@ fault write SEGV_MAPERR
    ;@ killed SIGSEGV SEGV_MAPERR`;
    expect(await differences(lesson(store, { ...under('nx'), table: table('crashes') }))).toEqual(
      [],
    );
    const read = store.replace('fault write', 'fault read');
    expect(
      await differences(lesson(read, { ...under('nx'), table: table('crashes') })),
    ).toHaveLength(2);
  });
});

describe('the table', () => {
  const good = ask(`;@ mprotect = EACCES by mdwe/gain-exec${EXIT}`);

  it.each([
    [
      'another outcome',
      table('works', '`mdwe/gain-exec`'),
      "the table says otherwise of 'run': falls back",
    ],
    [
      'no rule',
      table('falls back'),
      "another rule decided 'run' than its row says: mdwe/gain-exec",
    ],
    ['another rule', table('falls back', '`selinux/execmem`'), 'than its row says: mdwe/gain-exec'],
    ['no row', '', "has no row for 'run'"],
  ])('fails with %s', async (_what, written, message) => {
    const found = await differences(lesson(good, { ...under('mdwe'), table: written }));
    expect(found).toEqual([expect.stringContaining(message)]);
  });

  it('fails with a rule where nothing decided', async () => {
    const text = lesson(ask(EXIT), { ...under('nx'), table: table('works', '`mdwe/gain-exec`') });
    expect(await differences(text)).toEqual([expect.stringContaining('no rule decided')]);
  });
});

describe('protection-keys in front matter', () => {
  const code = `_start:
    xor edi, edi
    xor esi, esi
    mov eax, SYS_pkey_alloc
    syscall                          ;@ on: pkey_alloc = 1
${EXIT}
    ;@ exited 0`;
  const row = '| policy | outcome | why |\n|---|---|---|\n| on | works | |';

  it('gives the CPU protection keys', async () => {
    const front = 'policies:\n  on: nx\nprotection-keys: ';
    expect(await differences(lesson(code, { front: `${front}on`, table: row }))).toEqual([]);
    expect(await differences(lesson(code, { front: `${front}off`, table: row }))).toEqual([
      'on 14: pkey_alloc did not come to this: pkey_alloc = EINVAL',
    ]);
  });
});

describe('the outcome', () => {
  it('is held against a run where no mount forbids execution either', async () => {
    const code = `    .include "lib/x86-64-calls.inc"
_start:
    must open, path, O_RDWR | O_CREAT, 0600
    must mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, rax, 0 ;@ mmap = EPERM
    finish 0
    .data
path: .asciz "/tmp/x"
    ;@ exited 1`;
    const front = 'policies:\n  run: nx\nmounts:\n  /tmp: [noexec]';
    expect(await differences(lesson(code, { front, table: table('errors') }))).toEqual([]);
  });
});

describe('--update', () => {
  const good = ask(`;@ mprotect = EACCES by mdwe/gain-exec${EXIT}`);

  it('fills in outcome and rule, and leaves the sentence', async () => {
    const text = lesson(good, { ...under('mdwe'), table: table('?', 'it `selinux/execmem` is') });
    const { updated } = await run(text);
    expect(updated).toBe(
      text.replace('| ? |', '| falls back |').replace('selinux/execmem', 'mdwe/gain-exec'),
    );
    expect((await run(updated!)).updated).toBe(undefined);
  });

  it('adds a table or a row that is missing', async () => {
    const { updated } = await run(lesson(good, under('mdwe')));
    expect(updated).toContain(
      '| policy | outcome | why |\n| --- | --- | --- |\n| run | falls back | `mdwe/gain-exec` |',
    );
    expect(await differences(updated!)).toEqual([]);
  });

  it('writes traces', async () => {
    const text = lesson(good, {
      ...under('mdwe'),
      table: `${table('falls back', '`mdwe/gain-exec`')}\n\n\`\`\`trace run\nold\n\`\`\``,
    });
    const { updated, runs } = await run(text);
    expect(runs[0]?.differences[0]?.message).toContain('the trace differs');
    expect(updated).toMatch(
      /```trace run\nexecve[\s\S]*\+\+\+ exited with 0 \+\+\+\n```|```trace run\nmmap[\s\S]*\+\+\+ exited with 0 \+\+\+\n```/,
    );
    expect(await differences(updated!)).toEqual([]);
  });

  it('writes nothing that an expectation contradicts', async () => {
    const text = lesson(ask(EXIT), { ...under('mdwe'), table: table('works') });
    expect((await run(text)).updated).toBe(undefined);
  });
});

describe('several programs', () => {
  it('run under their policies, with rows of their own', async () => {
    const text = `---
title: Two
policies: [nx, mdwe]
---
\`\`\`asm one
_start: ${EXIT}
    ;@ exited 0
\`\`\`
\`\`\`asm two under:mdwe
_start: ud2
    ;@ killed SIGILL
\`\`\`
| program | policy | outcome | why |
| --- | --- | --- | --- |
| one | nx | works | |
| one | mdwe | works | |
| two | mdwe | crashes | |
`;
    expect(await differences(text)).toEqual([]);
    expect((await run(text)).runs.map((each) => `${each.program}/${each.run}`)).toEqual([
      'one/nx',
      'one/mdwe',
      'two/mdwe',
    ]);
  });
});
