/** The decision table, resolutions A1 to A11 and the tricky cases of policies.md section 4. */
import { describe, expect, it } from 'vitest';
import {
  PR_GET_RESTRICTED_WX,
  PR_SET_RESTRICTED_WX,
  PROT_EXEC,
  PROT_FINAL,
  PROT_READ,
  PROT_WRITE,
} from '../../../src/abi/linux/mman.js';
import { prctlRestrictedWx } from '../../../src/policy/linux/restricted-wx.js';
import { parsePolicy } from '../../../src/policy/registry.js';
import {
  change,
  doMap,
  doProtect,
  facts,
  letters,
  mapping,
  prot,
  text,
  vm,
  vma,
} from '../support.js';

const policy = parsePolicy('restricted-wx').policies[0]!;
const on = facts({ restrictedWx: true });
const off = facts();

/** may bits as '{mayW,mayX}' of the table. */
const may = (bits: string): string =>
  `R${bits.startsWith('1') ? 'W' : ''}${bits.endsWith('1') ? 'X' : ''}`;

describe('restricted-wx: decision table', () => {
  it.each([
    ['1,1', 'rwx', 'EACCES', '1,1'],
    ['1,1', 'wx', 'EACCES', '1,1'],
    ['1,1', 'rx', 'ok', '0,1'],
    ['1,1', 'x', 'ok', '0,1'],
    ['1,1', 'rw', 'ok', '1,0'],
    ['1,1', 'r', 'ok', '1,0'],
    ['1,1', 'w', 'ok', '1,0'],
    ['1,1', 'none', 'ok', '1,0'],
    ['0,1', 'rx', 'ok', '0,1'],
    ['0,1', 'r', 'ok', '0,1'],
    ['0,1', 'none', 'ok', '0,1'],
    ['0,1', 'rw', 'EACCES', '0,1'],
    ['1,0', 'rx', 'EACCES', '1,0'],
    ['0,0', 'r', 'ok', '0,0'],
    ['0,0', 'none', 'ok', '0,0'],
  ])('mprotect with {mayW,mayX} %s to %s: %s, then %s', (before, rights, result, after) => {
    const done = doProtect(policy, vma(may(before)), rights, on);
    expect(done.result).toBe(result);
    expect(letters(done.vma.flags & vm('RWX'))).toBe(may(after));
  });

  it.each([
    ['rwx', 'EACCES', ''],
    ['wx', 'EACCES', ''],
    ['rx', 'ok', 'rx RX'],
    ['x', 'ok', 'x RX'],
    ['rw', 'ok', 'rw RW'],
    ['r', 'ok', 'r RW'],
    ['', 'ok', 'RW'],
    ['r RW', 'ok', 'r RW'],
    ['r RX', 'ok', 'r RX'],
    ['rw RW', 'ok', 'rw RW'],
  ])('mmap of %j: %s %s', (rights, result, after) => {
    const done = doMap(policy, mapping(rights), on);
    expect(done.result).toBe(result);
    expect(letters(done.vma.flags)).toBe(after);
  });

  it('does nothing before the bit is set', () => {
    const done = doMap(policy, mapping('rwx'), off);
    expect([done.result, letters(done.vma.flags)]).toEqual(['ok', 'rwx RWX']);
    expect(doProtect(policy, vma('rw RWX'), 'rwx', off).result).toBe('ok');
    expect(text(policy.implicit?.(mapping('rwx', { origin: 'brk' }), off))).toBe('ok');
  });
});

