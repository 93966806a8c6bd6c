/** What holds for every policy, and for several at once: policies.md 0.6 and section 14. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeEffects } from '../../src/policy/effects.js';
import type { MmFacts, Policy, Verdict } from '../../src/policy/policy.js';
import { describePolicy, listPolicies, parsePolicy } from '../../src/policy/registry.js';
import { type PolicyReport, PolicyStack } from '../../src/policy/stack.js';
import { elfObject, image } from './elf-fixture.js';
import {
  change,
  doMap,
  doProtect,
  facts,
  mapping,
  object,
  policyOf,
  text,
  vma,
} from './support.js';

/** Every built-in policy with every value of every option, one at a time. */
const SPECS = listPolicies().flatMap((info) => {
  const os = info.os[0]!;
  const alone = [{ os, spec: info.name }];
  const varied = info.options.flatMap(({ name, values }) =>
    values.map((value) => ({ os, spec: `${info.name}:${name}=${value}` })),
  );
  return [...alone, ...varied];
});

const ARCHES = ['i386', 'x86-64'] as const;

function stackOf(spec: string, os: (typeof SPECS)[number]['os'], arch: (typeof ARCHES)[number]) {
  const reports: PolicyReport[] = [];
  try {
    const { policies } = parsePolicy(spec, { arch, os });
    return { stack: new PolicyStack(policies, (report) => reports.push(report)), reports };
  } catch {
    // A combination that the real system refuses too (SEGMEXEC on x86-64).
    return undefined;
  }
}

const OBJECTS = [
  undefined,
  object(),
  object({ kind: 'zero', path: '/dev/zero', label: { type: 'zero_device_t', class: 'chr_file' } }),
  object({ kind: 'shmem', inodePrivate: true }),
  elfObject({ dynamic: [[22, 0]], segments: [{ type: 0x6474e552, memorySize: 0x1000 }] }),
];

const address = fc.constantFrom(0x60_0000n, 0x62_1000n, 0x7000_0000n, 0x7fff_ffff_e000n);
const anyFacts: fc.Arbitrary<MmFacts> = fc
  .record({ mdwe: fc.constantFrom(0, 1, 3), restrictedWx: fc.boolean(), stackPointer: address })
  .map((given) => facts(given));

describe('every policy', () => {
  it('only takes away, and names a documented rule whenever it speaks', () => {
    const request = fc.record({
      spec: fc.constantFrom(...SPECS),
      arch: fc.constantFrom(...ARCHES),
      given: anyFacts,
      rights: fc.integer({ min: 0, max: 7 }),
      may: fc.integer({ min: 0, max: 7 }),
      share: fc.constantFrom(0, 0x80, 0x88),
      target: fc.constantFrom(...OBJECTS),
      prot: fc.integer({ min: 0, max: 0x7ffff }),
      mapFlags: fc.constantFrom(0x22, 0x02, 0x01, 0x03, 0x32, 0x822),
      origin: fc.constantFrom('mmap', 'brk', 'stack', 'shmat', 'exec'),
      start: address,
      after: fc.integer({ min: 0, max: 7 }),
      anonVma: fc.boolean(),
    });
    fc.assert(
      fc.property(request, (r) => {
        const made = stackOf(r.spec.spec, r.spec.os, r.arch);
        if (made === undefined) return;
        const { stack, reports } = made;
        const flags = (r.rights & r.may) | (r.may << 4) | r.share;
        const given = { ...r.given, arch: r.arch };
        const map = mapping('', { ...r, flags, object: r.target });
        const old = vma(flags, {
          start: r.start,
          end: r.start + 0x1000n,
          object: r.target,
          anonVma: r.anonVma,
        });
        const next = change(old, 'none', { prot: r.prot, flags: (flags & ~7) | (r.after & r.may) });
        stack.ask('syscall', 'mmap', [0n, 0n, BigInt(r.prot)], given);
        stack.ask('mmapFile', map, given);
        stack.ask('mmapFlags', map, given);
        stack.ask('mmapRegion', map, given);
        stack.ask('mmapRegionPost', map, given);
        stack.ask('implicit', map, given);
        stack.ask('mprotectArguments', r.prot, old, given);
        stack.ask('mprotectRights', old, next, given);
        stack.ask('mprotect', old, next, given);
        stack.ask('fault', old, r.start, 'exec', given);
        for (const { policy, verdict } of reports) expectDocumented(policy, verdict);
      }),
      { numRuns: 3000 },
    );
  });

  it('says the same thing twice', () => {
    for (const { spec, os } of SPECS) {
      const ask = () => stackOf(spec, os, 'i386')?.stack.ask('mmapFlags', mapping('rwx'), facts());
      expect(ask()).toEqual(ask());
    }
  });

  it('survives a program file without marks', () => {
    for (const { spec, os } of SPECS) {
      const made = stackOf(spec, os, 'x86-64');
      if (made === undefined) continue;
      const shaped = made.stack.forProgram(image());
      expect(shaped.policies.map((policy) => policy.name)).toEqual(
        made.stack.policies.map((policy) => policy.name),
      );
    }
  });
});

