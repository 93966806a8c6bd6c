/** dep, acg (Windows), hardened-runtime (macOS) and memfd-noexec: policies.md sections 7, 9.4 and 10.3. */

import { describe, expect, it } from 'vitest';
import { MayexecError } from '../../src/base/errors.js';
import { VM_EXEC, VM_JIT } from '../../src/os/linux/mm/vmas/vma.js';
import { MFD_EXEC, MFD_NOEXEC_SEAL, memfdFlags } from '../../src/policy/linux/memfd-noexec.js';
import { parsePolicy, resolvePolicies } from '../../src/policy/registry.js';
import { judgeDynamicCode } from '../../src/policy/windows/acg.js';
import { DEP_MODES, initialDep, NX_COMPAT } from '../../src/policy/windows/dep.js';
import { image } from './elf-fixture.js';
import { change, facts, mapping, object, text, vma } from './support.js';

const windows = (spec: string, arch: 'i386' | 'x86-64' = 'i386') =>
  parsePolicy(spec, { arch, os: 'windows' });

describe('policies of another system', () => {
  it.each(['dep', 'acg', 'dep:mode=optin', 'nx+acg'])(
    '%s is refused on linux, and says why',
    (spec) => {
      expect(() => parsePolicy(spec)).toThrow(MayexecError);
      expect(() => parsePolicy(spec)).toThrow(/governs Windows programs.*os 'linux'/);
    },
  );

  it('Linux policies are refused on windows, and accepted on wine', () => {
    expect(() => windows('selinux')).toThrow(/Linux and Wine.*os 'windows'/);
    expect(parsePolicy('selinux', { arch: 'i386', os: 'wine' }).policies[0]?.name).toBe('selinux');
  });
});

describe('a policy that the program cannot meet', () => {
  it.each([
    ['windows', 'mdwe', "; the same program runs under it with os 'wine'"],
    ['wine', 'acg', "; the same program runs under it with os 'windows'"],
    ['windows', 'dep,acg', "several policies are joined by '+', as 'dep+acg'"],
    ['linux', 'dep', 'governs Windows programs'],
  ] as const)('is told, with the way to go on: %s, %s', (os, spec, words) => {
    expect(() => resolvePolicies(spec, 'x86-64', os)).toThrow(words);
  });
});

describe('dep', () => {
  it.each([
    ['alwaysoff', 0, false],
    ['alwaysoff', NX_COMPAT, false],
    ['alwayson', 0, true],
    ['optin', 0, false],
    ['optin', NX_COMPAT, true],
    ['optout', 0, true],
  ] as const)('%s, DllCharacteristics 0x%x: %s', (mode, marks, on) => {
    expect(windows(`dep:mode=${mode}`).effects.depMode).toBe(mode);
    expect(initialDep(mode, 'i386', marks).on).toBe(on);
  });

  it('is always on for 64-bit programs, and permanent', () => {
    for (const mode of DEP_MODES) {
      expect(initialDep(mode, 'x86-64', 0)).toMatchObject({ on: true, permanent: true });
    }
  });

  it('says whether ATL thunks are carried out', () => {
    expect(windows('dep').effects.atlThunks).toBe(true);
    expect(windows('dep:atl=off').effects.atlThunks).toBe(false);
  });
});

