/** openbsd, netbsd-mprotect, freebsd and hardenedbsd: policies.md section 9. */
import { describe, expect, it } from 'vitest';
import type { ImageFacts, Policy } from '../../src/policy/policy.js';
import { parsePolicy } from '../../src/policy/registry.js';
import { image } from './elf-fixture.js';
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
} from './support.js';

const policyOf = (spec: string, arch: 'i386' | 'x86-64' = 'x86-64') =>
  parsePolicy(spec, { arch, os: 'linux' }).policies[0]!;

/** The policy of a spec as a program's file shapes it. */
function forProgram(spec: string, program: ImageFacts): Policy {
  const policy = policyOf(spec);
  return policy.forProgram?.(program) ?? policy;
}

describe('openbsd', () => {
  const call = (name: string, bits: number, spec = 'openbsd', arch: 'i386' | 'x86-64' = 'x86-64') =>
    text(policyOf(spec, arch).syscall?.(name, [0n, 0n, BigInt(bits)], facts({ arch })));

  it.each([
    ['mmap', 7, 'ENOTSUP openbsd/write-exec'],
    ['mmap', 6, 'ENOTSUP openbsd/write-exec'],
    ['mmap', 0x87, 'EINVAL openbsd/prot-bits'],
    ['mmap', 0x80, 'EINVAL openbsd/prot-bits'],
    ['mmap', 5, 'ok'],
    ['mmap', 3, 'ok'],
    ['mprotect', 7, 'ENOTSUP openbsd/write-exec'],
    ['mprotect', 8, 'EINVAL openbsd/prot-bits'],
    ['mprotect', 5, 'ok'],
    ['munmap', 7, 'ok'],
  ])('%s with 0x%x: %s', (name, bits, expected) => {
    expect(call(name, bits)).toBe(expected);
  });

  it.each([
    ['read and write', 3, 0x20022, 0n, 'ok'],
    ['nothing yet', 0, 0x20022, 0n, 'EINVAL openbsd/stack-arguments'],
    ['read alone', 1, 0x20022, 0n, 'EINVAL openbsd/stack-arguments'],
    ['shared memory', 3, 0x20021, 0n, 'EINVAL openbsd/stack-arguments'],
    ['a file', 3, 0x20002, 0n, 'EINVAL openbsd/stack-arguments'],
    ['an offset', 3, 0x20022, 4096n, 'EINVAL openbsd/stack-arguments'],
    ['reserved memory at a fixed place', 3, 0x24032, 0n, 'ok'],
    ['memory that grows', 3, 0x20122, 0n, 'EINVAL openbsd/stack-arguments'],
    ['locked memory', 3, 0x22022, 0n, 'EINVAL openbsd/stack-arguments'],
    ['nothing yet, without MAP_STACK', 0, 0x22, 0n, 'ok'],
  ])('a stack of %s', (_what, bits, flags, offset, expected) => {
    const args = [0n, 4096n, BigInt(bits), BigInt(flags), 0xffff_ffff_ffff_ffffn, offset];
    expect(text(policyOf('openbsd').syscall?.('mmap', args, facts()))).toBe(expected);
    expect(text(policyOf('openbsd:map-stack=off').syscall?.('mmap', args, facts()))).toBe('ok');
  });

  it('makes text execute-only on x86-64', () => {
    const segment = mapping('rx', { origin: 'exec' });
    const loaded = (spec: string, arch?: 'i386') =>
      text(policyOf(spec, arch).mmapRegion?.(segment, facts()));
    expect(loaded('openbsd')).toBe('narrow x RWX');
    expect(loaded('openbsd:execute-only=off')).toBe('ok');
    expect(loaded('openbsd', 'i386')).toBe('ok');
    const data = mapping('rw', { origin: 'exec' });
    expect(text(policyOf('openbsd').mmapRegion?.(data, facts()))).toBe('ok');
    expect(text(policyOf('openbsd').mmapRegion?.(mapping('rx'), facts()))).toBe('ok');
  });

  it('finds protection where each architecture has it', () => {
    expect(call('mmap2', 7, 'openbsd', 'i386')).toBe('ENOTSUP openbsd/write-exec');
    expect(call('mmap', 7, 'openbsd', 'i386')).toBe('ok');
    const old = mapping('', { prot: 7, flags: 7 });
    const policy = policyOf('openbsd', 'i386');
    expect(text(policy.mmapFile?.(old, facts()))).toBe('ENOTSUP openbsd/write-exec');
    expect(text(policy.mmapFile?.({ ...old, origin: 'shmat' }, facts()))).toBe(
      'ENOTSUP openbsd/write-exec',
    );
    expect(text(policy.mmapFile?.({ ...old, origin: 'exec' }, facts()))).toBe('ok');
  });

  it('aborts with a log line under kern.wxabort', () => {
    const verdict = policyOf('openbsd:wxabort=on').syscall?.('mprotect', [0n, 0n, 7n], facts());
    expect(text(verdict)).toBe('kill SIGABRT openbsd/abort');
    expect(verdict?.log).toEqual(['program(1): mprotect W^X violation']);
    const map = policyOf('openbsd:wxabort=on').syscall?.('mmap', [0n, 0n, 7n], facts());
    expect(map?.log).toEqual(['program(1): mmap W^X violation']);
  });

  it('c: flips by mprotect are free', () => {
    const policy = policyOf('openbsd');
    let current = doMap(policy, mapping('rw'), facts()).vma;
    for (const rights of ['rx', 'rw', 'rx']) {
      const done = doProtect(policy, current, rights, facts());
      expect(done.result).toBe('ok');
      current = done.vma;
    }
  });

  const marked = { programHeaders: [{ type: 0x65a3dbe7, flags: 0 }] };
  const allowed = { mountOptions: new Set(['wxallowed']) };
  it.each([
    ['marked, wxallowed mount', { ...marked, ...allowed }, 'ok', 'ok'],
    ['unmarked, wxallowed mount', allowed, 'ok', 'ENOTSUP openbsd/write-exec'],
    ['marked, other mount', marked, 'EACCES openbsd/wxneeded-mount', 'ENOTSUP openbsd/write-exec'],
    ['unmarked, other mount', {}, 'ok', 'ENOTSUP openbsd/write-exec'],
  ])('%s: exec %s, RWX %s', (_what, marks, exec, mmap) => {
    const program = image(marks);
    const policy = forProgram('openbsd', program);
    expect(text(policy.exec?.(program, facts()))).toBe(exec);
    expect(text(policy.syscall?.('mmap', [0n, 0n, 7n], facts()))).toBe(mmap);
  });

  it('is exempt with wxallowed=on', () => {
    expect(call('mmap', 7, 'openbsd:wxallowed=on')).toBe('ok');
  });

  it('makes neither heap nor stack executable, and asks for the rest', () => {
    expect(text(policyOf('openbsd').implicit?.(mapping('rwx', { origin: 'stack' }), facts()))).toBe(
      'narrow rw RW',
    );
    expect(parsePolicy('openbsd').effects).toMatchObject({
      nx: true,
      ignoreGnuStack: true,
      alternateStackIsStack: true,
      immutableImage: true,
    });
    const without = parsePolicy('openbsd:map-stack=off,immutable=off').effects;
    expect(without.alternateStackIsStack ?? without.immutableImage).toBeUndefined();
  });
});