describe('restricted-wx: resolutions', () => {
  it("A2: tests the caller's own W and X before any VMA is looked at", () => {
    const range = { start: 0n, end: 0x1000n };
    const ask = (rights: number): string => text(policy.mprotectArguments?.(rights, range, on));
    expect(ask(PROT_WRITE | PROT_EXEC)).toBe('EACCES restricted-wx/write-exec');
    expect(ask(PROT_READ | PROT_EXEC)).toBe('ok');
    expect(text(policy.mprotectArguments?.(prot('rwx'), range, off))).toBe('ok');
  });

  it('A2: tests W with an X that READ_IMPLIES_EXEC added, per VMA after the may bits', () => {
    const before = vma('rw RWX');
    const request = change(before, 'rwx', { prot: PROT_READ | PROT_WRITE });
    expect(text(policy.mprotectArguments?.(request.prot, request.range, on))).toBe('ok');
    expect(policy.mprotectRights).toBeUndefined();
    expect(text(policy.mprotect?.(before, request, on))).toBe('EACCES restricted-wx/write-exec');
    const map = mapping('rwx', { prot: PROT_READ | PROT_WRITE });
    expect(text(policy.mmapRegion?.(map, on))).toBe('EACCES restricted-wx/write-exec');
  });

  it('A6: a mapping older than the bit may change once more, in either direction', () => {
    const first = doProtect(policy, vma('rw RWX'), 'rx', on);
    expect([first.result, letters(first.vma.flags)]).toEqual(['ok', 'rx RX']);
    expect(doProtect(policy, first.vma, 'rw', on).result).toBe('EACCES');
  });

  it('A7: heap pages made under the bit never become executable; the stack is left alone', () => {
    expect(text(policy.implicit?.(mapping('rw', { origin: 'brk' }), on))).toBe('narrow rw RW');
    expect(text(policy.implicit?.(mapping('rwx', { origin: 'brk' }), on))).toBe('narrow rw RW');
    expect(text(policy.implicit?.(mapping('rwx', { origin: 'stack' }), on))).toBe('ok');
  });

  it('A11: shmat goes by the rules of mmap', () => {
    expect(doMap(policy, mapping('rwxsS', { origin: 'shmat' }), on).result).toBe('EACCES');
  });

  it.each([
    [PR_SET_RESTRICTED_WX, [1n, 0n, 0n, 0n], false, 'ok 0'],
    [PR_SET_RESTRICTED_WX, [1n, 0n, 0n, 0n], true, 'ok 0'],
    [PR_SET_RESTRICTED_WX, [0n, 0n, 0n, 0n], true, 'EPERM'],
    [PR_SET_RESTRICTED_WX, [0n, 0n, 0n, 0n], false, 'ok 0'],
    [PR_SET_RESTRICTED_WX, [2n, 0n, 0n, 0n], false, 'EINVAL'],
    [PR_SET_RESTRICTED_WX, [1n, 1n, 0n, 0n], false, 'EINVAL'],
    [PR_SET_RESTRICTED_WX, [0n, 0n, 0n, 1n], true, 'EINVAL'],
    [PR_GET_RESTRICTED_WX, [0n, 0n, 0n, 0n], true, 'ok 1'],
    [PR_GET_RESTRICTED_WX, [0n, 0n, 0n, 0n], false, 'ok 0'],
    [PR_GET_RESTRICTED_WX, [1n, 0n, 0n, 0n], false, 'EINVAL'],
  ])('A9: prctl 0x%s(%s) with the bit %s: %s', (option, args, state, expected) => {
    const result = prctlRestrictedWx(option, args, state);
    expect(result?.ok ? `ok ${result.value}` : result?.errno).toBe(expected);
  });

  it('A9: leaves other prctl options to the kernel', () => {
    expect(prctlRestrictedWx(15, [0n, 0n, 0n, 0n], false)).toBeUndefined();
  });
});

