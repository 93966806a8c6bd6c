/** mmap: the errno of each check and which check comes first (policies.md 0.2), and what is made. */
import { describe, expect, it } from 'vitest';
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_HUGETLB,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  MAP_STACK,
  MAP_SYNC,
  READ_IMPLIES_EXEC,
} from '../../../../../src/abi/linux/mman.js';
import type { Frames } from '../../../../../src/memory/frames.js';
import {
  devZero,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_WRITE,
  PagedObject,
} from '../../../../../src/memory/objects.js';
import type {
  AddressSpace,
  MappedFile,
  MmapArgs,
} from '../../../../../src/os/linux/mm/address-space.js';
import { VM_MAYEXEC, VM_MAYWRITE, VM_SHARED } from '../../../../../src/os/linux/mm/vmas/vma.js';
import { deny, type MapRequest, narrow } from '../../../../../src/policy/policy.js';
import {
  BASE,
  type MmHooks,
  makeSpace,
  mapAt,
  openFile,
  PAGE,
  policiesOf,
  shape,
  type TestOptions,
} from '../fake-memory.js';

const PRIVATE_ANON = MAP_PRIVATE | MAP_ANONYMOUS;

function file(frames: Frames, changes: Partial<MappedFile> = {}, seals = 0): MappedFile {
  const init = { kind: 'file' as const, path: '/tmp/a', inode: 7, size: 8 * 4096, seals };
  return openFile(new PagedObject(frames, init), changes);
}

function attempt(mm: AddressSpace, args: Partial<MmapArgs>): bigint | string {
  const result = mm.mmap({
    addr: BASE,
    length: PAGE,
    prot: 3,
    flags: PRIVATE_ANON | MAP_FIXED,
    file: undefined,
    pageOffset: 0n,
    ...args,
  });
  return result.ok ? result.value : result.errno;
}

describe('errnos of anonymous mappings', () => {
  it.each<[string, Partial<MmapArgs>, string]>([
    ['M6 length 0', { length: 0n }, 'EINVAL'],
    ['M9 length that wraps', { length: (1n << 64n) - 1n }, 'ENOMEM'],
    ['M10 offset that wraps', { pageOffset: (1n << 64n) - 1n }, 'EOVERFLOW'],
    ['M10 before M12', { pageOffset: (1n << 64n) - 1n, addr: 1n }, 'EOVERFLOW'],
    ['M12 fixed address misaligned', { addr: BASE + 1n }, 'EINVAL'],
    ['M12 past the end', { addr: 0x7fff_ffff_f000n }, 'ENOMEM'],
    ['M12 past the end comes before misaligned', { addr: 0x7fff_ffff_f001n }, 'ENOMEM'],
    ['M12 below vm.mmap_min_addr', { addr: 0x1000n }, 'EPERM'],
    ['M12 before M23', { addr: BASE + 1n, flags: MAP_FIXED | MAP_ANONYMOUS }, 'EINVAL'],
    ['M23 no type', { flags: MAP_FIXED | MAP_ANONYMOUS }, 'EINVAL'],
    ['M23 MAP_SHARED_VALIDATE is for files', { flags: 0x33 }, 'EINVAL'],
    ['M23 unknown type', { flags: 0x34 }, 'EINVAL'],
    ['shared memory does not grow', { flags: 0x31 | MAP_GROWSDOWN }, 'EINVAL'],
    ['droppable memory cannot be locked', { flags: 0x38 | MAP_LOCKED }, 'EINVAL'],
    ['no huge pages by default', { flags: 0x32 | MAP_HUGETLB, length: 2n << 20n }, 'ENOMEM'],
    ['unknown huge page size', { flags: 0x32 | MAP_HUGETLB | (22 << 26) }, 'EINVAL'],
    ['huge page address misaligned', { flags: 0x32 | MAP_HUGETLB, addr: BASE + PAGE }, 'EINVAL'],
  ])('%s', (_name, args, errno) => {
    const { mm } = makeSpace();
    expect(attempt(mm, args)).toBe(errno);
    expect(mm.vmas).toEqual([]);
  });

  it('ignores prot bits that it does not know', () => {
    const { mm } = makeSpace();
    expect(attempt(mm, { prot: 0x7f000001 })).toBe(BASE);
    expect(shape(mm)).toEqual(['0+1 r--p']);
  });

  it('M13 MAP_FIXED_NOREPLACE refuses an overlap and leaves it alone', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 2);
    const flags = PRIVATE_ANON | MAP_FIXED_NOREPLACE;
    expect(attempt(mm, { addr: BASE + PAGE, length: 2n * PAGE, flags })).toBe('EEXIST');
    expect(attempt(mm, { addr: BASE + 2n * PAGE, flags })).toBe(BASE + 2n * PAGE);
    expect(attempt(mm, { addr: BASE + 1n, flags })).toBe('EINVAL');
  });

  it('M11 refuses more mappings than vm.max_map_count', () => {
    const { mm } = makeSpace({ tuning: { maxMapCount: 3 } });
    for (let i = 0n; i < 4n; i++)
      expect(attempt(mm, { addr: BASE + i * 0x2000n })).not.toBe('ENOMEM');
    expect(attempt(mm, { addr: BASE + 0x10000n })).toBe('ENOMEM');
  });
});