describe('acg', () => {
  const enforced = { dynamicCode: 1, threadOptsOut: false };
  const asked = (
    what: 'allocate' | 'protect' | 'view',
    before: number | undefined,
    after: number,
    image = false,
    state = enforced,
  ) => judgeDynamicCode(state, { what, before, after, image });

  it.each([
    [0x40, 'allocate', 'EACCES acg/new-code'],
    [0x20, 'allocate', 'EACCES acg/new-code'],
    [0x04, 'allocate', 'ok'],
    [0x20, 'view', 'EACCES acg/new-code'],
    [0x04, 'view', 'ok'],
  ] as const)('protection 0x%x by %s: %s', (after, what, expected) => {
    const verdict = asked(what, undefined, after);
    expect(text(verdict)).toBe(expected);
    if (verdict.kind === 'deny') expect(verdict.status).toBe(0xc0000604);
  });

  it.each([
    [0x04, 0x20, false, 'EACCES acg/gain-exec'],
    [0x40, 0x40, false, 'EACCES acg/write-exec'],
    [0x20, 0x80, false, 'EACCES acg/write-exec'],
    [0x20, 0x20, false, 'ok'],
    [0x20, 0x02, true, 'ok'],
    [0x20, 0x04, true, 'EACCES acg/write-code'],
    [0x20, 0x04, false, 'ok'],
    [0x04, 0x02, false, 'ok'],
  ] as const)('from 0x%x to 0x%x (image: %s): %s', (before, after, isImage, expected) => {
    expect(text(asked('protect', before, after, isImage))).toBe(expected);
  });

  it.each([
    ['acg', 1],
    ['acg:audit=on', 8],
    ['acg:optout=on', 3],
    ['acg:remote=on', 5],
    ['acg:audit=on,optout=on,remote=on', 14],
  ])('%s begins as ProcessDynamicCodePolicy %i', (spec, bits) => {
    expect(windows(spec).effects.dynamicCode).toBe(bits);
  });

  it('only notes in audit mode, and nothing for a thread that opted out', () => {
    const audit = { dynamicCode: 8, threadOptsOut: false };
    expect(text(asked('allocate', undefined, 0x40, false, audit))).toBe('note acg/new-code');
    const out = { dynamicCode: 1, threadOptsOut: true };
    expect(text(asked('allocate', undefined, 0x40, false, out))).toBe('ok');
  });
});

const JIT = 0x0800;
const ANON = 0x22;

describe('hardened-runtime', () => {
  const policy = (options = '') =>
    parsePolicy(options === '' ? 'hardened-runtime' : `hardened-runtime:${options}`).policies[0]!;
  const map = (options: string, rights: string, overrides: Parameters<typeof mapping>[1] = {}) => {
    const request = mapping(rights, { mapFlags: ANON, ...overrides });
    const first = policy(options).mmapFile?.(request, facts());
    return text(first?.kind === 'deny' ? first : policy(options).mmapRegion?.(request, facts()));
  };

  it.each([
    ['', 'rwx', ANON, 'EACCES hardened-runtime/write-exec'],
    ['', 'rx', ANON, 'ok'],
    ['', 'rw', ANON, 'ok'],
    ['', 'rwx', ANON | JIT, 'EPERM hardened-runtime/jit-entitlement'],
    ['allow-jit=on', 'rwx', ANON | JIT, 'ok'],
    ['allow-jit=on', 'rwx', ANON, 'EACCES hardened-runtime/write-exec'],
    ['allow-jit=on', 'rwx', ANON | JIT | 0x10, 'EINVAL hardened-runtime/jit-arguments'],
    ['allow-jit=on', 'rwx', 0x21 | JIT, 'EINVAL hardened-runtime/jit-arguments'],
    ['allow-unsigned-executable-memory=on', 'rwx', ANON, 'ok'],
    ['disable-executable-page-protection=on', 'rwx', ANON, 'ok'],
  ])('%j: mmap of %s with flags 0x%x: %s', (options, rights, mapFlags, expected) => {
    expect(map(options, rights, { mapFlags })).toBe(expected);
  });

  const library = object({ path: '/usr/lib/liba.so', label: { type: 'lib_t', class: 'file' } });
  const vdso = object({ kind: 'special', path: '[vdso]' });
  const jit = { flags: vma('rwx RWX').flags | VM_JIT };
  const kill = (rule: string): string => `kill SIGKILL hardened-runtime/${rule}`;

  it.each([
    ['anonymous memory', '', vma('rx RWX'), kill('unsigned-memory')],
    ['a memfd', '', vma('rx RWX', { object: object({ kind: 'memfd' }) }), kill('unsigned-memory')],
    ['a file', '', vma('rx RWX', { object: object({ kind: 'file' }) }), kill('code-signature')],
    ['a library of the system', '', vma('rx RWX', { object: library }), 'ok'],
    ["the kernel's own page", '', vma('rx RWX', { object: vdso }), 'ok'],
    ['MAP_JIT memory in write mode', 'allow-jit=on', { ...vma('rwx RWX'), ...jit }, 'ok'],
    ['data that nobody made executable', '', vma('rw RWX'), 'ok'],
    ['memory, when granted', 'allow-unsigned-executable-memory=on', vma('rx RWX'), 'ok'],
    [
      'a file, when memory is granted',
      'allow-unsigned-executable-memory=on',
      vma('rx RWX', { object: object({ kind: 'file' }) }),
      kill('code-signature'),
    ],
    ['anything, unprotected', 'disable-executable-page-protection=on', vma('rx RWX'), 'ok'],
  ])('is mapped as asked for, and a fetch from %s (%j) is judged', (_what, options, from, said) => {
    const judge = policy(options);
    expect(text(judge.fault?.(from, 0n, 'exec', facts()))).toBe(said);
    const fetches = judge.effects?.mayFetch?.(from);
    if (from.flags & VM_EXEC) expect(fetches).toBe(said === 'ok');
    expect(text(judge.fault?.(from, 0n, 'read', facts()))).toBe('ok');
  });

  it('takes the program that was started for signed', () => {
    const own = vma('rx RWX', { object: object({ kind: 'file', path: '/home/user/jit' }) });
    const judge = policy().forProgram?.(image({ path: '/home/user/jit' }));
    expect(judge?.effects?.mayFetch?.(own)).toBe(true);
    expect(
      policy()
        .forProgram?.(image({ path: '/x' }))
        .effects?.mayFetch?.(own),
    ).toBe(false);
  });

  it.each([
    ['', 'rw', 'rx', 'ok'],
    ['', 'rw', 'rwx', 'EACCES hardened-runtime/write-exec'],
    ['', 'rw', 'r', 'ok'],
    ['allow-jit=on', 'rwx', 'rwx', 'EACCES hardened-runtime/write-exec'],
    ['allow-unsigned-executable-memory=on', 'rw', 'rx', 'ok'],
    ['disable-executable-page-protection=on', 'rw', 'rwx', 'ok'],
  ])('%j: mprotect of %s to %s: %s', (options, before, after, expected) => {
    const old = vma(`${before} RWX`);
    expect(text(policy(options).mprotectRights?.(old, change(old, after), facts()))).toBe(expected);
  });

  it('fixes the protection of MAP_JIT memory', () => {
    const memory = { ...vma('rwx RWX'), ...jit };
    const judge = policy('allow-jit=on');
    expect(text(judge.mprotectRights?.(memory, change(memory, 'rx'), facts()))).toBe(
      'EACCES hardened-runtime/jit-protect',
    );
  });

  it('switches MAP_JIT memory by thread on Apple silicon only', () => {
    expect(parsePolicy('hardened-runtime').effects.mapJit).toBe('by-thread');
    expect(parsePolicy('hardened-runtime:cpu=intel').effects.mapJit).toBe('for-all');
  });
});