describe('restricted-wx: PROT_FINAL, with and without the bit', () => {
  const final = (rights: string, flags = mapping(rights).flags) =>
    mapping(rights, { prot: prot(rights || 'none') | PROT_FINAL, flags });

  it.each([
    ['rwx', off, 'rwx RWX'],
    ['rw', off, 'rw RW'],
    ['r', off, 'r R'],
    ['rx', off, 'rx RX'],
    ['x', off, 'x X'],
    ['', off, ''],
    ['rw', on, 'rw RW'],
    ['r', on, 'r R'],
    ['rx', on, 'rx RX'],
    ['', on, ''],
  ])('mmap of %j (bit %o): %s', (rights, given, after) => {
    expect(letters(doMap(policy, final(rights), given).vma.flags)).toBe(after);
  });

  it('is an error under the bit when writable and executable', () => {
    expect(doMap(policy, final('rwx'), on).result).toBe('EACCES');
  });

  it.each([
    ['RWX', 'r', 'r R'],
    ['rw RWX', 'rx', 'rx RX'],
    ['r RW', 'none', ''],
  ])('mprotect of %j to %s: %s', (before, rights, after) => {
    const old = vma(before);
    const request = change(old, rights, { prot: prot(rights) | PROT_FINAL });
    expect(letters(doProtect(policy, old, request, off).vma.flags)).toBe(after);
  });

  it('asks mm to accept the bit in mprotect', () => {
    expect(parsePolicy('restricted-wx').effects.acceptedProt).toBe(PROT_FINAL);
    expect(parsePolicy('nx').effects.acceptedProt).toBe(0);
  });

  it('follows the patched loader: data, read-only data and text end with the rights they have', () => {
    for (const [rights, end] of [
      ['rx', 'rx RX'],
      ['r', 'r R'],
      ['rw', 'rw RW'],
    ] as const) {
      const first = doMap(
        policy,
        final(rights.includes('w') ? rights : rights.replace('r', 'rw')),
        off,
      );
      const last = rights.includes('w')
        ? first
        : doProtect(
            policy,
            first.vma,
            change(first.vma, rights, { prot: prot(rights) | PROT_FINAL }),
            off,
          );
      expect([last.result, letters(last.vma.flags)]).toEqual(['ok', end]);
    }
  });
});

describe('restricted-wx: tricky cases', () => {
  /** Applies mprotects in turn to a mapping made with `first`; the results. */
  const run = (
    first: string,
    steps: readonly string[],
    start = doMap(policy, mapping(first), on).vma,
  ) => {
    let current = start;
    return steps.map((rights) => {
      const done = doProtect(policy, current, rights, on);
      current = done.vma;
      return done.result;
    });
  };

  it.each([
    ['a', 'rw', ['r', 'rx'], ['ok', 'EACCES']],
    ['b', 'rx', ['rw'], ['EACCES']],
    ['c', '', ['rw', 'rx'], ['ok', 'EACCES']],
    ['d', '', ['rx'], ['EACCES']],
    ['e (noexec mount)', 'rw RW', ['r', 'rw', 'rx'], ['ok', 'ok', 'EACCES']],
    ['f (read-only shared file)', 'r RXS', ['rx', 'r', 'rx'], ['ok', 'ok', 'ok']],
  ])('%s: mmap(%s), then %s: %s', (_case, first, steps, results) => {
    expect(run(first, steps)).toEqual(results);
  });

  it.each([
    ['g', ['rx', 'rw'], ['ok', 'EACCES']],
    ['h', ['rwx'], ['EACCES']],
  ])('%s: a mapping from before the bit, then %s: %s', (_case, steps, results) => {
    expect(run('', steps, vma('rw RWX'))).toEqual(results);
  });

  it('i: text made final cannot be reopened for relocation', () => {
    const text_ = vma('rx RX');
    expect(doProtect(policy, text_, 'rw', off).result).toBe('EACCES');
  });

  it('l: a final guard page stays unreadable', () => {
    const guard = doMap(policy, mapping('', { prot: PROT_FINAL }), off).vma;
    expect(doProtect(policy, guard, 'r', off).result).toBe('EACCES');
  });

  it('o: a refused VMA is unchanged, the one before it was changed', () => {
    const first = doProtect(policy, vma('r RWX'), 'rw', on);
    const second = doProtect(policy, vma('r RX'), 'rw', on);
    expect([first.result, letters(first.vma.flags)]).toEqual(['ok', 'rw RW']);
    expect([second.result, letters(second.vma.flags)]).toEqual(['EACCES', 'r RX']);
  });

  it('two mappings of one object work: one writable, one executable', () => {
    expect(letters(doMap(policy, mapping('rws RWXS'), on).vma.flags)).toBe('rws RWS');
    expect(letters(doMap(policy, mapping('rxs RWXS'), on).vma.flags)).toBe('rxs RXS');
  });
});