/** NetBSD: PROT_MPROTECT(x). */
const declare = (rights: string): number => prot(rights) << 3;

describe('netbsd-mprotect', () => {
  const map = (spec: string, rights: string, declared = '', flags?: string) =>
    doMap(
      policyOf(spec),
      mapping(flags ?? rights, { prot: prot(rights) | (declared ? declare(declared) : 0) }),
      facts(),
    );
  const show = ({ result, vma: { flags } }: ReturnType<typeof map>) =>
    result === 'ok' ? letters(flags) : result;

  it.each([
    ['rw', '', 'rw RW'],
    ['r', '', 'r R'],
    ['rx', '', 'rx RX'],
    ['', '', ''],
    ['', 'rw', 'RW'],
    ['', 'rwx', 'RWX'],
    ['rw', 'x', 'rw RWX'],
    ['rwx', '', 'EACCES'],
    ['rw', 'rwx', 'rw RWX'],
  ])('mmap of %j declaring %j: %s', (rights, declared, expected) => {
    expect(show(map('netbsd-mprotect', rights, declared))).toBe(expected);
  });

  it('refuses to declare what the file does not give', () => {
    expect(show(map('netbsd-mprotect', 'r', 'w', 'r RX'))).toBe('EACCES');
    expect(show(map('netbsd-mprotect', 'r', 'x', 'r RX'))).toBe('r RX');
  });

  it.each([
    ['a', 'rw', '', ['rx'], ['EACCES']],
    ['b', 'rw', 'x', ['rx', 'rw', 'rx'], ['ok', 'ok', 'ok']],
    ['c', '', 'rwx', ['rwx'], ['EACCES']],
    ['d', 'rw', '', ['rx'], ['EACCES']],
    ['reserved without declaring', '', '', ['r'], ['EACCES']],
  ])('%s: mmap(%s, declares %j), then %s: %s', (_case, rights, declared, steps, results) => {
    const policy = policyOf('netbsd-mprotect');
    let current = map('netbsd-mprotect', rights, declared).vma;
    const got = steps.map((next) => {
      const done = doProtect(policy, current, next, facts());
      current = done.vma;
      return done.result;
    });
    expect(got).toEqual(results);
  });

  it('refuses both at once before any mapping is looked at', () => {
    const range = { start: 0n, end: 0x1000n };
    expect(text(policyOf('netbsd-mprotect').mprotectArguments?.(7, range, facts()))).toBe(
      'EACCES netbsd-mprotect/write-exec',
    );
  });

  it.each([
    ['rwx', 'rw RW'],
    ['rw', 'rw RW'],
    ['rx', 'rx RX'],
    ['', 'RW'],
  ])('f: up to 7, mmap of %j gives %s', (rights, expected) => {
    expect(show(map('netbsd-mprotect:version=7', rights))).toBe(expected);
  });

  it('keeps heap and stack from ever executing', () => {
    for (const origin of ['brk', 'stack'] as const) {
      expect(
        text(policyOf('netbsd-mprotect').implicit?.(mapping('rwx', { origin }), facts())),
      ).toBe('narrow rw RW');
    }
  });

  const note = (bits: number) =>
    image({ notes: [{ owner: 'PaX', type: 3, bytes: Uint8Array.of(bits, 0, 0, 0) }] });
  it.each([
    ['netbsd-mprotect', 2, false],
    ['netbsd-mprotect', 1, true],
    ['netbsd-mprotect', 0, true],
    ['netbsd-mprotect:global=off', 0, false],
    ['netbsd-mprotect:global=off', 1, true],
  ])('e: %s with note bits %i: enforced %s', (spec, bits, enforced) => {
    const policy = policyOf(spec).forProgram?.(note(bits));
    expect(policy?.mmapRegion !== undefined).toBe(enforced);
    expect(policy?.effects?.acceptedProt).toBe(0x38);
  });

  it('asks for mremap with MAP_REMAPDUP', () => {
    expect(parsePolicy('netbsd-mprotect').effects.remapDuplicate).toBe(true);
  });
});

