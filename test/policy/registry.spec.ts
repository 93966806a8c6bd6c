import { describe, expect, it } from 'vitest';
import { MayexecError } from '../../src/base/errors.js';
import { VM_EXEC, VM_MAYEXEC } from '../../src/os/linux/mm/vmas/vma.js';
import { definePolicy } from '../../src/policy/define.js';
import {
  describePolicy,
  listMechanisms,
  listPolicies,
  parsePolicy,
  resolvePolicies,
} from '../../src/policy/registry.js';
import { PolicyStack } from '../../src/policy/stack.js';
import { facts, mapping, text } from './support.js';

describe('parsePolicy', () => {
  it('takes a name, options and several policies', () => {
    const set = parsePolicy('nx + mdwe:no-inherit=on,kernel=6.6+wx');
    expect(set.spec).toBe('nx+mdwe:no-inherit=on,kernel=6.6+wx');
    expect(set.policies.map((policy) => policy.name)).toEqual(['nx', 'mdwe', 'wx']);
    expect(set.mmInit.mdwe).toBe(3);
  });

  it.each([
    ['slinux', /unknown policy 'slinux': expected one of none, nx, wx/],
    ['NX', /unknown policy 'NX'.*did you mean 'nx'/s],
    ['', /lacks a name/],
    ['nx+', /lacks a name/],
    ['mdwe:', /no option of 'mdwe'.*KEY=VALUE/s],
    ['mdwe:no-inherit', /'no-inherit' is no option.*KEY=VALUE/s],
    ['mdwe:no-inherit=', /KEY=VALUE/],
    ['mdwe:no-inherrit=on', /no-inherrit.*no-inherit, enforce, kernel.*did you mean 'no-inherit'/s],
    ['mdwe:no-inherit=of', /mdwe:no-inherit 'of'.*on, off.*did you mean/s],
    ['mdwe:kernel=new', /mdwe:kernel 'new'.*6\.12/s],
    ['mdwe:enforce=on,enforce=off', /'enforce'.*twice/],
    ['nx+nx', /'nx' twice/],
    ['wx:strict=on', /'wx' takes no options.*'strict'/],
  ])('refuses %j and says what is right', (spec, message) => {
    expect(() => parsePolicy(spec)).toThrow(MayexecError);
    expect(() => parsePolicy(spec)).toThrow(message);
  });

  it.each([
    ['none', false],
    ['nx', true],
    ['none+nx', true],
    ['nx+none', true],
    ['none+mdwe', false],
    ['mdwe', true],
  ])('%s: NX is %s (a policy only takes away)', (spec, nx) => {
    expect(parsePolicy(spec).nx).toBe(nx);
  });

  it('has the opt-in state of named policies in force, and of no others', () => {
    expect(parsePolicy('nx').mmInit).toEqual({ restrictedWx: false, mdwe: 0 });
    expect(parsePolicy('mdwe').mmInit).toEqual({ restrictedWx: false, mdwe: 1 });
    expect(parsePolicy('restricted-wx').mmInit).toEqual({ restrictedWx: true, mdwe: 0 });
    expect(parsePolicy('mdwe:enforce=off').mmInit.mdwe).toBe(0);
    expect(parsePolicy('restricted-wx:enforce=off').mmInit.restrictedWx).toBe(false);
  });

  it('obeys PR_SET_MDWE under every Linux policy, as a kernel since 6.3 does', () => {
    const stack = new PolicyStack(parsePolicy('nx').policies);
    expect(text(stack.ask('mmapRegion', mapping('rwx'), facts()))).toBe('ok');
    expect(text(stack.ask('mmapRegion', mapping('rwx'), facts({ mdwe: 1 })))).toBe(
      'EACCES mdwe/write-exec',
    );
  });
});

describe('resolvePolicies', () => {
  const own = definePolicy({ name: 'own', syscall: () => undefined });

  it('takes a spec, a policy and lists of both', () => {
    expect(resolvePolicies('nx', 'i386').spec).toBe('nx');
    expect(resolvePolicies(own, 'i386').spec).toBe('own');
    expect(resolvePolicies(['nx+wx', own], 'i386').spec).toBe('nx+wx+own');
  });

  it.each([[[]], [['nx', 'nx']], [[own, own]], [7], [{}]])('refuses %j', (choice) => {
    expect(() => resolvePolicies(choice as never, 'x86-64')).toThrow(MayexecError);
  });
});

