/**
 * Address choice. The tables are what Linux 6.18 answered to the same calls in a static program under
 * `setarch -R` (its vdso pages end at 0x7ffff7fff000), started as root for the fixed ones below 64 KiB.
 */
import { describe, expect, it } from 'vitest';
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_GROWSDOWN,
  MAP_PRIVATE,
} from '../../../../../src/abi/linux/mman.js';
import type { AddressSpace } from '../../../../../src/os/linux/mm/address-space.js';
import { noPolicies } from '../../../../../src/os/linux/mm/hooks.js';
import { VM_DONTEXPAND, VM_MAYREAD, VM_READ } from '../../../../../src/os/linux/mm/vmas/vma.js';
import { BASE, makeSpace, mapAt, PAGE, type TestOptions } from '../fake-memory.js';

type Row = readonly [addr: bigint, length: bigint, flags: number, answer: bigint | string];

function spaceWithVdso(top: bigint, options: TestOptions = {}, pages = 8n): AddressSpace {
  const { mm } = makeSpace({ tuning: { capRawIo: true }, ...options });
  const range = { start: top - pages * PAGE, end: top };
  mm.insertSpecial(range, VM_READ | VM_MAYREAD | VM_DONTEXPAND, '[vdso]');
  mm.mapStack(PAGE, 'disable');
  return mm;
}

function expectRows(mm: AddressSpace, rows: readonly Row[]): void {
  const answers = rows.map(([addr, length, flags]) => {
    const result = mm.mmap({ addr, length, prot: 3, flags, file: undefined, pageOffset: 0n });
    return result.ok ? result.value : result.errno;
  });
  const hex = (value: bigint | string): string => value.toString(16);
  expect(answers.map(hex)).toEqual(rows.map(([, , , answer]) => hex(answer)));
  mm.checkInvariants();
}

describe('x86-64, top-down', () => {
  const rows: readonly Row[] = [
    [0n, 0x1000n, 0x22, 0x7ffff7ff6000n],
    // Anonymous private memory in whole 2 MiB is aligned to 2 MiB, shared memory is not.
    [0n, 0x200000n, 0x22, 0x7ffff7c00000n],
    [0n, 0x201000n, 0x22, 0x7ffff79ff000n],
    [0n, 0x200000n, 0x21, 0x7ffff77ff000n],
    [0n, 0x400000n, 0x22, 0x7ffff7200000n],
    [0n, 0x1000n, 0x22, 0x7ffff7ff5000n],
    // A free hint is taken, an occupied one or one within the first page is not.
    [0x7ffff0001000n, 0x2000n, 0x22, 0x7ffff0001000n],
    [0x7ffff0002000n, 0x1000n, 0x22, 0x7ffff7ff4000n],
    [0x100n, 0x1000n, 0x22, 0x7ffff7ff3000n],
    // 1 MiB below a growing mapping stays free.
    [0x20000000n, 0x1000n, 0x122, 0x20000000n],
    [0x1fffe000n, 0x1000n, 0x22, 0x7ffff7ff2000n],
    [0x1feff000n, 0x1000n, 0x22, 0x1feff000n],
    [0x1fefe000n, 0x2000n, 0x22, 0x7ffff7ff0000n],
    [0x1234567n, 0x1000n, 0x22, 0x1234000n],
    [0x7ffffffff000n, 0x1000n, 0x22, 0x7ffff7fef000n],
    [0xffffffffff000000n, 0x1000n, 0x22, 0x7ffff7fee000n],
    [0n, 0x7ffffffff000n, 0x22, 'ENOMEM'],
    [0n, 0x7f0000000000n, 0x4022, 0xfff0000000n],
    [0n, 0x7ffffffef000n, 0x4022, 'ENOMEM'],
    // Fixed addresses: past the end, and at the very bottom with the right to it.
    [0x800000000000n, 0x1000n, 0x32, 'ENOMEM'],
    [0x7ffffffff000n, 0x1000n, 0x32, 'ENOMEM'],
    [0x1n, 0x1000n, 0x32, 'EINVAL'],
    [0n, 0x1000n, 0x32, 0n],
    [0x1000n, 0x1000n, 0x32, 0x1000n],
    // A hint below vm.mmap_min_addr moves up to it.
    [0xf000n, 0x1000n, 0x22, 0x10000n],
    // MAP_32BIT searches upwards from 1 GiB, below 2 GiB.
    [0n, 0x1000n, 0x62, 0x40000000n],
    [0n, 0x1000n, 0x62, 0x40001000n],
    [0n, 0x200000n, 0x62, 0x40200000n],
    [0x50000000n, 0x1000n, 0x62, 0x50000000n],
    [0x50000000n, 0x1000n, 0x62, 0x40002000n],
    [0x90000000n, 0x1000n, 0x62, 0x40003000n],
    [0n, 0x40000000n, 0x4062, 'ENOMEM'],
  ];

  it('answers as the kernel', () => {
    expectRows(spaceWithVdso(0x7ffff7fff000n), rows);
  });
});