describe('limits', () => {
  const rows: [string, TestOptions, Partial<MmapArgs>, string][] = [
    ['RLIMIT_AS', { limits: { as: 4n * PAGE } }, { length: 5n * PAGE, prot: 0 }, 'ENOMEM'],
    ['RLIMIT_DATA', { limits: { data: 4n * PAGE } }, { length: 5n * PAGE }, 'ENOMEM'],
    [
      'RLIMIT_MEMLOCK',
      { limits: { memlock: PAGE } },
      { length: 2n * PAGE, flags: 0x2032 },
      'EAGAIN',
    ],
    ['no right to lock', { limits: { memlock: 0n } }, { flags: 0x2032 }, 'EPERM'],
    ['all of memory', { tuning: { totalPages: 10 } }, { length: 11n * PAGE }, 'ENOMEM'],
    [
      'commit limit',
      { tuning: { totalPages: 10, overcommit: 2 } },
      { length: 6n * PAGE },
      'ENOMEM',
    ],
    [
      'overcommit mode 2 ignores MAP_NORESERVE',
      { tuning: { totalPages: 10, overcommit: 2 } },
      { length: 6n * PAGE, flags: 0x32 | MAP_NORESERVE },
      'ENOMEM',
    ],
  ];
  it.each(rows)('%s', (_name, options, args, errno) => {
    expect(attempt(makeSpace(options).mm, args)).toBe(errno);
  });

  it('count only what they are about', () => {
    const small = { limits: { data: 4n * PAGE } };
    expect(attempt(makeSpace(small).mm, { length: 50n * PAGE, prot: 1 })).toBe(BASE);
    expect(attempt(makeSpace(small).mm, { length: 50n * PAGE, flags: 0x31 })).toBe(BASE);
    const tight = { tuning: { totalPages: 10 } };
    expect(attempt(makeSpace(tight).mm, { length: 50n * PAGE, prot: 0 })).toBe(BASE);
    expect(attempt(makeSpace(tight).mm, { length: 50n * PAGE, flags: 0x4032 })).toBe(BASE);
  });

  it('count what a fixed mapping replaces as gone', () => {
    const { mm } = makeSpace({ limits: { as: 4n * PAGE } });
    mapAt(mm, BASE, 4);
    expect(attempt(mm, { length: 4n * PAGE })).toBe(BASE);
    expect(attempt(mm, { length: 5n * PAGE })).toBe('ENOMEM');
    expect(shape(mm)).toEqual(['0+4 rw-p']);
  });

  it('let a reservation of 1 TiB cost nothing', () => {
    const { mm, memory } = makeSpace();
    expect(attempt(mm, { addr: 0x100_0000_0000n, length: 1n << 40n, prot: 0 })).toBe(1n << 40n);
    expect(mm.munmap(1n << 40n, 1n << 40n).ok).toBe(true);
    expect(memory.framesInUse).toBe(0);
  });
});

