/** PAGE_* values as Microsoft's table of memory protection constants has them, and what ACG says of each change. */
import { describe, expect, it } from 'vitest';
import {
  allowedInView,
  basicProtection,
  checkedPrivate,
  checkedProtection,
  copied,
  hardwareRights,
  written,
} from '../../../src/os/windows/memory/protection.js';
import { WINDOWS_RULES } from '../../../src/os/windows/memory/rules.js';
import { judgeDynamicCode } from '../../../src/policy/windows/acg.js';

const [NOACCESS, READONLY, READWRITE, WRITECOPY] = [1, 2, 4, 8];
const [EXECUTE, EXECUTE_READ, EXECUTE_READWRITE, EXECUTE_WRITECOPY] = [0x10, 0x20, 0x40, 0x80];
const [GUARD, NOCACHE, WRITECOMBINE, TARGETS_INVALID] = [0x100, 0x200, 0x400, 0x4000_0000];

describe('a protection', () => {
  it.each([
    [READONLY, true],
    [EXECUTE_READWRITE | GUARD, true],
    [READWRITE | NOCACHE, true],
    [EXECUTE_READ | TARGETS_INVALID, true],
    [0, false],
    [READONLY | READWRITE, false],
    [NOACCESS | GUARD, false],
    [READWRITE | GUARD | NOCACHE, false],
    [READWRITE | NOCACHE | WRITECOMBINE, false],
    [READWRITE | TARGETS_INVALID, false],
    [READWRITE | 0x800, false],
  ])('%i of any memory', (protect, valid) => {
    expect(checkedProtection(WINDOWS_RULES, protect!).ok).toBe(valid);
    expect(checkedPrivate(WINDOWS_RULES, protect!).ok).toBe(valid);
  });

  it('of private memory is no copy', () => {
    for (const protect of [WRITECOPY!, EXECUTE_WRITECOPY!]) {
      expect(basicProtection(protect)).toBe(protect);
      expect(checkedProtection(WINDOWS_RULES, protect).ok).toBe(true);
      expect(checkedPrivate(WINDOWS_RULES, protect).ok).toBe(false);
    }
  });

  it.each([
    [NOACCESS, '', ''],
    [READONLY, 'r', 'rx'],
    [WRITECOPY, 'rw', 'rwx'],
    [READWRITE | GUARD!, '', ''],
    [EXECUTE, 'rx', 'rx'],
    [EXECUTE_WRITECOPY, 'rwx', 'rwx'],
    [0, '', ''],
  ])('%i lets a processor do this, with NX and without', (protect, nx, without) => {
    // HW_READ, HW_WRITE, HW_EXEC.
    const text = (bits: number): string =>
      ['r', 'w', 'x'].filter((_, n) => bits & (1 << n)).join('');
    expect(text(hardwareRights(protect!, true))).toBe(nx);
    expect(text(hardwareRights(protect!, false))).toBe(without);
  });

  it('begins and ends as a copy, its modifiers with it', () => {
    expect([READWRITE! | NOCACHE!, EXECUTE_READWRITE!, READONLY!].map(copied)).toEqual([
      WRITECOPY! | NOCACHE!,
      EXECUTE_WRITECOPY,
      READONLY,
    ]);
    expect([WRITECOPY! | NOCACHE!, EXECUTE_WRITECOPY!, EXECUTE_READ!].map(written)).toEqual([
      READWRITE! | NOCACHE!,
      EXECUTE_READWRITE,
      EXECUTE_READ,
    ]);
  });

  it.each([
    [READWRITE, READONLY, true],
    [READWRITE, EXECUTE_READ, false],
    [READONLY, READWRITE, false],
    [EXECUTE_READ, EXECUTE_READWRITE, false],
    [EXECUTE_READWRITE, EXECUTE_READWRITE, true],
    [READONLY, WRITECOPY, true],
    [NOACCESS, READONLY, false],
    [NOACCESS, NOACCESS, true],
  ])('of a view of %i: %i may follow: %s', (view, protect, allowed) => {
    expect(allowedInView(view!, protect!)).toBe(allowed);
  });
});

describe('ACG', () => {
  const [PROHIBIT, AUDIT] = [1, 8];

  it.each([
    ['new code', undefined, EXECUTE_READ, false, 'new-code'],
    ['new data', undefined, READWRITE, false, undefined],
    ['data that becomes code', READWRITE, EXECUTE_READ, false, 'gain-exec'],
    ['data of an image that becomes code', WRITECOPY, EXECUTE_READ, true, 'gain-exec'],
    ['code that becomes writable too', EXECUTE_READ, EXECUTE_READWRITE, false, 'write-exec'],
    ['code that becomes a copy', EXECUTE_READ, EXECUTE_WRITECOPY, true, 'write-exec'],
    ['code that stays code', EXECUTE_READ, EXECUTE, true, undefined],
    ['code of an image that becomes data', EXECUTE_READ, READWRITE, true, 'write-code'],
    ['private code that becomes data', EXECUTE_READ, READWRITE, false, undefined],
    ['data of an image that stays data', WRITECOPY, READWRITE, true, undefined],
    ['code of an image that becomes constant', EXECUTE_READ, READONLY, true, undefined],
  ])('%s', (_what, before, after, image, rule) => {
    const request = { what: 'protect', before, after: after!, image } as const;
    const verdict = (dynamicCode: number, threadOptsOut = false): object =>
      judgeDynamicCode({ dynamicCode, threadOptsOut }, request);
    const refused = rule === undefined ? { kind: 'allow' } : { kind: 'deny', rule: `acg/${rule}` };
    expect(verdict(PROHIBIT!)).toMatchObject(refused);
    const noted = rule === undefined ? { kind: 'allow' } : { kind: 'allow', rule: `acg/${rule}` };
    expect(verdict(AUDIT!)).toMatchObject(noted);
    expect(verdict(PROHIBIT! | AUDIT!)).toMatchObject(refused);
    expect(verdict(0)).toEqual({ kind: 'allow' });
    expect(verdict(PROHIBIT!, true)).toEqual({ kind: 'allow' });
  });
});
