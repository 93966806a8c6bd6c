/** mprotect: the errno of each check and which comes first (policies.md 0.3 and 17), partial effects, merging. */
import { describe, expect, it } from 'vitest';
import {
  MAP_ANONYMOUS,
  MAP_GROWSDOWN,
  MAP_LOCKED,
  MAP_PRIVATE,
  PROT_GROWSDOWN,
  PROT_GROWSUP,
  READ_IMPLIES_EXEC,
} from '../../../../../src/abi/linux/mman.js';
import { VM_ACCOUNT, VM_MAYEXEC } from '../../../../../src/os/linux/mm/vmas/vma.js';
import { deny, narrow } from '../../../../../src/policy/policy.js';
import {
  BASE,
  type MmHooks,
  makeSpace,
  mapAt,
  PAGE,
  policiesOf,
  shape,
  type TestOptions,
} from '../fake-memory.js';

const OK = { ok: true, value: 0 };
const failed = (errno: string) => ({ ok: false, errno });

describe('arguments', () => {
  it.each<[string, bigint, bigint, bigint, ReturnType<typeof failed> | typeof OK]>([
    ['P2 both ways to grow', BASE + 1n, 0n, 0x3000000n, failed('EINVAL')],
    ['P3 misaligned comes before length 0', BASE + 1n, 0n, 1n, failed('EINVAL')],
    ['P4 length 0 comes before the bits', BASE, 0n, 0xffn, OK],
    ['P5 wraps', BASE, (1n << 64n) - PAGE, 1n, failed('ENOMEM')],
    ['P5 rounds to nothing', BASE, (1n << 64n) - 1n, 1n, failed('ENOMEM')],
    ['P6 unknown bit', BASE, PAGE, 0x10n, failed('EINVAL')],
    ['P6 all 64 bits count', BASE, PAGE, 1n << 32n, failed('EINVAL')],
    ['P6 comes before P8', BASE - PAGE, PAGE, 0x10n, failed('EINVAL')],
    ['PROT_SEM is known', BASE, PAGE, 9n, OK],
    ['P8 nothing there', BASE - PAGE, PAGE, 1n, failed('ENOMEM')],
    ['P8 starts in a hole', BASE - PAGE, 2n * PAGE, 1n, failed('ENOMEM')],
    ['P9 not a growing mapping', BASE, PAGE, BigInt(PROT_GROWSDOWN | 1), failed('EINVAL')],
    ['P9 nothing grows up', BASE, PAGE, BigInt(PROT_GROWSUP | 1), failed('EINVAL')],
    ['P9 in a hole', BASE - PAGE, PAGE, BigInt(PROT_GROWSDOWN | 1), failed('ENOMEM')],
  ])('%s', (_name, addr, length, prot, expected) => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 2);
    expect(mm.mprotect(addr, length, prot)).toEqual(expected);
  });

  it('P7 a key that was not allocated', () => {
    const { mm } = makeSpace();
    mapAt(mm);
    expect(mm.mprotect(BASE, PAGE, 1n, 1)).toEqual(failed('EINVAL'));
    // A CPU without keys does not even have key 0.
    expect(mm.mprotect(BASE, PAGE, 1n, 0)).toEqual(failed('EINVAL'));
  });

  it('a length of -1 has partial effect for i386 on a 64-bit kernel and none on a 32-bit one', () => {
    for (const [layout, left] of [
      ['linux-i386-on-x86-64', 'r--p'],
      ['linux-i386', 'rw-p'],
    ] as const) {
      const { mm } = makeSpace({ arch: 'i386', layout });
      mapAt(mm);
      expect(mm.mprotect(BASE, 0xffffffffn, 1n)).toEqual(failed('ENOMEM'));
      expect(shape(mm)).toEqual([`0+1 ${left}`]);
    }
  });

  it('PROT_FINAL is known when a policy makes it so', () => {
    const { mm } = makeSpace({ policies: policiesOf({}, { acceptedProt: 0x20 }) });
    mapAt(mm);
    expect(mm.mprotect(BASE, PAGE, 0x21n)).toEqual(OK);
    expect(mm.mprotect(BASE, PAGE, 0x41n)).toEqual(failed('EINVAL'));
  });
});

