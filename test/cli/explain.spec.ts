/** The page of an explanation: what it says of runs that were cut short, left out or never begun. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { explanationLines } from '../../src/cli/report/explain.js';
import { type Explanation, type Remedy, Sandbox } from '../../src/index.js';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await Sandbox.create();
});
afterAll(() => sandbox.close());

const remedy = (text: string, rest: Partial<Remedy> = {}): Remedy => ({
  kind: 'call',
  text,
  works: false,
  outcome: 'crashes',
  refused: undefined,
  limit: undefined,
  ...rest,
});

const explanation: Explanation = {
  policy: 'mdwe',
  class: 'errors',
  asked: 'mprotect(...) = -1 EACCES',
  above: undefined,
  byCall: true,
  pc: 0x400010n,
  rule: 'mdwe/gain-exec',
  reason: 'no gain',
  why: undefined,
  history: [],
  frames: [],
  unhindered: { kind: 'exit', code: 0 },
  remedies: [],
  untried: undefined,
};

const page = (changes: Partial<Explanation>, full = false): string => {
  const terminal = { isTerminal: false, width: 100, paint: (_style: string, text: string) => text };
  const lines = explanationLines(sandbox, { ...explanation, ...changes }, full, terminal);
  return lines.join('\n').replace(/\s+/g, ' ');
};

describe('the page of an explanation', () => {
  it.each([
    ['mdwe/gain-exec', explanation.asked, 'why mdwe refused it'],
    ['nx/no-exec', explanation.asked, 'why mdwe refused it'],
    ['mseal/sealed', explanation.asked, 'why mseal refused it'],
    ['lsm/execmem', explanation.asked, 'why the kernel beside the program refused it'],
    [undefined, explanation.asked, 'why the kernel refused it'],
    [undefined, `${explanation.asked} (INJECTED)`, 'a failure was injected'],
  ])('names in its heading who refused: rule %s of %s', (rule, asked, head) => {
    expect(page({ rule, asked })).toContain(`mayexec: ${head}, and what would work`);
  });

  it('says of a remedy that was cut short that it does not end', () => {
    const cut = remedy('flipping', { limit: 'blocks', refused: 'access refused by nx/no-exec' });
    expect(page({ remedies: [cut] })).toContain(
      'not flipping: does not end within the limit of blocks',
    );
  });

  it.each([
    [{ spent: 'blocks', limit: 40_000_000 }, '2 other ways: 40,000,000 blocks are spent'],
    [
      { spent: 'seconds', limit: 10 },
      '2 other ways: 10 seconds have passed, which depends on this machine',
    ],
    [
      { spent: 'memory', limit: 64 << 20 },
      '2 other ways: the program itself needs more than 64 MiB',
    ],
  ] as const)('says in one line what is left untried: %o', (spent, said) => {
    const untried = { ...spent, remedies: ['one', 'another'] };
    expect(page({ untried })).toContain(`untried ${said}`);
    expect(page({ untried }, true)).toContain('untried one; another: ');
  });

  it('says that nothing was tried of a program that dies without any policy too', () => {
    const unhindered = {
      kind: 'signal',
      signal: 'SIGILL',
      code: 'ILL_ILLOPN',
      address: 0n,
      pc: 0n,
    } as const;
    const text = page({ unhindered });
    expect(text).toContain(
      'works nothing was tried: without any policy the program is killed by SIGILL as well',
    );
    expect(text).not.toContain('each was run to see');
  });
});
