import { describe, expect, it } from 'vitest';
import {
  addHistory,
  historyOf,
  joinHistory,
  type VmaHistory,
  whoTookMay,
  whoTookRight,
} from '../../src/memory/history.js';
import { BASE, makeSpace, mapAt, PAGE } from '../os/linux/mm/fake-memory.js';

const entry = (cause: string): VmaHistory => ({
  cause,
  startPage: 0,
  endPage: 10,
  before: 1,
  after: 1,
});
const made = (cause: string): VmaHistory => ({ ...entry(cause), before: undefined });

describe('history', () => {
  it('stays bounded and keeps how the mapping came to be', () => {
    let history = addHistory([], made('mmap'));
    for (let i = 0; i < 1000; i++) history = addHistory(history, entry(`mprotect ${i}`));
    expect(history.length).toBeLessThan(50);
    expect(history[0]!.cause).toBe('mmap');
    expect(history.at(-1)!.cause).toBe('mprotect 999');
  });

  it('keeps the first page’s story when a heap or a stack grows in many steps', () => {
    const { mm } = makeSpace();
    mm.setBrk(BASE);
    for (let i = 1n; i < 500n; i++) {
      mm.cause = `brk ${i}`;
      mm.brk(BASE + i * PAGE);
    }
    expect(mm.history(BASE).map(({ cause }) => cause)).toEqual(['brk 1']);
    expect(mm.history(BASE + 498n * PAGE).map(({ cause }) => cause)).toEqual(['brk 499']);
    mm.cause = 'exec';
    const stack = mm.mapStack(0n, 'disable');
    for (let i = 1n; i < 500n; i++) mm.load(stack.start - i * PAGE, 1);
    expect(mm.history(stack.end - 1n).map(({ cause }) => cause)).toEqual(['exec']);
    expect(mm.history(stack.start - 499n * PAGE).map(({ cause }) => cause)).toEqual([
      'stack growth',
    ]);
  });

  it('joins without repeating what both had', () => {
    const common = made('mmap');
    const joined = joinHistory([common, entry('a')], [common, entry('b')], 5);
    expect(joined.map(({ cause }) => cause)).toEqual(['mmap', 'a', 'b']);
  });

  it('tells of one page only what was about it', () => {
    const low = { ...entry('low'), endPage: 5 };
    expect(historyOf([low, entry('all')], 7).map(({ cause }) => cause)).toEqual(['all']);
  });

  it('follows an address through splits and merges', () => {
    const { mm } = makeSpace();
    const call = (cause: string, act: () => void): void => {
      mm.cause = cause;
      act();
    };
    call('mmap a', () => mapAt(mm, BASE, 2));
    call('mmap b', () => mapAt(mm, BASE + 2n * PAGE, 2));
    call('to rx', () => mm.mprotect(BASE + PAGE, 2n * PAGE, 5n));
    call('to rw', () => mm.mprotect(BASE + PAGE, PAGE, 3n));
    const causes = (page: bigint): string[] =>
      mm.history(BASE + page * PAGE).map(({ cause }) => cause);
    expect([0n, 1n, 2n, 3n].map(causes)).toEqual([
      ['mmap a'],
      ['mmap a', 'to rx', 'to rw'],
      ['mmap b', 'to rx'],
      ['mmap b'],
    ]);
    expect(mm.history(BASE + 4n * PAGE)).toEqual([]);
  });
});

describe('who took a right', () => {
  const by = (rule: string, rights: number): Pick<VmaHistory, 'taken'> => ({
    taken: [{ policy: 'p', rule, reason: 'r', rights }],
  });
  const EXEC = 4;
  const MAY_EXEC = 0x40;
  const ACCESS = 7;
  /** Mapped rwx, of which only rw was given. */
  const narrowed: VmaHistory = { ...made('mmap'), after: 3, ...by('p/a', EXEC | MAY_EXEC) };

  it('is told by the entries of that page', () => {
    const history = [
      { ...narrowed, endPage: 5 },
      { ...made('mmap'), startPage: 5 },
    ];
    expect(whoTookMay(history, 4, MAY_EXEC)).toEqual({
      kind: 'taken',
      policy: 'p',
      rule: 'p/a',
      reason: 'r',
    });
    expect(whoTookMay(history, 5, MAY_EXEC)).toBe(undefined);
    expect(whoTookMay(history, 4, 0x20)).toBe(undefined);
  });

  it('of may bits stays whatever the program asks for later, of rights does not', () => {
    const readOnly: VmaHistory = { ...entry('mprotect'), before: 3, after: 1 };
    expect(whoTookRight([narrowed], 4, EXEC, ACCESS)?.rule).toBe('p/a');
    expect(whoTookRight([narrowed, readOnly], 4, EXEC, ACCESS)).toBe(undefined);
    expect(whoTookMay([narrowed, readOnly], 4, MAY_EXEC)?.rule).toBe('p/a');
  });

  it('is still known when the memory has moved', () => {
    const moved: VmaHistory = { ...made('mremap'), after: 3 };
    expect(whoTookRight([narrowed, moved], 4, EXEC, ACCESS)?.rule).toBe('p/a');
  });

  it('is nobody of the pages beside it, whose own history begins where theirs ends', () => {
    const old = { ...narrowed, startPage: 0, endPage: 10 };
    const fresh: VmaHistory = { ...made('mmap again'), startPage: 5, endPage: 10 };
    const joined = joinHistory([old], [fresh], 5);
    expect(whoTookMay(joined, 4, MAY_EXEC)?.rule).toBe('p/a');
    expect(whoTookMay(joined, 7, MAY_EXEC)).toBe(undefined);
    expect(historyOf(joined, 7).map(({ cause }) => cause)).toEqual(['mmap again']);
  });
});