describe('listPolicies', () => {
  it('has a full page for every policy', () => {
    for (const info of listPolicies()) {
      expect(describePolicy(info.name)).toBe(info);
      for (const field of ['summary', 'optIn', 'description', 'history'] as const) {
        expect(info[field], `${info.name}.${field}`).toMatch(/\w{3}/);
      }
      expect(info.source.length, `${info.name}.source`).toBeGreaterThan(0);
      expect(info.workarounds.length, `${info.name}.workarounds`).toBeGreaterThan(0);
    }
  });

  it('accepts every option with its default and with every value it names', () => {
    for (const info of listPolicies()) {
      const os = info.os[0]!;
      for (const option of info.options) {
        expect(option.values, `${info.name}:${option.name}`).toContain(option.default);
        for (const value of option.values) {
          const spec = `${info.name}:${option.name}=${value}`;
          expect(parsePolicy(spec, { arch: 'i386', os }).spec).toBe(spec);
        }
      }
    }
  });

  it('names every rule with its policy in front', () => {
    for (const info of listPolicies()) {
      for (const rule of Object.keys(info.rules)) {
        expect(rule).toMatch(new RegExp(`^${info.name}/[a-z0-9]+(-[a-z0-9]+)*$`));
      }
    }
  });

  it('has pages for what needs no choosing, which cannot be chosen', () => {
    const names = listMechanisms().map(({ name }) => name);
    expect(names).toEqual(['mseal', 'pkeys', 'noexec', 'read-implies-exec', 'lsm']);
    for (const info of listMechanisms()) {
      const { summary, optIn, description, history, workarounds, source } = info;
      for (const text of [summary, optIn, description, history]) expect(text).not.toBe('');
      expect(Math.min(workarounds.length, source.length)).toBeGreaterThan(0);
      expect(() => parsePolicy(info.name)).toThrow(
        info.name === 'lsm'
          ? "'lsm' is no policy to choose: it is that of a kernel beside the program"
          : `'${info.name}' is no policy to choose: programs use it under every policy`,
      );
    }
  });

  it('throws for an unknown name with the nearest one', () => {
    expect(() => describePolicy('mdew')).toThrow(/did you mean 'mdwe'/);
  });
});

describe('definePolicy', () => {
  it('always gives a rule id and a reason', () => {
    const policy = definePolicy({
      name: 'no-exec',
      mmapRegion: ({ flags }) => (flags & VM_EXEC ? { reason: 'nothing may run' } : undefined),
    });
    expect(policy.mmapRegion?.(mapping('rw'), facts())).toEqual({ kind: 'allow' });
    expect(policy.mmapRegion?.(mapping('rx'), facts())).toEqual({
      kind: 'deny',
      errno: 'EACCES',
      rule: 'no-exec/mmap-region',
      reason: 'nothing may run',
    });
  });

  it('can strip bits, kill, note, and choose errno and rule', () => {
    const answers = [
      [{ clear: VM_MAYEXEC }, 'narrow rw RW'],
      [{ kill: 'SIGKILL', rule: 'dead' }, 'kill SIGKILL p/dead'],
      [{ note: true }, 'note p/mmap-flags'],
      [{ errno: 'EPERM', rule: 'no-way' }, 'EPERM p/no-way'],
    ] as const;
    for (const [answer, expected] of answers) {
      const policy = definePolicy({ name: 'p', mmapFlags: () => ({ ...answer, reason: 'why' }) });
      expect(text(policy.mmapFlags?.(mapping('rwx'), facts()))).toBe(expected);
    }
  });

  it.each([
    [{ name: 'No Exec', syscall: () => undefined }, /'No Exec'.*kebab/],
    [{ name: 'p' }, /no hook.*mmapRegion/],
    [{ name: 'p', mmapregion: () => undefined }, /mmapregion.*did you mean 'mmapRegion'/s],
    [{ name: 'p', syscall: 'deny' }, /'syscall'.*function/],
  ])('refuses %j', (input, message) => {
    expect(() => definePolicy(input as never)).toThrow(MayexecError);
    expect(() => definePolicy(input as never)).toThrow(message);
  });

  it.each([
    [{ errno: 'EPERM' }, /without a reason/],
    [
      { reason: 'r', errno: 'EACCESS' },
      /^hook 'syscall' of policy 'p' answers the unknown errno 'EACCESS': expected a name such as EACCES$/,
    ],
    [{ reason: 'r', rule: 'Bad Rule' }, /kebab/],
    [{ reason: 'r', clear: 0x100 }, /no rights/],
    [{ reason: 'r', clear: VM_EXEC }, /no flags/],
    [{ reason: 'r', kill: 'dead' }, /SIGKILL/],
    [{ reason: 'r', kill: 'SIGKILL', errno: 'EPERM' }, /several/],
    [{ reason: 'r', ruel: 'x' }, /ruel.*rule/s],
    [true, /true.*reason/],
  ])('refuses the answer %j of a hook', (answer, message) => {
    const policy = definePolicy({ name: 'p', syscall: () => answer as never });
    expect(() => policy.syscall?.('mmap', [], facts())).toThrow(MayexecError);
    expect(() => policy.syscall?.('mmap', [], facts())).toThrow(message);
  });

  it('says which hook threw', () => {
    const cause = new Error('inside');
    const policy = definePolicy({
      name: 'p',
      syscall: () => {
        throw cause;
      },
    });
    const expected = new MayexecError("hook syscall of policy 'p' threw: inside", { cause });
    expect(() => policy.syscall?.('mmap', [], facts())).toThrow(expected);
  });
});