describe('x86-64, bottom-up (ADDR_COMPAT_LAYOUT)', () => {
  it('answers as the kernel', () => {
    const mm = spaceWithVdso(0x2aaaaaab3000n, { layout: 'linux-x86-64-legacy' });
    expectRows(mm, [
      [0n, 0x1000n, 0x22, 0x2aaaaaab3000n],
      [0n, 0x200000n, 0x22, 0x2aaaaac00000n],
      [0n, 0x201000n, 0x22, 0x2aaaaae00000n],
      [0n, 0x200000n, 0x21, 0x2aaaab001000n],
      [0n, 0x400000n, 0x22, 0x2aaaab400000n],
      [0n, 0x1000n, 0x22, 0x2aaaaaab4000n],
      [0x20000000n, 0x1000n, 0x122, 0x20000000n],
      [0x1fffe000n, 0x1000n, 0x22, 0x2aaaaaab5000n],
      [0x1feff000n, 0x1000n, 0x22, 0x1feff000n],
      [0n, 0x7f0000000000n, 0x4022, 'ENOMEM'],
    ]);
  });
});

describe('i386 on a 64-bit kernel', () => {
  it('answers as the kernel: no alignment, arguments without sign', () => {
    const mm = spaceWithVdso(0xf7ffe000n, { arch: 'i386' });
    mapAt(mm, 0x8048000n, 5);
    expectRows(mm, [
      [0n, 0x1000n, 0x22, 0xf7ff5000n],
      [0n, 0x200000n, 0x22, 0xf7df5000n],
      [0n, 0x400000n, 0x22, 0xf79f5000n],
      [0xffffe000n, 0x1000n, 0x32, 'ENOMEM'],
      [0n, 0xffffffffn, 0x22, 'ENOMEM'],
      [0n, 0xf0000000n, 0x22, 'ENOMEM'],
      // MAP_32BIT means nothing to a 32-bit program.
      [0n, 0x1000n, 0x62, 0xf79f4000n],
    ]);
  });
});

describe('other layouts', () => {
  it('i386 native ends at 3 GiB', () => {
    const { mm } = makeSpace({ arch: 'i386', layout: 'linux-i386' });
    expectRows(mm, [
      [0n, 0x1000n, 0x22, 0xb7fff000n],
      [0xbffff000n, 0x1000n, 0x32, 0xbffff000n],
      [0xc0000000n, 0x1000n, 0x32, 'ENOMEM'],
      [0n, 0xffffffffn, 0x22, 'ENOMEM'],
    ]);
  });

  it('classic goes up from 1 GiB and lets page 0 be mapped', () => {
    const { mm } = makeSpace({ arch: 'i386', layout: 'linux-i386-classic' });
    expectRows(mm, [
      [0n, 0x1000n, 0x22, 0x40000000n],
      [0n, 0x3000n, 0x22, 0x40001000n],
      [0n, 0x1000n, 0x32, 0n],
    ]);
  });

  it('refuses fixed addresses below vm.mmap_min_addr to ordinary users', () => {
    const { mm } = makeSpace();
    expectRows(mm, [
      [0xf000n, 0x1000n, 0x32, 'EPERM'],
      [0x10000n, 0x1000n, 0x32, 0x10000n],
    ]);
  });
});

describe('the search', () => {
  it('uses the gap that fits, highest first, and falls back to searching upwards', () => {
    const { mm } = makeSpace({ arch: 'i386', layout: 'linux-i386' });
    mapAt(mm, 0x10000n, (0xb8000000 - 0x10000) / 4096, 0);
    mm.munmap(0x50000000n, 0x2000n);
    mm.munmap(0x60000000n, 0x1000n);
    expectRows(mm, [
      [0n, 0x1000n, 0x22, 0x60000000n],
      [0n, 0x1000n, 0x22, 0x50001000n],
      [0n, 0x2000n, 0x22, 0xb8000000n],
    ]);
  });

  it('keeps the guard gap of a stack free from above as well as for hints', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN);
    expectRows(mm, [
      [BASE - 0x100000n, PAGE, 0x22, 0x7ffff7ffe000n],
      [BASE - 0x101000n, PAGE, 0x22, BASE - 0x101000n],
      // A fixed mapping does not care.
      [BASE - PAGE, PAGE, 0x22 | MAP_FIXED, BASE - PAGE],
    ]);
  });

  it('passes over a gap that is too small without heeding the guard gap above it', () => {
    const { mm } = makeSpace({ arch: 'i386', layout: 'linux-i386' });
    mapAt(mm, BASE, 0xb000_0000 / 4096, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN);
    mapAt(mm, BASE - PAGE, 1, 1);
    expectRows(mm, [
      // Right below the lower mapping, within 1 MiB of the growing one.
      [0n, 0x2000n, 0x22, BASE - 0x3000n],
    ]);
    mapAt(mm, BASE - PAGE, 1, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN);
    mm.munmap(BASE - 0x3000n, 0x2000n);
    mapAt(mm, BASE - 0x4000n, 1, 1);
    // A gap that would do ends at a growing mapping: from here on its guard gap counts.
    expectRows(mm, [[0n, 0x2000n, 0x22, BASE - PAGE - 0x102000n]]);
  });

  it('ignores hints when a policy says so, for all mappings or for files', () => {
    const policies = { ...noPolicies, effects: { ignoreHints: 'all' as const } };
    expectRows(makeSpace({ policies }).mm, [
      [BASE, PAGE, 0x22, 0x7ffff7ffe000n],
      [BASE, PAGE, 0x32, BASE],
    ]);
    const files = { ...noPolicies, effects: { ignoreHints: 'files' as const } };
    expectRows(makeSpace({ policies: files }).mm, [[BASE, PAGE, 0x22, BASE]]);
  });
});