describe('freebsd', () => {
  const max = (rights: string): number => prot(rights) << 16;
  const map = (spec: string, rights: string, maximum = '') =>
    doMap(
      policyOf(spec),
      mapping(rights, { prot: prot(rights || 'none') | (maximum ? max(maximum) : 0) }),
      facts(),
    );
  const show = ({ result, vma: { flags } }: ReturnType<typeof map>) =>
    result === 'ok' ? letters(flags) : result;

  it.each([
    ['freebsd', 'rwx', '', 'rwx RWX'],
    ['freebsd:allow_wx=0', 'rwx', '', 'EACCES'],
    ['freebsd:allow_wx=0', 'rw', '', 'rw RWX'],
    ['freebsd', 'rw', 'rw', 'rw RW'],
    ['freebsd', '', 'rw', 'RW'],
    ['freebsd', 'rw', 'r', 'ENOTSUP'],
    ['freebsd:version=12', 'rw', 'r', 'EINVAL'],
    ['freebsd:imply_prot_max=1', 'rw', '', 'rw RW'],
    ['freebsd:imply_prot_max=1', '', '', 'RWX'],
    ['freebsd:imply_prot_max=1', 'rw', 'rwx', 'rw RWX'],
    ['freebsd:allow_wx=0', 'rwx', 'rw', 'ENOTSUP'],
  ])('%s: mmap of %j with maximum %j: %s', (spec, rights, maximum, expected) => {
    expect(show(map(spec, rights, maximum))).toBe(expected);
  });

  const protect = (spec: string, before: string, rights: string, maximum = '') => {
    const old = vma(before);
    const done = doProtect(
      policyOf(spec),
      old,
      change(old, rights, { prot: prot(rights) | (maximum ? max(maximum) : 0) }),
      facts(),
    );
    return done.result === 'ok' ? letters(done.vma.flags) : done.result;
  };
  it.each([
    ['b', 'freebsd:allow_wx=0', 'rw RWX', 'rx', '', 'rx RWX'],
    ['c', 'freebsd:allow_wx=0', 'rw RW', 'rx', '', 'EACCES'],
    ['W^X', 'freebsd:allow_wx=0', 'rw RWX', 'rwx', '', 'EACCES'],
    ['default', 'freebsd', 'rw RWX', 'rwx', '', 'rwx RWX'],
    ['f', 'freebsd:imply_prot_max=1', 'rw RW', 'rx', '', 'EACCES'],
    ['lowering', 'freebsd', 'rw RWX', 'r', 'r', 'r R'],
    ['raising the maximum', 'freebsd', 'r R', 'r', 'rw', 'EACCES'],
    ['beyond its own', 'freebsd', 'rw RWX', 'rw', 'r', 'ENOTSUP'],
  ])(
    '%s: %s, mprotect of %s to %s with maximum %j: %s',
    (_c, spec, before, rights, maximum, expected) => {
      expect(protect(spec, before, rights, maximum)).toBe(expected);
    },
  );

  it('e: the note WXNEEDED lifts W^X, PROTMAX_DISABLE the implied maximum', () => {
    const note = (bits: number) =>
      image({ notes: [{ owner: 'FreeBSD', type: 4, bytes: Uint8Array.of(bits, 0, 0, 0) }] });
    const wx = forProgram('freebsd:allow_wx=0', note(8));
    expect(doMap(wx, mapping('rwx'), facts()).result).toBe('ok');
    const implied = forProgram('freebsd:imply_prot_max=1', note(2));
    expect(letters(doMap(implied, mapping('rw'), facts()).vma.flags)).toBe('rw RWX');
    expect(parsePolicy('freebsd').effects.acceptedProt).toBe(0x70000);
  });
});