describe('memfd-noexec', () => {
  const task = { comm: 'jit', pid: 42 };
  it.each([
    [0, 0, MFD_EXEC],
    [0, 1, MFD_NOEXEC_SEAL],
    [0, 2, MFD_NOEXEC_SEAL],
    [MFD_EXEC, 0, MFD_EXEC],
    [MFD_EXEC, 1, MFD_EXEC],
    [MFD_EXEC, 2, 'EACCES'],
    [MFD_NOEXEC_SEAL, 2, MFD_NOEXEC_SEAL],
    [MFD_EXEC | MFD_NOEXEC_SEAL, 0, 'EINVAL'],
  ] as const)('flags 0x%x at level %i: %s', (flags, level, expected) => {
    const result = memfdFlags(flags, level, task);
    expect(result.ok ? result.value.flags : result.errno).toBe(expected);
  });

  it('prints the lines of the kernel', () => {
    const silent = memfdFlags(MFD_EXEC, 1, task);
    expect(silent.ok && silent.value.log).toEqual([]);
    const unmarked = memfdFlags(0, 1, task);
    expect(unmarked.ok && unmarked.value.log).toEqual([
      'jit[42]: memfd_create() called without MFD_EXEC or MFD_NOEXEC_SEAL set',
    ]);
    expect(memfdFlags(MFD_EXEC, 2, task).log).toEqual([
      'jit[42]: memfd_create() requires MFD_NOEXEC_SEAL with vm.memfd_noexec=2',
    ]);
  });

  it('is an effect, the highest level winning', () => {
    expect(parsePolicy('memfd-noexec').effects.memfdNoexec).toBe(1);
    expect(parsePolicy('memfd-noexec:level=2').effects.memfdNoexec).toBe(2);
    expect(parsePolicy('nx').effects.memfdNoexec).toBeUndefined();
  });
});