function expectDocumented(policy: string, verdict: Verdict): void {
  const rules = describePolicy(policy).rules;
  expect(rules).toHaveProperty([verdict.rule ?? '']);
  expect(verdict.reason).toBe(rules[verdict.rule ?? '']);
}

describe('several policies', () => {
  it('lets a call pass only when all agree', () => {
    const stack = new PolicyStack(parsePolicy('selinux+mdwe+pax').policies);
    const given = facts({ mdwe: 1 });
    expect(text(stack.ask('mmapFlags', mapping('rwx'), given))).toBe('EPERM pax/mprotect-mmap');
    expect(text(stack.ask('mmapRegion', mapping('rwx'), given))).toBe('EACCES mdwe/write-exec');
    expect(text(stack.ask('mmapFile', mapping('', { prot: 7, flags: 7 }), given))).toBe('ok');
  });

  it('asks in the order of the spec', () => {
    const ask = (spec: string): string => {
      const old = vma('rw RW');
      return text(
        new PolicyStack(parsePolicy(spec).policies).ask(
          'mprotectRights',
          old,
          change(old, 'rwx'),
          facts({ mdwe: 1 }),
        ),
      );
    };
    expect(ask('pax+mdwe')).toBe('EACCES pax/mprotect-may');
    expect(ask('mdwe+pax')).toBe('EACCES mdwe/write-exec');
  });

  it('lets each see what the others left', () => {
    const stack = new PolicyStack(parsePolicy('hardenedbsd+pax').policies);
    expect(text(stack.ask('mmapFlags', mapping('rwx'), facts()))).toBe('narrow rw RW');
    const other = new PolicyStack(parsePolicy('pax+hardenedbsd').policies);
    expect(text(other.ask('mmapFlags', mapping('rwx'), facts()))).toBe('EPERM pax/mprotect-mmap');
  });

  it('merges effects to the strictest', () => {
    expect(parsePolicy('none+pax').nx).toBe(true);
    expect(parsePolicy('restricted-wx+netbsd-mprotect+freebsd').effects.acceptedProt).toBe(
      0x20 | 0x38 | 0x70000,
    );
    const merged = mergeEffects([
      { taskSize: 3n, ignoreHints: 'files', memfdNoexec: 2 },
      undefined,
      { taskSize: 2n, ignoreHints: 'all', memfdNoexec: 1 },
      { mmInit: { mdwe: 1 } },
      { mmInit: { mdwe: 2, restrictedWx: true } },
    ]);
    expect(merged).toMatchObject({
      taskSize: 2n,
      ignoreHints: 'all',
      memfdNoexec: 2,
      nx: true,
      mmInit: { mdwe: 3, restrictedWx: true },
    });
  });

  it('asks every trampoline emulator in order', () => {
    const named = (name: string | undefined) => () =>
      name === undefined ? undefined : { name, registers: {}, pc: 0n };
    const { emulateTrampoline } = mergeEffects([
      { emulateTrampoline: named(undefined) },
      { emulateTrampoline: named('second') },
      { emulateTrampoline: named('third') },
    ]);
    expect(emulateTrampoline?.('i386', 0n, () => 0, 0n)?.name).toBe('second');
  });
});