describe('errnos of file mappings', () => {
  const shared = MAP_SHARED | MAP_FIXED;
  it.each<[string, Partial<MappedFile>, Partial<MmapArgs>, string]>([
    [
      'M17 shared and writable, not opened for writing',
      { writable: false },
      { flags: shared },
      'EACCES',
    ],
    ['M18 append-only', { appendOnly: true }, { flags: shared, prot: 1 }, 'EACCES'],
    ['M20 not opened for reading', { readable: false }, { prot: 2 }, 'EACCES'],
    ['M20 before M21', { readable: false, noexecMount: true }, { prot: 4 }, 'EACCES'],
    ['M21 executable from a noexec mount', { noexecMount: true }, { prot: 5 }, 'EPERM'],
    ['M21 before M22', { noexecMount: true, mappable: false }, { prot: 5 }, 'EPERM'],
    ['M22 no mmap operation', { mappable: false }, {}, 'ENODEV'],
    ['M23 no type', {}, { flags: MAP_FIXED }, 'EINVAL'],
    ['files do not grow', {}, { flags: 0x12 | MAP_GROWSDOWN }, 'EINVAL'],
    ['a huge page flag is not for files', {}, { flags: 0x12 | MAP_HUGETLB }, 'EINVAL'],
    ['offset past what a file can hold', {}, { pageOffset: 1n << 51n }, 'EOVERFLOW'],
    [
      'MAP_SYNC needs MAP_SHARED_VALIDATE and a device',
      {},
      { flags: 0x13 | MAP_SYNC },
      'EOPNOTSUPP',
    ],
    ['a flag beyond 32 bits with MAP_SHARED_VALIDATE', {}, { flags: 0x13 + 2 ** 40 }, 'EOPNOTSUPP'],
  ])('%s', (_name, changes, args, errno) => {
    const { mm, frames } = makeSpace();
    const flags = MAP_PRIVATE | MAP_FIXED;
    expect(attempt(mm, { flags, file: file(frames, changes), ...args })).toBe(errno);
  });

  it('MAP_SHARED ignores flags that MAP_SHARED_VALIDATE refuses', () => {
    const { mm, frames } = makeSpace();
    const flags = shared | MAP_SYNC;
    expect(attempt(mm, { flags, file: file(frames) })).toBe(BASE);
    const validated = MAP_SHARED_VALIDATE | MAP_FIXED;
    expect(attempt(mm, { flags: validated, file: file(frames) })).toBe(BASE);
  });

  it('M19 a shared mapping of a read-only description can never become writable', () => {
    const { mm, frames } = makeSpace();
    attempt(mm, { flags: shared, prot: 1, file: file(frames, { writable: false }) });
    expect(mm.smapsFlags(mm.find(BASE)!)).toEqual(['rd', 'mr', 'me', 'ms']);
    expect(shape(mm)).toEqual(['0+1 r--s']);
    expect(mm.mprotect(BASE, PAGE, 3n)).toEqual({ ok: false, errno: 'EACCES' });
  });

  it('M21 a mapping from a noexec mount can never become executable', () => {
    const { mm, frames } = makeSpace();
    mm.personality = READ_IMPLIES_EXEC;
    attempt(mm, { flags: MAP_PRIVATE | MAP_FIXED, file: file(frames, { noexecMount: true }) });
    expect(shape(mm)).toEqual(['0+1 rw-p']);
    expect(mm.mprotect(BASE, PAGE, 1n).ok).toBe(true);
    expect(mm.mprotect(BASE, PAGE, 5n)).toEqual({ ok: false, errno: 'EACCES' });
  });

  it.each([
    ['F_SEAL_WRITE', F_SEAL_WRITE],
    ['F_SEAL_FUTURE_WRITE', F_SEAL_FUTURE_WRITE],
  ])('%s refuses new writable views and keeps others from becoming writable', (_name, seal) => {
    const { mm, frames } = makeSpace();
    const sealed = file(frames, {}, seal);
    expect(attempt(mm, { flags: shared, file: sealed })).toBe('EPERM');
    expect(attempt(mm, { flags: shared, prot: 1, file: sealed })).toBe(BASE);
    expect(mm.mprotect(BASE, PAGE, 3n)).toEqual({ ok: false, errno: 'EACCES' });
    expect(attempt(mm, { flags: MAP_PRIVATE | MAP_FIXED, file: sealed })).toBe(BASE);
  });
});