describe('effect', () => {
  it('splits and merges as the kernel does', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 4);
    mm.mprotect(BASE + PAGE, 2n * PAGE, 5n);
    expect(shape(mm)).toEqual(['0+1 rw-p', '1+2 r-xp', '3+1 rw-p']);
    mm.mprotect(BASE + PAGE, PAGE, 3n);
    // The page between is not accounted any more: it had no page when it stopped being writable.
    mm.mprotect(BASE + 2n * PAGE, PAGE, 3n);
    expect(shape(mm)).toEqual(['0+4 rw-p']);
    mm.checkInvariants();
  });

  it('stops at a hole with what came before done', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1);
    mapAt(mm, BASE + 2n * PAGE, 1);
    expect(mm.mprotect(BASE, 3n * PAGE, 1n)).toEqual(failed('ENOMEM'));
    expect(shape(mm)).toEqual(['0+1 r--p', '2+1 rw-p']);
  });

  it('PROT_GROWSDOWN reaches down to the start of a stack', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 4, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN);
    expect(mm.mprotect(BASE + 2n * PAGE, PAGE, BigInt(PROT_GROWSDOWN | 7))).toEqual(OK);
    expect(shape(mm)).toEqual(['0+3 rwxp', '3+1 rw-p']);
  });

  it('PROT_GROWSDOWN finds the stack that begins within the range', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE + PAGE, 1, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN);
    expect(mm.mprotect(BASE, 2n * PAGE, BigInt(PROT_GROWSDOWN | 1))).toEqual(OK);
  });

  it('READ_IMPLIES_EXEC adds execution where it may be added', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 2);
    mm.personality = READ_IMPLIES_EXEC;
    mm.mprotect(BASE, PAGE, 1n);
    mm.mprotect(BASE + PAGE, PAGE, 2n);
    expect(shape(mm)).toEqual(['0+1 r-xp', '1+1 -w-p']);
  });

  it('memory that was never written stops being accounted', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 2);
    mm.store(BASE + PAGE, Uint8Array.of(1));
    mm.mprotect(BASE, 2n * PAGE, 1n);
    expect(mm.vmas.map(({ flags }) => flags & VM_ACCOUNT)).toEqual([VM_ACCOUNT]);
    const { mm: fresh } = makeSpace();
    mapAt(fresh, BASE, 2);
    fresh.mprotect(BASE, 2n * PAGE, 1n);
    expect(fresh.vmas.map(({ flags }) => flags & VM_ACCOUNT)).toEqual([0]);
  });

  it('locked memory that becomes writable is copied at once', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1, 1, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED);
    expect(mm.find(BASE)!.anonVma).toBe(false);
    mm.mprotect(BASE, PAGE, 3n);
    expect(mm.find(BASE)!.anonVma).toBe(true);
  });

  it('forgets translations only when something changed', () => {
    const { mm, flushes, events } = makeSpace();
    mapAt(mm);
    flushes.length = events.length = 0;
    mm.mprotect(BASE, PAGE, 3n);
    expect([flushes, events]).toEqual([[], []]);
    mm.mprotect(BASE, PAGE, 1n);
    expect(flushes).toEqual([[Number(BASE >> 12n), 1]]);
    expect(events).toMatchObject([
      { op: 'change', before: { start: BASE }, after: { start: BASE } },
    ]);
  });

  it.each<[string, TestOptions]>([
    ['RLIMIT_DATA', { limits: { data: PAGE } }],
    ['commit limit', { tuning: { overcommit: 2, totalPages: 2 } }],
  ])('%s: becoming writable may be refused', (_name, options) => {
    const { mm } = makeSpace(options);
    mapAt(mm, BASE, 4, 1);
    expect(mm.mprotect(BASE, 4n * PAGE, 3n)).toEqual(failed('ENOMEM'));
    expect(mm.mprotect(BASE, PAGE, 3n)).toEqual(OK);
  });

  it('vm.max_map_count refuses a split, and leaves the first of two', () => {
    const { mm } = makeSpace({ tuning: { maxMapCount: 2 } });
    mapAt(mm, BASE, 3);
    expect(mm.mprotect(BASE + PAGE, PAGE, 1n)).toEqual(failed('ENOMEM'));
    expect(shape(mm)).toEqual(['0+1 rw-p', '1+2 rw-p']);
  });
});

