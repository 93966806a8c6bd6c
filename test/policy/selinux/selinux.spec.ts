/** Rules, object table, presets, story and tricky cases of policies.md section 6, with section 17. */
import { describe, expect, it } from 'vitest';
import type { MemoryObject } from '../../../src/memory/object.js';
import type { MmFacts, TaskFacts } from '../../../src/policy/policy.js';
import { parsePolicy } from '../../../src/policy/registry.js';
import { auditString, avcLine } from '../../../src/policy/selinux/avc.js';
import { labelByPath } from '../../../src/policy/selinux/file-contexts.js';
import { change, doProtect, facts, mapping, object, prot, text, vma } from '../support.js';

const policy = (options = '') =>
  parsePolicy(options === '' ? 'selinux' : `selinux:${options}`).policies[0]!;

const NOTHING = 'domain=confined';
const ALL = 'execmem=allow,execmod=allow,execheap=allow,execstack=allow,execute=allow';

const zero = object({
  kind: 'zero',
  path: '/dev/zero',
  superblock: 'devtmpfs',
  inode: 5,
  label: { type: 'zero_device_t', class: 'chr_file' },
});
const memfd = object({
  kind: 'memfd',
  path: '/memfd:jit (deleted)',
  label: { type: 'user_tmp_t', class: 'file' },
});
const sharedAnonymous = object({
  kind: 'shmem',
  path: '/dev/zero (deleted)',
  inodePrivate: true,
  label: { type: 'tmpfs_t', class: 'file' },
});
const sysv = object({ ...sharedAnonymous, kind: 'sysv-shm', path: '/SYSV00000000 (deleted)' });
const file = object({ path: '/tmp/code' });
const library = object({ path: '/usr/lib/libx.so', label: { type: 'lib_t', class: 'file' } });

const PRIVATE = 0x02;
const SHARED = 0x01;
const SHARED_VALIDATE = 0x03;

function map(
  options: string,
  rights: string,
  target: MemoryObject | undefined,
  mapFlags = PRIVATE,
  given: MmFacts = facts(),
): string {
  const flags = prot(rights);
  const request = mapping('', { prot: flags, flags, object: target, mapFlags });
  return text(policy(options).mmapFile?.(request, given));
}

interface Memory {
  readonly object?: MemoryObject;
  readonly rights?: string;
  readonly written?: boolean;
  readonly shared?: boolean;
  readonly at?: readonly [start: bigint, end: bigint];
}

function protect(options: string, memory: Memory, rights: string, given = facts()): string {
  const [start, end] = memory.at ?? [0x7000_0000n, 0x7000_4000n];
  const before = vma(`${memory.rights ?? 'rw'} RWX${memory.shared ? 'sS' : ''}`, {
    start,
    end,
    object: memory.object,
    anonVma: memory.written ?? false,
  });
  return text(policy(options).mprotect?.(before, change(before, rights), given));
}

const HEAP = [0x60_0000n, 0x62_1000n] as const;