describe('what is made', () => {
  // smaps of a program that made these mappings on Linux 6.18.
  it.each([
    ['plain', 3, PRIVATE_ANON, 'rd wr mr mw me ac'],
    ['read-only', 1, PRIVATE_ANON, 'rd mr mw me'],
    ['shared', 3, MAP_SHARED | MAP_ANONYMOUS, 'rd wr sh mr mw me ms'],
    ['stack hint', 3, PRIVATE_ANON | MAP_STACK, 'rd wr mr mw me ac nh'],
    ['not reserved', 3, PRIVATE_ANON | MAP_NORESERVE, 'rd wr mr mw me nr'],
    ['droppable', 3, 0x28, 'rd wr mr mw me nr wf dd dp'],
    ['locked', 3, PRIVATE_ANON | MAP_LOCKED, 'rd wr mr mw me lo ac'],
    ['growing', 3, PRIVATE_ANON | MAP_GROWSDOWN, 'rd wr mr mw me gd ac'],
  ])('%s memory has the kernel’s flags', (_name, prot, flags, expected) => {
    const { mm } = makeSpace();
    attempt(mm, { prot, flags: flags | MAP_FIXED });
    expect(mm.smapsFlags(mm.find(BASE)!).join(' ')).toBe(expected);
  });

  it('READ_IMPLIES_EXEC makes what is readable executable', () => {
    const { mm } = makeSpace();
    mm.personality = READ_IMPLIES_EXEC;
    attempt(mm, { prot: 1 });
    attempt(mm, { prot: 2, addr: BASE + 2n * PAGE });
    expect(shape(mm)).toEqual(['0+1 r-xp', '2+1 -w-p']);
  });

  it('shared anonymous memory and shared /dev/zero have hidden objects of their own', () => {
    const { mm } = makeSpace();
    attempt(mm, { flags: MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED });
    attempt(mm, { addr: BASE + PAGE, flags: MAP_SHARED | MAP_FIXED, file: openFile(devZero()) });
    const [first, second] = mm.vmas.map(({ object }) => object!);
    expect([first!.path, first!.inodePrivate]).toEqual(['/dev/zero (deleted)', true]);
    expect(second!.kind).toBe('shmem');
    expect(second).not.toBe(first);
  });

  it('private /dev/zero keeps its file', () => {
    const { mm } = makeSpace();
    const zero = openFile(devZero());
    attempt(mm, { flags: MAP_PRIVATE | MAP_FIXED, file: zero });
    expect(mm.find(BASE)!.object).toBe(zero.object);
    expect(mm.mapsText()).toMatch(/rw-p 00000000 00:06 4 +\/dev\/zero\n$/);
  });

  it('MAP_POPULATE touches every page', () => {
    const { mm, memory } = makeSpace();
    attempt(mm, { length: 4n * PAGE, flags: PRIVATE_ANON | MAP_FIXED | MAP_POPULATE });
    expect(memory.framesInUse).toBe(4);
    expect(mm.find(BASE)!.anonVma).toBe(true);
  });

  it('huge pages come from the pool, aligned, and return to it', () => {
    const hugePool = { free: 2 };
    const { mm, memory } = makeSpace({ tuning: { hugePool } });
    const flags = PRIVATE_ANON | MAP_HUGETLB;
    const first = attempt(mm, { addr: 0n, flags, length: 1n });
    expect(first).toBe(0x7ffff7c00000n);
    expect(mm.vmas[0]!.end - mm.vmas[0]!.start).toBe(2n << 20n);
    expect(mm.smapsFlags(mm.vmas[0]!)).toEqual(['rd', 'wr', 'mr', 'mw', 'me', 'de', 'ht']);
    expect(attempt(mm, { addr: 0n, flags, length: 4n << 20n })).toBe('ENOMEM');
    expect(mm.munmap(0x7ffff7c00000n, PAGE)).toEqual({ ok: false, errno: 'EINVAL' });
    expect(mm.munmap(0x7ffff7c00000n, 2n << 20n).ok).toBe(true);
    expect([hugePool.free, memory.framesInUse]).toEqual([2, 0]);
  });

  it('huge pages that were not reserved raise SIGBUS when the pool is empty', () => {
    const { mm } = makeSpace();
    const flags = PRIVATE_ANON | MAP_HUGETLB | MAP_NORESERVE | MAP_FIXED;
    expect(attempt(mm, { flags, length: 2n << 20n })).toBe(BASE);
    expect(mm.store(BASE, Uint8Array.of(1))).toMatchObject({ code: 'BUS_ADRERR' });
  });
});