describe('policies and seals', () => {
  const hooks = (given: MmHooks): TestOptions => ({ policies: policiesOf(given) });

  it('the arguments hook comes after P7 and before any VMA is looked at', () => {
    const { mm } = makeSpace(hooks({ mprotectArguments: () => deny('EACCES', 'a/b', '') }));
    expect(mm.mprotect(BASE, PAGE, 0x10n)).toEqual(failed('EINVAL'));
    expect(mm.mprotect(BASE, PAGE, 1n)).toMatchObject(failed('EACCES'));
  });

  it('rights, then may bits, then the security module, then the seal', () => {
    const order: string[] = [];
    const { mm } = makeSpace(
      hooks({
        mprotectRights: () => {
          order.push('rights');
          return { kind: 'allow' };
        },
        mprotect: () => {
          order.push('module');
          return { kind: 'allow' };
        },
      }),
    );
    mapAt(mm);
    mm.mseal(BASE, PAGE, 0n);
    expect(mm.mprotect(BASE, PAGE, 1n)).toEqual(failed('EPERM'));
    expect(order).toEqual(['rights', 'module']);
  });

  it('a may bit that is gone refuses before the security module is asked', () => {
    const { mm } = makeSpace(
      hooks({
        mprotect: () => deny('EPERM', 'a/b', ''),
        mmapRegion: ({ flags }) => narrow(flags & ~VM_MAYEXEC, 'a/b', ''),
      }),
    );
    mapAt(mm);
    expect(mm.mprotect(BASE, PAGE, 4n)).toEqual(failed('EACCES'));
    expect(mm.mprotect(BASE, PAGE, 1n)).toMatchObject(failed('EPERM'));
  });

  it('a seal refuses the same protection too; what came before is done', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 3);
    mm.mseal(BASE + PAGE, PAGE, 0n);
    expect(mm.mprotect(BASE + PAGE, PAGE, 3n)).toEqual(failed('EPERM'));
    expect(mm.mprotect(BASE, 3n * PAGE, 1n)).toEqual(failed('EPERM'));
    expect(shape(mm)).toEqual(['0+1 r--p', '1+1 rw-p', '2+1 rw-p']);
  });

  it('sees the whole VMA, the part that changes and the flags that would be', () => {
    const seen: unknown[] = [];
    const { mm } = makeSpace(
      hooks({
        mprotect: (vma, { range, prot, flags }) => {
          seen.push([vma.start, vma.end, range, prot, flags & 7]);
          return { kind: 'allow' };
        },
      }),
    );
    mapAt(mm, BASE, 3);
    mm.personality = READ_IMPLIES_EXEC;
    mm.mprotect(BASE + PAGE, PAGE, 1n);
    const range = { start: BASE + PAGE, end: BASE + 2n * PAGE };
    expect(seen).toEqual([[BASE, BASE + 3n * PAGE, range, 1, 5]]);
  });

  it('narrow is applied to the part that changes and stands in its history', () => {
    const { mm } = makeSpace(
      hooks({ mprotect: (_vma, { flags }) => narrow(flags & ~VM_MAYEXEC, 'a/never', 'why') }),
    );
    mapAt(mm, BASE, 3);
    mm.cause = 'mprotect(...)';
    mm.mprotect(BASE + PAGE, PAGE, 3n);
    expect(mm.vmas.map(({ flags }) => (flags & VM_MAYEXEC) !== 0)).toEqual([true, false, true]);
    expect(mm.history(BASE + PAGE)).toMatchObject([
      { before: undefined },
      { cause: 'mprotect(...)', rule: 'a/never', reason: 'why' },
    ]);
    expect(mm.history(BASE)).toHaveLength(1);
  });
});