/** Section 14: twelve calls under each policy. The stack asks as mm does; Linux's own errors are mm's. */
describe('self-test vectors', () => {
  const HEAP = { start: 0x60_0000n, end: 0x62_1000n };
  const zero = object({
    kind: 'zero',
    path: '/dev/zero',
    label: { type: 'zero_device_t', class: 'chr_file' },
  });

  const asPolicy = (spec: string): Policy => policyOf(new PolicyStack(parsePolicy(spec).policies));
  const protect = (spec: string, before: string, rights: string, overrides = {}): string => {
    const given = factsOf(spec);
    const seccomp = call(spec, 'mprotect', rights);
    if (seccomp !== 'ok') return seccomp;
    return doProtect(asPolicy(spec), vma(before, overrides), rights, given).result;
  };
  const map = (spec: string, rights: string, overrides = {}): string => {
    const seccomp = call(spec, 'mmap', rights);
    if (seccomp !== 'ok') return seccomp;
    return doMap(asPolicy(spec), mapping(rights, overrides), factsOf(spec)).result;
  };
  const factsOf = (spec: string): MmFacts => {
    const { mmInit } = parsePolicy(spec);
    return facts({ mdwe: mmInit.mdwe ?? 0, restrictedWx: mmInit.restrictedWx ?? false });
  };
  const call = (spec: string, name: string, rights: string): string => {
    const bits = [...rights].reduce((sum, letter) => sum + { r: 1, w: 2, x: 4 }[letter]!, 0);
    const verdict = asPolicy(spec).syscall?.(name, [0n, 4096n, BigInt(bits)], facts());
    return verdict?.kind === 'deny' ? verdict.errno : 'ok';
  };
  /** The may bits that a mapping of these rights has under the policy. */
  const fresh = (spec: string, rights: string): string => {
    const done = doMap(asPolicy(spec), mapping(rights), factsOf(spec));
    const may = (done.vma.flags >> 4) & 7;
    return `${rights} ${['R', 'W', 'X'].filter((_, bit) => may & (1 << bit)).join('')}`;
  };
  const heapOf = (spec: string): string => {
    const verdict = asPolicy(spec).implicit?.(mapping('rw', { origin: 'brk' }), factsOf(spec));
    const flags = verdict?.kind === 'narrow' ? verdict.flags : mapping('rw').flags;
    return `rw R${flags & 0x20 ? 'W' : ''}${flags & 0x40 ? 'X' : ''}`;
  };

  const COLUMNS = {
    VN: 'nx',
    PaX: 'pax',
    ARD: 'restricted-wx',
    MDW: 'mdwe',
    SEu: 'selinux',
    SEc: 'selinux:domain=confined',
    SYD: 'systemd-mdwe',
  };
  const STEPS: readonly (readonly [string, (spec: string) => string, string])[] = [
    ['mmap A RW', (s) => map(s, 'rw'), 'ok ok ok ok ok ok ok'],
    ['mprotect A R', (s) => protect(s, fresh(s, 'rw'), 'r'), 'ok ok ok ok ok ok ok'],
    [
      'mprotect A RX',
      (s) => protect(s, fresh(s, 'rw').replace('rw', 'r'), 'rx'),
      'ok EACCES EACCES EACCES ok EACCES EPERM',
    ],
    ['mmap A2 RX', (s) => map(s, 'rx'), 'ok ok ok ok ok EACCES ok'],
    ['mprotect A2 RW', (s) => protect(s, fresh(s, 'rx'), 'rw'), 'ok EACCES EACCES ok ok - ok'],
    [
      'mprotect A2 RX',
      (s) => {
        const flipped = protect(s, fresh(s, 'rx'), 'rw') === 'ok';
        return protect(s, flipped ? fresh(s, 'rx').replace('rx', 'rw') : fresh(s, 'rx'), 'rx');
      },
      'ok ok ok EACCES ok - EPERM',
    ],
    ['mmap A3 RWX', (s) => map(s, 'rwx'), 'ok EPERM EACCES EACCES ok EACCES EPERM'],
    [
      'mprotect F X, written',
      (s) => protect(s, fresh(s, 'rw'), 'x', { object: zero, anonVma: true }),
      'ok EACCES EACCES EACCES EACCES EACCES EPERM',
    ],
    [
      'mprotect H X',
      (s) => protect(s, heapOf(s), 'x', HEAP),
      'ok EACCES EACCES EACCES EACCES EACCES EPERM',
    ],
  ];

  it.each(STEPS)('%s', (_step, run, expected) => {
    const wanted = expected.split(' ');
    Object.entries(COLUMNS).forEach(([column, spec], index) => {
      if (wanted[index] === '-') return;
      expect(`${column} ${run(spec)}`).toBe(`${column} ${wanted[index]}`);
    });
  });
});