describe('policies', () => {
  const refuse = () => deny('EACCES', 'test/no', 'no');

  it('M5 the security module speaks before length and address are looked at', () => {
    const { mm } = makeSpace({ policies: policiesOf({ mmapFile: refuse }) });
    expect(attempt(mm, { length: 0n, addr: 1n })).toBe('EACCES');
  });

  it('M5 sees what READ_IMPLIES_EXEC adds, and the caller’s own prot', () => {
    const seen: MapRequest[] = [];
    const policies = policiesOf({
      mmapFile: (request) => {
        seen.push(request);
        return { kind: 'allow' };
      },
    });
    const { mm, frames } = makeSpace({ policies });
    mm.personality = READ_IMPLIES_EXEC;
    attempt(mm, { prot: 1 });
    attempt(mm, { prot: 1, flags: 0x12, file: file(frames, { noexecMount: true }) });
    expect(seen.map(({ prot, flags }) => [prot, flags & 7])).toEqual([
      [1, 5],
      [1, 1],
    ]);
  });

  it('M15b comes after the address checks and before the file’s', () => {
    const { mm, frames } = makeSpace({
      policies: policiesOf({ mmapFlags: () => deny('EPERM', 'a/b', '') }),
    });
    expect(attempt(mm, { addr: BASE + 1n })).toBe('EINVAL');
    expect(attempt(mm, { flags: 0x12, file: file(frames, { mappable: false }) })).toBe('EPERM');
  });

  it('M24 comes after the file’s checks, before anything is unmapped', () => {
    const hooks: MmHooks = { mmapRegion: refuse };
    const { mm, frames } = makeSpace({ policies: policiesOf(hooks) });
    const unmappable = file(frames, { mappable: false });
    expect(attempt(mm, { flags: 0x12, file: unmappable })).toBe('ENODEV');
    hooks.mmapRegion = () => ({ kind: 'allow' });
    mapAt(mm);
    mm.store(BASE, Uint8Array.of(5));
    hooks.mmapRegion = refuse;
    expect(attempt(mm, {})).toBe('EACCES');
    expect(mm.load(BASE, 1)).toEqual(Uint8Array.of(5));
  });

  it('M26 leaves a hole where it refuses', () => {
    const hooks: MmHooks = {};
    const { mm } = makeSpace({ policies: policiesOf(hooks) });
    mapAt(mm, BASE, 3);
    hooks.mmapRegionPost = refuse;
    expect(attempt(mm, { addr: BASE + PAGE })).toBe('EACCES');
    expect(shape(mm)).toEqual(['0+1 rw-p', '2+1 rw-p']);
  });

  it('narrow takes may bits away for good and stands in the history', () => {
    const policies = policiesOf({
      mmapRegion: ({ flags }) => narrow(flags & ~VM_MAYEXEC, 'test/never-exec', 'never again'),
    });
    const { mm } = makeSpace({ policies });
    mm.cause = 'mmap(...)';
    attempt(mm, {});
    expect(mm.find(BASE)!.flags & (VM_MAYEXEC | VM_MAYWRITE | VM_SHARED)).toBe(VM_MAYWRITE);
    expect(mm.mprotect(BASE, PAGE, 5n)).toEqual({ ok: false, errno: 'EACCES' });
    expect(mm.history(BASE)).toMatchObject([
      { cause: 'mmap(...)', before: undefined, rule: 'test/never-exec', reason: 'never again' },
    ]);
  });

  it('a kill is left for the kernel to carry out', () => {
    const verdict = { kind: 'kill', signal: 'SIGABRT', rule: 'a/b', reason: '' } as const;
    const { mm } = makeSpace({ policies: policiesOf({ mmapRegion: () => verdict }) });
    expect(attempt(mm, {})).toBe('EPERM');
    expect(mm.killed).toBe(verdict);
    expect(mm.vmas).toEqual([]);
  });
});

describe('events', () => {
  it('tell what goes and what comes, with the cause', () => {
    const { mm, events } = makeSpace();
    mapAt(mm, BASE, 3);
    events.length = 0;
    mm.cause = 'mmap';
    mapAt(mm, BASE + PAGE, 1, 1);
    expect(
      events.map(({ op, before, after, cause }) => [op, before?.start, after?.start, cause]),
    ).toEqual([
      ['remove', BASE + PAGE, undefined, 'mmap'],
      ['insert', undefined, BASE + PAGE, 'mmap'],
    ]);
  });
});
