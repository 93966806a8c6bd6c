/** A scenario may be anybody's: what is beyond all sense is refused in one line before anything is made of it. */
import { describe, expect, it } from 'vitest';
import { lesson, mistakes } from '../files.js';

const EXIT = `_start: mov eax, SYS_exit_group
    syscall
    ;@ exited 0`;

const many = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => line(index)).join('\n');

describe('a scenario', () => {
  it.each<[string, string, RegExp]>([
    ['characters', 'x'.repeat(2 << 20), /^1:1: a scenario has more than 1048576 characters$/],
    ['lines', '\n'.repeat(30_000), /^20001:1: a scenario has more than 20000 lines$/],
    ['a long line', `---\n${' '.repeat(20_000)}`, /^2:1: a scenario has a line of more than 10000/],
    ['directives', ';@\n'.repeat(6000), /^1:1: a scenario has more than 5000 directives$/],
    [
      'programs',
      lesson(many(200, (index) => `\`\`\`\n\`\`\`asm p${index}\n${EXIT}`)),
      /^1:1: a scenario has more than 100 programs$/,
    ],
    [
      'policies',
      lesson(EXIT, { front: `policies:\n${many(200, (index) => `  p${index}: nx`)}` }),
      /^1:1: a scenario has more than 100 policies$/,
    ],
  ])('of too many %s is refused at once', async (_, text, problem) => {
    const found = await mistakes(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(problem);
  });

  it('may not run without end', async () => {
    const front = 'policies: [nx]\nblocks: 4503599627370496';
    const text = lesson(EXIT, { front });
    expect(await mistakes(text)).toEqual([
      expect.stringMatching(
        /^\d+:1: blocks is 4503599627370496: expected an integer from 1 to 100000000/,
      ),
    ]);
  });
});
