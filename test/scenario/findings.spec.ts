/** What monitors found, as expectations: named and missing fails, named as never and found fails, else neither. */
import { describe, expect, it } from 'vitest';
import { differences, lesson, mistakes } from './files.js';

/** A page with all rights, filled and called. */
const code = (store: string, end: string): string => `_start:
    xor edi, edi
    mov esi, 4096
    mov edx, PROT_READ | PROT_WRITE | PROT_EXEC
    mov r10d, MAP_PRIVATE | MAP_ANONYMOUS
    mov r8, -1
    xor r9d, r9d
    mov eax, SYS_mmap
    syscall
    mov byte ptr [rax], 0xc3 ${store}
    call rax
    xor edi, edi
    mov eax, SYS_exit_group
    syscall
    ;@ exited 0
    ${end}`;
const TABLE = '| policy | outcome | why |\n|---|---|---|\n| plain | works | |';
const differ = (store: string, end: string) =>
  differences(lesson(code(store, end), { table: TABLE }));

describe('a finding', () => {
  it.each([
    ['', ''],
    [';@ finding executed-after-write', ';@ anywhere finding writable-and-executable'],
    ['', ';@ never finding unchecked-result'],
    ['', ';@ plain: never finding alias-left-behind'],
  ])('that is as expected passes: %j, %j', async (store, end) => {
    expect(await differ(store, end)).toEqual([]);
  });

  it('that is missing, at its instruction or at all, fails and shows the others', async () => {
    const found = await differ(
      ';@ finding writable-and-executable',
      ';@ anywhere finding unchecked-result',
    );
    expect(found).toEqual([
      expect.stringMatching(/^plain 18: this was not found: writable-and-executable: mmap made 0x/),
      expect.stringMatching(/^plain 24: this was not found: .*; executed-after-write: /),
    ]);
  });

  it('that must not be fails, with the instruction', async () => {
    expect(await differ('', ';@ never finding executed-after-write')).toEqual([
      expect.stringMatching(
        /^plain 24: it happened all the same: executed at 0x.* after a store at 0x/,
      ),
    ]);
  });
});

describe('executed-after-write', () => {
  it.each([
    ['windows', 'plain: dep'],
    ['wine', 'plain: nx'],
    ['kernel', 'plain: nx'],
  ])('cannot be asked for, nor ruled out, where nobody looks for it: os %s', async (os, policy) => {
    const front = `os: ${os}\npolicies:\n  ${policy}`;
    const page = (directive: string) => mistakes(lesson(`ret ;@ ${directive}`, { front }));
    const message = `'executed-after-write' is looked for in programs of linux only, and these are of ${os}`;
    for (const prefix of ['', 'anywhere ', 'never ']) {
      expect(await page(`${prefix}finding executed-after-write`)).toContainEqual(
        expect.stringContaining(message),
      );
    }
    expect((await page('never finding writable-and-executable')).join()).not.toContain(
      'looked for',
    );
  });
});

describe('a mistake in the directive', () => {
  it.each([
    ['finding', "'finding' needs a word after it"],
    ['anywhere finding executed-after-writ', "did you mean 'executed-after-write'?"],
    ['never findings unchecked-result', "did you mean 'finding'?"],
    ['finding unchecked-result by mdwe/gain-exec', "a finding has no rule: leave out 'by'"],
    ['finding unchecked-result twice', "unexpected 'twice' after 'finding unchecked-result'"],
  ])('is named: %s', async (directive, message) => {
    const found = await mistakes(lesson(code('', `;@ ${directive}`), { table: TABLE }));
    expect(found.join('\n')).toContain(message);
  });
});