describe('selinux: what each kind of memory asks for', () => {
  it.each([
    ['private anonymous RX', 'rx', undefined, PRIVATE, 'EACCES selinux/execmem'],
    ['private anonymous RWX', 'rwx', undefined, PRIVATE, 'EACCES selinux/execmem'],
    ['shared anonymous RX', 'rx', undefined, SHARED, 'EACCES selinux/execmem'],
    ['private file RX', 'rx', file, PRIVATE, 'EACCES selinux/execute'],
    ['private file RWX', 'rwx', file, PRIVATE, 'EACCES selinux/execmem'],
    ['shared file RWX', 'rwx', file, SHARED, 'EACCES selinux/execute'],
    ['shared-validate file RWX', 'rwx', file, SHARED_VALIDATE, 'EACCES selinux/execmem'],
    ['library RX', 'rx', library, PRIVATE, 'ok'],
    ['library RWX private', 'rwx', library, PRIVATE, 'EACCES selinux/execmem'],
    ['/dev/zero RX', 'rx', zero, PRIVATE, 'EACCES selinux/execute'],
    ['memfd RX shared', 'rx', memfd, SHARED, 'EACCES selinux/execute'],
    ['SysV shm RX', 'rx', sysv, SHARED, 'EACCES selinux/execmem'],
    ['anonymous RW', 'rw', undefined, PRIVATE, 'ok'],
    ['file RW', 'rw', file, PRIVATE, 'ok'],
  ])('mmap of %s, nothing allowed: %s', (_what, rights, target, flags, expected) => {
    expect(map(NOTHING, rights, target, flags)).toBe(expected);
    expect(map(ALL, rights, target, flags)).toBe('ok');
  });

  it.each([
    ['anonymous', {}, 'rx', 'EACCES selinux/execmem'],
    ['anonymous, already executable', { rights: 'rx' }, 'rx', 'EACCES selinux/execmem'],
    ['shared anonymous', { object: sharedAnonymous, shared: true }, 'rx', 'EACCES selinux/execmem'],
    ['heap', { at: HEAP }, 'rx', 'EACCES selinux/execheap'],
    ['file, unwritten', { object: file }, 'rx', 'EACCES selinux/execute'],
    ['file, written', { object: file, written: true }, 'rx', 'EACCES selinux/execmod'],
    [
      'file, written, was executable',
      { object: file, written: true, rights: 'rwx' },
      'rx',
      'EACCES selinux/execute',
    ],
    ['/dev/zero, unwritten', { object: zero }, 'rx', 'EACCES selinux/execute'],
    ['/dev/zero, written', { object: zero, written: true }, 'rx', 'EACCES selinux/execmod'],
    ['library, written', { object: library, written: true }, 'rx', 'EACCES selinux/execmod'],
    ['library to RWX', { object: library }, 'rwx', 'EACCES selinux/execmem'],
    ['shared memfd to RWX', { object: memfd, shared: true }, 'rwx', 'EACCES selinux/execute'],
    ['heap losing execute', { at: HEAP, rights: 'rwx' }, 'rw', 'ok'],
  ])('mprotect of %s to executable, nothing allowed: %s', (_what, memory, rights, expected) => {
    expect(protect(NOTHING, memory, rights)).toBe(expected);
    expect(protect(ALL, memory, rights)).toBe('ok');
  });

  it('execheap and execstack do not replace execmem, execmod does not replace execute', () => {
    expect(protect('execmem=deny,execheap=allow', { at: HEAP }, 'rx')).toBe(
      'EACCES selinux/execmem',
    );
    const stack = { at: [0x7fff_fff0_0000n, 0x7fff_ffff_f000n] } as const;
    expect(protect('execmem=deny,execstack=allow', stack, 'rx')).toBe('EACCES selinux/execmem');
    expect(protect('execmod=allow,execute=deny', { object: file, written: true }, 'rx')).toBe(
      'EACCES selinux/execute',
    );
  });

  it('execmem denied, the rest allowed: files and memfds still become executable', () => {
    const only = `execmem=deny,${ALL.slice(ALL.indexOf(',') + 1)}`;
    expect(protect(only, { object: zero, written: true }, 'rx')).toBe('ok');
    expect(protect(only, { object: file, written: true }, 'rx')).toBe('ok');
    expect(map(only, 'rwx', memfd, SHARED)).toBe('ok');
    expect(protect(only, { object: sharedAnonymous, shared: true }, 'rx')).toBe(
      'EACCES selinux/execmem',
    );
  });

  it('does not look at brk, stacks at exec, mremap or address', () => {
    const { implicit, mremap, mmapFlags, mmapRegion } = policy();
    expect([implicit, mremap, mmapFlags, mmapRegion]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('lets the program file itself execute, whatever its type', () => {
    const flags = prot('rx');
    const own = mapping('', { prot: flags, flags, object: file, origin: 'exec' });
    expect(text(policy(NOTHING).mmapFile?.(own, facts()))).toBe('ok');
    const both = mapping('', { prot: 7, flags: 7, object: file, origin: 'exec' });
    expect(text(policy(NOTHING).mmapFile?.(both, facts()))).toBe('EACCES selinux/execmem');
  });
});

describe('selinux: heap and stack by address', () => {
  const { startBrk, brk } = facts();
  it.each([
    ['6.5', 'inside', startBrk, brk, true],
    ['6.5', 'touching above', brk, brk + 0x1000n, false],
    ['6.5', 'touching below', startBrk - 0x1000n, startBrk, false],
    ['6.5', 'merged with bss', startBrk - 0x1000n, brk, false],
    ['6.6', 'touching above', brk, brk + 0x1000n, true],
    ['6.6', 'touching below', startBrk - 0x1000n, startBrk, true],
    ['6.10', 'merged with bss', startBrk - 0x1000n, brk, true],
    ['6.10', 'one page apart', brk + 0x1000n, brk + 0x2000n, false],
    ['6.11', 'touching above', brk, brk + 0x1000n, false],
    ['6.18', 'inside', startBrk + 0x1000n, brk, true],
    ['6.18', 'past an unaligned brk', startBrk, brk + 0x800n, false],
  ])('kernel %s, a VMA %s is heap: %s', (kernel, _where, start, end, heap) => {
    const verdict = protect(`kernel=${kernel}`, { at: [start, end] }, 'rx');
    expect(verdict).toBe(heap ? 'EACCES selinux/execheap' : 'ok');
  });

  it('takes a file mapping inside the heap for heap', () => {
    expect(protect('', { at: HEAP, object: memfd, written: true }, 'rx')).toBe(
      'EACCES selinux/execheap',
    );
  });

  const sp = facts().stackPointer;
  const start = facts().startStack;
  it.each([
    ['holds the start of the stack', [start - 0x1000n, start + 0x1000n], undefined, true],
    ['ends at the start of the stack', [start - 0x1000n, start], undefined, true],
    ['begins at the start of the stack', [start, start + 0x1000n], undefined, true],
    ['is a page split off the stack', [start - 0x9000n, start - 0x8000n], undefined, false],
    ["holds the caller's stack pointer", [0x1000_0000n, 0x1000_2000n], 0x1000_1000n, true],
    ["ends at the caller's stack pointer", [0x1000_0000n, 0x1000_2000n], 0x1000_2000n, true],
    ['belongs to another thread', [0x1000_0000n, 0x1000_2000n], sp, false],
  ] as const)('an anonymous VMA that %s', (_what, at, stackPointer, stack) => {
    const given = facts({ stackPointer: stackPointer ?? sp });
    expect(protect('execstack=deny', { at }, 'rx', given)).toBe(
      stack ? 'EACCES selinux/execstack' : 'ok',
    );
  });

  it('never takes a file mapping for a stack', () => {
    const at = [start - 0x1000n, start + 0x1000n] as const;
    expect(protect('execstack=deny', { at, object: memfd }, 'rx')).toBe('ok');
  });
});

describe('selinux: presets and booleans', () => {
  const cases: Record<string, (options: string) => string> = {
    execmem: (options) => protect(options, {}, 'rx'),
    execmod: (options) => protect(options, { object: file, written: true }, 'rx'),
    zero: (options) => protect(options, { object: zero, written: true }, 'rx'),
    execheap: (options) => protect(options, { at: HEAP }, 'rx'),
    execstack: (options) => protect(options, { at: [0x7fff_fff0_0000n, 0x7fff_ffff_f000n] }, 'rx'),
    execute: (options) => map(options, 'rx', file),
  };
  const allowed = (options: string): string =>
    Object.entries(cases)
      .filter(([, judge]) => judge(options) === 'ok')
      .map(([name]) => name)
      .join(' ');

  it.each([
    ['', 'execmem execmod execstack execute'],
    ['domain=unconfined-default', 'execmem execmod execstack execute'],
    ['domain=unconfined-strict', 'execmem execstack execute'],
    ['domain=confined', ''],
    ['domain=wine', 'execmem execmod execheap execstack execute'],
    // Heap and stack then fail at the second check, as in the kernel.
    ['allow_execmem=off', 'execmod execute'],
    ['deny_execmem=on', 'execmod execute'],
    ['allow_execheap=on', 'execmem execmod execheap execstack execute'],
    ['selinuxuser_execheap=on', 'execmem execmod execheap execstack execute'],
    ['allow_execmod=off', 'execmem execstack execute'],
    ['selinuxuser_execmod=off', 'execmem execstack execute'],
    ['domain=unconfined-strict,allow_execmod=on', 'execmem execmod execstack execute'],
    ['allow_execstack=off', 'execmem execmod execute'],
    ['selinuxuser_execstack=off', 'execmem execmod execute'],
    ['domain=confined,allow_execmem=on', ''],
    ['domain=confined,httpd_execmem=on', 'execmem execstack'],
    ['domain=confined,execmem=allow', 'execmem'],
    ['domain=confined,execute=allow', 'execute'],
    ['allow_execheap=on,execheap=deny', 'execmem execmod execstack execute'],
    ['execheap=allow', 'execmem execmod execheap execstack execute'],
    ['execmod=allow', 'execmem execmod zero execstack execute'],
    ['execmem=deny,execmod=deny,execheap=allow,execstack=deny', 'execute'],
  ])('%s: %s', (options, expected) => {
    expect(allowed(options)).toBe(expected);
  });

  it('grants everyone execmod on textrel_shlib_t', () => {
    const textrel = object({ label: { type: 'textrel_shlib_t', class: 'file' } });
    expect(protect(NOTHING, { object: textrel, written: true }, 'rx')).toBe('ok');
  });
});

describe('selinux: the story of seed 003', () => {
  it('stops /dev/zero by execmod and small posix_memalign by execheap; large and MAP_ANONYMOUS work', () => {
    for (const options of ['', 'domain=unconfined-strict']) {
      expect(map(options, 'rw', zero)).toBe('ok');
      expect(protect(options, { object: zero, written: true }, 'x')).toBe('EACCES selinux/execmod');
      expect(protect(options, { object: zero }, 'x')).toBe('ok');
      expect(protect(options, { at: HEAP }, 'x')).toBe('EACCES selinux/execheap');
      expect(protect(options, {}, 'x')).toBe('ok');
      expect(map(options, 'rx', library)).toBe('ok');
    }
  });
});

describe('selinux: READ_IMPLIES_EXEC and checkreqprot', () => {
  const request = mapping('', { prot: prot('rw'), flags: prot('rwx') });
  it.each([
    ['domain=confined', 'EACCES selinux/execmem'],
    ['domain=confined,kernel=3.10', 'ok'],
    ['domain=confined,kernel=3.10,checkreqprot=0', 'EACCES selinux/execmem'],
    ['domain=confined,kernel=6.3,checkreqprot=1', 'ok'],
    ['domain=confined,kernel=6.4,checkreqprot=1', 'EACCES selinux/execmem'],
  ])('%s: a mapping asked RW that becomes RWX gives %s', (options, expected) => {
    expect(text(policy(options).mmapFile?.(request, facts()))).toBe(expected);
  });

  it('took hidden shmem files for tmpfs files before 4.2', () => {
    const memory = { object: sharedAnonymous, shared: true };
    expect(protect('domain=confined,kernel=3.10', memory, 'rx')).toBe('EACCES selinux/execute');
    expect(protect('domain=confined,kernel=4.2', memory, 'rx')).toBe('EACCES selinux/execmem');
  });
});

describe('selinux: tricky cases', () => {
  it('a: is asked before the length is looked at, as hook mmapFile', () => {
    const empty = mapping('', { prot: 7, flags: 7, range: { start: 0n, end: 0n } });
    expect(text(policy(NOTHING).mmapFile?.(empty, facts()))).toBe('EACCES selinux/execmem');
  });

  it('m: an anonymous part is made executable before the heap part is refused', () => {
    const given = facts();
    expect(doProtect(policy(), vma('rw RWX'), 'rx', given).result).toBe('ok');
    const heap = vma('rw RWX', { start: HEAP[0], end: HEAP[1] });
    expect(doProtect(policy(), heap, 'rx', given).result).toBe('EACCES');
  });

  it('n: permissive mode allows, and logs every check that would fail', () => {
    const permissive = policy('domain=confined,mode=permissive');
    const heap = vma('rw RWX', { start: HEAP[0], end: HEAP[1] });
    const verdict = permissive.mprotect?.(heap, change(heap, 'rx'), facts());
    expect(text(verdict)).toBe('note selinux/execheap');
    expect(verdict?.log).toHaveLength(2);
    expect(verdict?.log?.[0]).toMatch(/\{ execheap \}.*permissive=1$/);
    expect(verdict?.log?.[1]).toMatch(/\{ execmem \}.*permissive=1$/);
  });
});

const TASK: TaskFacts = {
  pid: 4242,
  comm: 'jit',
  exe: '/usr/bin/jit',
  uid: 1000,
  euid: 1000,
  gid: 1000,
  egid: 1000,
  parent: { pid: 1, comm: 'init', exe: '/sbin/init' },
  now: { seconds: 1700000000, milliseconds: 7 },
  auditSerial: 99,
};
const UNCONFINED = 'unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023';

describe('AVC lines', () => {
  const withTask = facts({ task: TASK });

  it('has the form of the kernel log for a process permission', () => {
    const verdict = policy('execmem=deny').mmapFile?.(mapping('', { prot: 7, flags: 7 }), withTask);
    expect(verdict?.log).toEqual([
      `audit: type=1400 audit(1700000000.007:99): avc:  denied  { execmem } for  pid=4242 comm="jit" scontext=${UNCONFINED} tcontext=${UNCONFINED} tclass=process permissive=0`,
    ]);
  });

  it('has the form of auditd for a file permission', () => {
    const before = vma('rw RWX', { object: zero, anonVma: true });
    const verdict = policy('audit=auditd').mprotect?.(before, change(before, 'x'), withTask);
    expect(verdict?.log).toEqual([
      `type=AVC msg=audit(1700000000.007:99): avc:  denied  { execmod } for  pid=4242 comm="jit" path="/dev/zero" dev="devtmpfs" ino=5 scontext=${UNCONFINED} tcontext=system_u:object_r:zero_device_t:s0 tclass=chr_file permissive=0`,
    ]);
  });

  it('did not say permissive= before 3.17', () => {
    const verdict = policy('execmem=deny,kernel=3.10').mmapFile?.(
      mapping('', { prot: 7, flags: 7 }),
      withTask,
    );
    expect(verdict?.log?.[0]).toMatch(/tclass=process$/);
  });

  it.each([
    ['plain', '"plain"'],
    ['two words', '74776F20776F726473'],
    ['quo"te', '71756F227465'],
    ['ü', 'C3BC'],
    ['/memfd:x (deleted)', '2F6D656D66643A78202864656C6574656429'],
  ])('writes %s as %s', (given, expected) => {
    expect(auditString(given)).toBe(expected);
  });

  it('lists several permissions', () => {
    const line = avcLine(
      {
        permissions: ['read', 'execute'],
        sourceContext: 'a',
        targetContext: 'b',
        targetClass: 'file',
      },
      TASK,
      'auditd',
    );
    expect(line).toContain('{ read execute } for  pid');
  });
});

describe('labels by path', () => {
  it.each([
    ['/dev/zero', 'zero_device_t', 'chr_file'],
    ['/tmp/x', 'user_tmp_t', 'file'],
    ['/memfd:x (deleted)', 'user_tmp_t', 'file'],
    ['/lib64/ld-linux-x86-64.so.2', 'ld_so_t', 'file'],
    ['/usr/lib/libc.so.6', 'lib_t', 'file'],
    ['/usr/bin/env', 'bin_t', 'file'],
    ['/somewhere', 'default_t', 'file'],
  ])('%s is %s', (path, type, labelClass) => {
    expect(labelByPath(path)).toEqual({ type, class: labelClass });
  });

  it('stand in for a file that nobody labelled', () => {
    const unlabelled = object({
      path: '/usr/lib/liby.so',
      label: { type: 'unlabeled_t', class: 'file' },
    });
    expect(map(NOTHING, 'rx', unlabelled)).toBe('ok');
  });
});