describe('hardenedbsd', () => {
  it.each([
    ['hardenedbsd', 'rwx', 'narrow rw RW'],
    ['hardenedbsd', 'rw', 'narrow rw RW'],
    ['hardenedbsd', 'rx', 'narrow rx RX'],
    ['hardenedbsd', '', 'narrow  RW'],
    ['hardenedbsd:mprotect=off', 'rwx', 'narrow rw RWX'],
    ['hardenedbsd:mprotect=off', 'rw', 'ok'],
    ['hardenedbsd:pageexec=off', 'rw', 'narrow rw RW'],
  ])('%s: mmap of %j: %s', (spec, rights, expected) => {
    const verdict = text(policyOf(spec).mmapFlags?.(mapping(rights), facts()));
    expect(verdict.replace('narrow RW', 'narrow  RW')).toBe(expected);
  });

  it.each([
    ['rw RW', 'rx', 'EACCES hardenedbsd/gain-exec'],
    ['rw RWX', 'rwx', 'EACCES hardenedbsd/gain-exec'],
    ['rx RX', 'rw', 'EACCES hardenedbsd/beyond-maximum'],
    ['rx RX', 'r', 'ok'],
    ['rw RW', 'r', 'ok'],
  ])('mprotect of %s to %s: %s', (before, rights, expected) => {
    const old = vma(before);
    const verdict = policyOf('hardenedbsd').mprotectRights?.(old, change(old, rights), facts());
    expect(text(verdict)).toBe(expected);
  });

  it('logs a refused gain', () => {
    const old = vma(vm('rw RW'));
    const verdict = policyOf('hardenedbsd').mprotectRights?.(old, change(old, 'rx'), facts());
    expect(verdict?.log).toEqual([
      '[HBSD MPROTECT] [program (1)] prevented to introduce new RWX page...',
    ]);
  });
});
