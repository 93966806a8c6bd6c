/** The rule, the prctl and the tricky cases of policies.md section 5, with what section 17 observed. */
import { describe, expect, it } from 'vitest';
import { PR_GET_MDWE, PR_SET_MDWE } from '../../../src/abi/linux/mman.js';
import { inheritedMdwe } from '../../../src/os/linux/mm/duplicate.js';
import { prctlMdwe } from '../../../src/policy/linux/mdwe.js';
import { parsePolicy } from '../../../src/policy/registry.js';
import { Sandbox } from '../../../src/sandbox/sandbox.js';
import { doMap, doProtect, facts, mapping, text, vma } from '../support.js';

const policy = parsePolicy('mdwe').policies[0]!;
const on = facts({ mdwe: 1 });
const RIGHTS = ['none', 'r', 'w', 'x', 'rw', 'rx', 'wx', 'rwx'] as const;

describe('mdwe: decision table', () => {
  it.each(RIGHTS)('mmap of %s: refused only when writable and executable', (rights) => {
    const request = mapping(rights === 'none' ? '' : rights);
    const expected = rights.includes('w') && rights.includes('x') ? 'EACCES mdwe/write-exec' : 'ok';
    expect(text(policy.mmapRegion?.(request, on))).toBe(expected);
    expect(text(policy.mmapRegion?.(request, facts({ mdwe: 3 })))).toBe(expected);
    expect(text(policy.mmapRegion?.(request, facts()))).toBe('ok');
  });

  it.each(RIGHTS.flatMap((before) => RIGHTS.map((after) => [before, after] as const)))(
    'mprotect %s to %s',
    (before, after) => {
      const old = vma(`${before === 'none' ? '' : before} RWX`);
      const gains = after.includes('x') && !before.includes('x');
      const both = after.includes('x') && after.includes('w');
      expect(doProtect(policy, old, after, on).result).toBe(gains || both ? 'EACCES' : 'ok');
      expect(doProtect(policy, old, after, facts()).result).toBe('ok');
    },
  );

  it('names the rule: W with X first, then the gain', () => {
    const old = vma('rw RWX');
    const ask = (flags: string) =>
      text(policy.mprotectRights?.(old, { range: old, prot: 0, flags: mapping(flags).flags }, on));
    expect(ask('rwx')).toBe('EACCES mdwe/write-exec');
    expect(ask('rx')).toBe('EACCES mdwe/gain-exec');
  });

  it('does not look at brk, the stack or mremap', () => {
    expect(policy.implicit).toBeUndefined();
    expect(policy.mremap).toBeUndefined();
  });

  it('tests shmat with SHM_EXEC as mmap', () => {
    expect(doMap(policy, mapping('rwxsS', { origin: 'shmat' }), on).result).toBe('EACCES');
    expect(doMap(policy, mapping('rxsS', { origin: 'shmat' }), on).result).toBe('ok');
  });

  it.each([
    ['6.3', 'mmapRegionPost'],
    ['6.11', 'mmapRegionPost'],
    ['6.12', 'mmapRegion'],
    ['6.18', 'mmapRegion'],
  ] as const)('kernel %s tests mmap at %s', (kernel, hook) => {
    const old = parsePolicy(`mdwe:kernel=${kernel}`).policies[0]!;
    expect(text(old[hook]?.(mapping('rwx'), on))).toBe('EACCES mdwe/write-exec');
    expect(old[hook === 'mmapRegion' ? 'mmapRegionPost' : 'mmapRegion']).toBeUndefined();
  });
});

describe('mdwe: tricky cases', () => {
  it.each([
    ['a', 'rw', ['rx'], ['EACCES']],
    ['b', 'rx', ['rw', 'rx'], ['ok', 'EACCES']],
    ['c', 'rx', ['r', 'rx'], ['ok', 'EACCES']],
    ['d', 'rx', ['rx'], ['ok']],
    ['e', 'rwx', ['rwx', 'rx'], ['EACCES', 'ok']],
  ])('%s: %s, then %s: %s', (_case, first, steps, results) => {
    let current = vma(`${first} RWX`);
    const got = steps.map((rights) => {
      const done = doProtect(policy, current, rights, on);
      current = done.vma;
      return done.result;
    });
    expect(got).toEqual(results);
  });

  it('j: a writable and an executable view of one object', () => {
    expect(doMap(policy, mapping('rwsS'), on).result).toBe('ok');
    expect(doMap(policy, mapping('rxsS'), on).result).toBe('ok');
  });

  it('keeps the bits in children unless NO_INHERIT is set', () => {
    expect([0, 1, 3].map(inheritedMdwe)).toEqual([0, 1, 0]);
  });
});

describe('prctl(PR_SET_MDWE)', () => {
  it.each([
    [0, [0n], 'ok 0'],
    [0, [1n], 'ok 0'],
    [0, [3n], 'ok 0'],
    [0, [2n], 'EINVAL'],
    [0, [4n], 'EINVAL'],
    [0, [1n << 63n], 'EINVAL'],
    [0, [1n, 1n], 'EINVAL'],
    [0, [1n, 0n, 0n, 1n], 'EINVAL'],
    [1, [1n], 'ok 0'],
    [3, [3n], 'ok 0'],
    [1, [3n], 'EPERM'],
    [1, [0n], 'EPERM'],
    [3, [1n], 'EPERM'],
    [1, [2n], 'EINVAL'],
  ])('with bits %i set, %s: %s', (current, args, expected) => {
    expect(show(prctlMdwe(PR_SET_MDWE, args, current))).toBe(expected);
  });

  it.each([
    [1, [0n, 0n, 0n, 0n], 'ok 1'],
    [3, [0n, 0n, 0n, 0n], 'ok 3'],
    [3, [1n], 'EINVAL'],
    [3, [0n, 0n, 0n, 1n], 'EINVAL'],
  ])('get with bits %i and %s: %s', (current, args, expected) => {
    expect(show(prctlMdwe(PR_GET_MDWE, args, current))).toBe(expected);
  });

  it.each([
    ['6.2', 1n, 'EINVAL'],
    ['6.5', 3n, 'EINVAL'],
    ['6.5', 1n, 'ok 0'],
    ['6.6', 3n, 'ok 0'],
  ])('kernel %s, bits %s: %s', (kernel, bits, expected) => {
    expect(show(prctlMdwe(PR_SET_MDWE, [bits], 0, kernel))).toBe(expected);
  });

  it('leaves other prctl options to the kernel', () => {
    expect(prctlMdwe(15, [0n], 0)).toBeUndefined();
  });
});

function show(result: ReturnType<typeof prctlMdwe>): string | undefined {
  return result?.ok ? `ok ${result.value}` : result?.errno;
}

describe('the call in a sandbox', () => {
  const set = (sandbox: Sandbox, bits: number) =>
    sandbox.syscall('prctl', PR_SET_MDWE, bits, 0, 0, 0);

  it('has the rules of the kernel that the policy names', async () => {
    using before = await Sandbox.create({ policy: 'mdwe:kernel=6.3,enforce=off' });
    expect(set(before, 3)).toEqual({ value: -1n, errno: 'EINVAL' });
    expect(set(before, 1)).toEqual({ value: 0n });
    using now = await Sandbox.create({ policy: 'nx' });
    expect(set(now, 3)).toEqual({ value: 0n });
    expect(set(now, 1)).toEqual({ value: -1n, errno: 'EPERM' });
    expect(now.syscall('prctl', PR_GET_MDWE, 0, 0, 0, 0)).toEqual({ value: 3n });
  });
});
