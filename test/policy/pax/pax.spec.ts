/** Rules, marks, logs and tricky cases of policies.md section 3. */
import { describe, expect, it } from 'vitest';
import { MayexecError } from '../../../src/base/errors.js';
import { VM_GROWSDOWN, type Vma } from '../../../src/os/linux/mm/vmas/vma.js';
import type { FaultContext, MmFacts, TaskFacts } from '../../../src/policy/policy.js';
import { parsePolicy } from '../../../src/policy/registry.js';
import { elfObject, image } from '../elf-fixture.js';
import {
  change,
  doMap,
  doProtect,
  facts,
  letters,
  mapping,
  object,
  text,
  vm,
  vma,
} from '../support.js';

const pax = (options = '', arch: 'i386' | 'x86-64' = 'x86-64') =>
  parsePolicy(options === '' ? 'pax' : `pax:${options}`, { arch, os: 'linux' }).policies[0]!;
const effects = (options = '', arch: 'i386' | 'x86-64' = 'x86-64') =>
  parsePolicy(options === '' ? 'pax' : `pax:${options}`, { arch, os: 'linux' }).effects;

const TASK: TaskFacts = {
  pid: 4242,
  comm: 'jit',
  exe: '/usr/bin/jit',
  uid: 1000,
  euid: 1001,
  gid: 100,
  egid: 101,
  parent: { pid: 7, comm: 'sh', exe: '/bin/sh' },
  now: { seconds: 0, milliseconds: 0 },
  auditSerial: 1,
};
const SUBJECT =
  '/usr/bin/jit[jit:4242] uid/euid:1000/1001 gid/egid:100/101, parent /bin/sh[sh:7] uid/euid:0/0 gid/egid:0/0';
const withTask = facts({ task: TASK });

describe('pax MPROTECT: mmap', () => {
  it.each([
    ['rwx', 'EPERM pax/mprotect-mmap'],
    ['wx', 'EPERM pax/mprotect-mmap'],
    ['rw', 'narrow rw RW'],
    ['r', 'narrow r RW'],
    ['', 'narrow  RW'],
    ['rx', 'narrow rx RX'],
    ['x', 'narrow x RX'],
    ['rws S', 'narrow rws RWS'],
    ['r RW', 'ok'],
    ['rx RX', 'ok'],
  ])('of %j: %s', (rights, expected) => {
    const flags = vm(/[RWX]/.test(rights) ? rights : `${rights}RWX`);
    const verdict = text(pax().mmapFlags?.(mapping('', { flags }), facts()));
    expect(verdict.replace('narrow RW', 'narrow  RW')).toBe(expected);
  });

  it.each([
    ['rwx', 'narrow rw RW'],
    ['rw', 'narrow rw RW'],
    ['rx', 'narrow rx RX'],
  ])('in 2004, of %j: %s', (rights, expected) => {
    expect(text(pax('era=2004').mmapFlags?.(mapping(rights), facts()))).toBe(expected);
  });

  it('is off with mprotect=off, and the rest stays', () => {
    const policy = pax('mprotect=off');
    expect([policy.mmapFlags, policy.mprotectRights]).toEqual([undefined, undefined]);
    expect(policy.fault).toBeDefined();
  });

  it('logs the line of grsecurity', () => {
    const anonymous = pax().mmapFlags?.(mapping('rwx'), withTask);
    expect(anonymous?.log).toEqual([`grsec: denied RWX mmap of <anonymous mapping> by ${SUBJECT}`]);
    const mapped = pax().mmapFlags?.(mapping('rwx', { object: object() }), withTask);
    expect(mapped?.log).toEqual([`grsec: denied RWX mmap of /tmp/code by ${SUBJECT}`]);
    expect(pax('rwxlog=off').mmapFlags?.(mapping('rwx'), withTask)?.log).toBeUndefined();
  });
});

describe('pax MPROTECT: mprotect', () => {
  const run = (first: string, steps: readonly string[], options = ''): string[] => {
    const policy = pax(options);
    let current = doMap(policy, mapping(first), facts()).vma;
    return steps.map((rights) => {
      const done = doProtect(policy, current, rights, facts());
      current = done.vma;
      return done.result;
    });
  };

  it.each([
    ['b', '', ['rwx'], ['EACCES']],
    ['c', 'rx', ['rw', 'rx'], ['EACCES', 'ok']],
    ['d', 'rw', ['r', 'rx'], ['ok', 'EACCES']],
    ['reserve, commit, flip', '', ['rw', 'rx'], ['ok', 'EACCES']],
    ['RX to R and back', 'rx', ['r', 'rx'], ['ok', 'ok']],
  ])('%s: mmap(%s), then %s: %s', (_case, first, steps, results) => {
    expect(run(first, steps)).toEqual(results);
  });

  it('n: with -m a writable page may become executable', () => {
    expect(run('rw', ['rx'], 'mprotect=off')).toEqual(['ok']);
  });

  it.each([
    ['<heap>', { start: 0x60_0000n, end: 0x62_1000n }],
    ['<stack>', { flags: vm('rw RW') | VM_GROWSDOWN }],
    ['<anonymous mapping>', {}],
    ['/tmp/code', { object: object() }],
  ])('logs a refused RWX of %s', (place, overrides: Partial<Vma>) => {
    const before = vma('rw RW', overrides);
    const verdict = pax().mprotectRights?.(before, change(before, 'rwx'), withTask);
    expect(text(verdict)).toBe('EACCES pax/mprotect-may');
    expect(verdict?.log).toEqual([`grsec: denied RWX mprotect of ${place} by ${SUBJECT}`]);
  });

  it('logs only requests for write or execute', () => {
    const before = vma(' W');
    const verdict = pax().mprotectRights?.(before, change(before, 'r'), withTask);
    expect(text(verdict)).toBe('EACCES pax/mprotect-may');
    expect(verdict?.log).toBeUndefined();
  });
});

describe('pax: heap, stack, fetches', () => {
  it.each([
    ['', 'rwx', 'narrow rw RW'],
    ['', 'rw', 'narrow rw RW'],
    ['mprotect=off', 'rwx', 'narrow rw RWX'],
    ['mprotect=off', 'rw', 'ok'],
  ])('with %j a heap asked %s: %s', (options, rights, expected) => {
    for (const origin of ['brk', 'stack'] as const) {
      expect(text(pax(options).implicit?.(mapping(rights, { origin }), facts()))).toBe(expected);
    }
  });

  const fault = (target: Vma | undefined, access: 'exec' | 'write', options = '') =>
    text(pax(options).fault?.(target, 0x7000_0010n, access, facts()));

  it('ends the task at a fetch from memory without execute, or from none', () => {
    expect(fault(vma('rw RW'), 'exec')).toBe('kill SIGKILL pax/no-exec');
    expect(fault(undefined, 'exec')).toBe('kill SIGKILL pax/no-exec');
    expect(fault(vma('rw RW'), 'write')).toBe('ok');
    expect(fault(vma('rx RX'), 'exec')).toBe('ok');
    expect(fault(vma('rw RWX'), 'exec', 'mprotect=off')).toBe('kill SIGKILL pax/no-exec');
  });

  it('with PAGEEXEC off nothing is killed and nothing needs execute', () => {
    const off = 'pageexec=off,mprotect=off';
    expect(pax(off).fault).toBeUndefined();
    expect(effects(off)).toMatchObject({ nx: true });
    expect(effects(off).ignoreGnuStack).toBeUndefined();
  });
});

describe('pax: the report of a killed task', () => {
  const memory = (arch: 'i386' | 'x86-64'): FaultContext => ({
    pc: arch === 'i386' ? 0x0804_b008n : 0x6010_08n,
    stackPointer: arch === 'i386' ? 0xbfff_f000n : 0x7fff_ffff_e000n,
    byteAt: (address) => (address % 0x1000n < 0xff8n ? Number(address & 0xffn) : undefined),
  });
  const report = (arch: 'i386' | 'x86-64', target: Vma | undefined, given: Partial<MmFacts> = {}) =>
    pax('', arch).fault?.(
      target,
      memory(arch).pc,
      'exec',
      facts({ arch, task: TASK, ...given }),
      memory(arch),
    ).log;

  it('has four lines on i386', () => {
    const heap = vma('rw RW', { start: 0x0804_b000n, end: 0x0806_c000n, pageOffset: 0x804b });
    const lines = report('i386', heap, { startBrk: 0x0804_b000n, brk: 0x0806_c000n });
    expect(lines?.[0]).toBe('PAX: execution attempt in: <heap>, 0804b000-0806c000 0804b000');
    expect(lines?.[1]).toBe(
      'PAX: terminating task: /usr/bin/jit(jit):4242, uid/euid: 1000/1001, PC: 0804b008, SP: bffff000',
    );
    expect(lines?.[2]).toBe(
      'PAX: bytes at PC: 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15 16 17 18 19 1a 1b ',
    );
    expect(lines?.[3]).toMatch(/^PAX: bytes at SP-4: \?{8} 03020100 07060504 ([0-9a-f]{8} ){18}$/);
    expect(lines).toHaveLength(4);
  });

  it('counts in words of 8 bytes on x86-64', () => {
    const lines = report('x86-64', vma('rw RW', { object: object(), pageOffset: 2 }));
    expect(lines?.[0]).toBe('PAX: execution attempt in: /tmp/code, 70000000-70001000 00002000');
    expect(lines?.[1]).toContain('PC: 0000000000601008, SP: 00007fffffffe000');
    expect(lines?.[3]).toMatch(/^PAX: bytes at SP-8: \?{16} 0706050403020100 ([0-9a-f]{16} ){9}$/);
  });

  it('names no place where nothing is mapped', () => {
    expect(report('x86-64', undefined)?.[0]).toBe(
      'PAX: execution attempt in: (null), 00000000-00000000 00000000',
    );
  });

  it('names the stack and other anonymous memory', () => {
    const stack = vma(vm('rw RW') | VM_GROWSDOWN);
    const elsewhere = { startBrk: 0n, brk: 0n };
    expect(report('x86-64', stack, elsewhere)?.[0]).toContain('in: <stack>,');
    expect(report('x86-64', vma('rw RW'), elsewhere)?.[0]).toContain('in: <anonymous mapping>,');
  });
});

describe('pax: effects and SEGMEXEC', () => {
  it.each([
    ['', 'x86-64', { nx: true, ignoreGnuStack: true, ignoreHints: 'all' }],
    ['', 'i386', { nx: true, ignoreGnuStack: true, ignoreHints: 'all' }],
    ['era=2004', 'i386', { ignoreHints: 'files' }],
    ['cpu=no-nx', 'i386', { nx: true, taskSize: 0x6000_0000n }],
    ['segmexec=on', 'i386', { nx: true, taskSize: 0x6000_0000n }],
    ['pageexec=off', 'i386', { nx: true, taskSize: 0x6000_0000n }],
  ] as const)('%j on %s', (options, arch, expected) => {
    expect(effects(options, arch)).toMatchObject(expected);
  });

  it('randomises by the amounts of the architecture, and not without RANDMMAP', () => {
    expect(effects('', 'i386').randomBits).toMatchObject({ mmap: 16, stack: 16 });
    expect(effects('segmexec=on', 'i386').randomBits).toMatchObject({ mmap: 15 });
    expect(effects('').randomBits).toMatchObject({ mmap: 32 });
    expect(effects('randmmap=off').randomBits).toBeUndefined();
    expect(effects('randmmap=off').ignoreHints).toBeUndefined();
  });

  it('emulates trampolines only when asked', () => {
    expect(effects('').emulateTrampoline).toBeUndefined();
    expect(effects('emutramp=on').emulateTrampoline).toBeTypeOf('function');
  });

  it('lets no call name the upper half, nor move what is mirrored', () => {
    const policy = pax('segmexec=on', 'i386');
    const ask = (end: bigint) => text(policy.mprotectArguments?.(1, { start: 0n, end }, facts()));
    expect(ask(0x6000_0000n)).toBe('ok');
    expect(ask(0x6000_1000n)).toBe('EINVAL pax/segmexec-range');
    const move = (flags: string, newAddress?: bigint) =>
      text(
        policy.mremap?.(
          vma(flags),
          { oldRange: { start: 0n, end: 0x1000n }, newLength: 0x1000n, flags: 3, newAddress },
          facts(),
        ),
      );
    expect(move('rx RX')).toBe('EINVAL pax/segmexec-mirror');
    expect(move('rw RW', 0x5fff_f000n)).toBe('ok');
    expect(move('rw RW', 0x6000_0000n)).toBe('EINVAL pax/segmexec-range');
    expect(move('rw RW')).toBe('ok');
  });

  it('refuses specs that could run no program', () => {
    expect(() => pax('segmexec=on')).toThrow(MayexecError);
    expect(() => pax('segmexec=on')).toThrow(/i386/);
    expect(() => pax('pageexec=off')).toThrow(/MPROTECT needs PAGEEXEC or SEGMEXEC/);
    expect(() => pax('emutramp=on,softmode=on')).toThrow(/EMUTRAMP/);
  });
});

describe('pax: relocations', () => {
  const DT_TEXTREL = 22;
  const library = elfObject({
    dynamic: [
      [5, 1],
      [DT_TEXTREL, 0],
      [0, 0],
    ],
  });
  const run = (target: ReturnType<typeof elfObject>, options: string): string => {
    const policy = pax(options);
    let current = doMap(policy, mapping('rx', { object: target }), facts()).vma;
    return (['rw', 'rx', 'rw'] as const)
      .map((rights) => {
        const done = doProtect(policy, current, rights, facts());
        // The loader writes while the text is writable.
        current = { ...done.vma, anonVma: done.vma.anonVma || rights === 'rw' };
        return done.result;
      })
      .join(' ');
  };

  it('i: relocates the text of a DT_TEXTREL library once under ELFRELOCS', () => {
    expect(run(library, 'elfrelocs=on')).toBe('ok ok EACCES');
    expect(run(library, '')).toBe('EACCES ok EACCES');
  });

  it('knows DF_TEXTREL, both architectures, and does not mistake other files', () => {
    const byFlag = elfObject({
      dynamic: [
        [30, 4],
        [0, 0],
      ],
    });
    expect(run(byFlag, 'elfrelocs=on')).toBe('ok ok EACCES');
    const without = elfObject({
      dynamic: [
        [30, 2],
        [0, 0],
        [DT_TEXTREL, 0],
      ],
    });
    expect(run(without, 'elfrelocs=on')).toBe('EACCES ok EACCES');
    const program = elfObject({ type: 2, dynamic: [[DT_TEXTREL, 0]] });
    expect(run(program, 'elfrelocs=on')).toBe('EACCES ok EACCES');
    const foreign = elfObject({ arch: 'i386', dynamic: [[DT_TEXTREL, 0]] });
    expect(run(foreign, 'elfrelocs=on')).toBe('EACCES ok EACCES');
    expect(run(object({ size: 10 }), 'elfrelocs=on')).toBe('EACCES ok EACCES');
  });

  it('reads an i386 library for an i386 program', () => {
    const narrow = elfObject({
      arch: 'i386',
      dynamic: [
        [DT_TEXTREL, 0],
        [0, 0],
      ],
    });
    const policy = pax('elfrelocs=on', 'i386');
    const given = facts({ arch: 'i386' });
    const text_ = doMap(policy, mapping('rx', { object: narrow }), given).vma;
    expect(doProtect(policy, text_, 'rw', given).result).toBe('ok');
    expect(doProtect(policy, text_, 'rwx', given).result).toBe('EACCES');
  });

  it('opens only text that was never written, and only for read and write', () => {
    const policy = pax('elfrelocs=on');
    const clean = vma('rx RWX', { object: library });
    const written = vma('rx RWX', { object: library, anonVma: true });
    expect(doProtect(policy, clean, 'rw', facts()).result).toBe('ok');
    expect(doProtect(policy, written, 'rw', facts()).result).toBe('EACCES');
    expect(doProtect(policy, clean, 'w', facts()).result).toBe('EACCES');
    expect(doProtect(policy, clean, 'rwx', facts()).result).toBe('EACCES');
  });

  it('logs both transitions', () => {
    const policy = pax('elfrelocs=on');
    const before = vma('rx RWX', { object: library, pageOffset: 1 });
    const opened = policy.mprotectRights?.(before, change(before, 'rw'), withTask);
    expect(opened?.log).toEqual([
      `grsec: allowed executable to writable text relocation transition in /usr/lib/libx.so, VMA:0x70000000 0x00000001 by ${SUBJECT}`,
    ]);
    const dirty = vma('rw RWX', { object: library, anonVma: true });
    const closed = policy.mprotectRights?.(dirty, change(dirty, 'rx'), withTask);
    expect(closed?.log?.[0]).toContain('allowed writable to executable text relocation');
  });

  it('makes RELRO pages final, and only those', () => {
    const relro = { type: 0x6474e552, offset: 0x1000, memorySize: 0x1f00 };
    const target = elfObject({ segments: [relro] });
    const data = (overrides: Partial<Vma> = {}): Vma =>
      vma('rw RW', {
        object: target,
        anonVma: true,
        pageOffset: 1,
        end: 0x7000_4000n,
        ...overrides,
      });
    const protect = (before: Vma, pages: bigint, options = '') =>
      letters(
        doProtect(
          pax(options),
          before,
          change(before, 'r', {
            range: { start: before.start, end: before.start + pages * 0x1000n },
          }),
          facts(),
        ).vma.flags,
      );
    expect(protect(data(), 2n)).toBe('r R');
    expect(protect(data(), 1n)).toBe('r RW');
    expect(protect(data({ pageOffset: 2 }), 2n)).toBe('r RW');
    expect(protect(data({ anonVma: false }), 2n)).toBe('r RW');
    expect(protect(data({ flags: vm('rw RWX') }), 2n, 'mprotect=off')).toBe('r RWX');
  });
});

describe('pax: marks', () => {
  /** Features that a program ends up with, as letters. */
  const features = (
    options: string,
    marks: Partial<Parameters<typeof image>[0]>,
    arch: 'i386' | 'x86-64' = 'x86-64',
  ) => {
    const policy = pax(options, arch).forProgram?.(image({ arch, ...marks }));
    const set = policy?.effects ?? {};
    if (text(policy?.exec?.(image(), facts())).startsWith('kill')) return 'dies';
    return [
      set.nx && set.taskSize === undefined ? 'P' : 'p',
      set.emulateTrampoline ? 'E' : 'e',
      policy?.mmapFlags ? 'M' : 'm',
      set.ignoreHints ? 'R' : 'r',
      set.taskSize === undefined ? 's' : 'S',
    ].join('');
  };
  const header = (flags: number) => ({ programHeaders: [{ type: 0x65041580, flags }] });
  const xattr = (value: string) => ({ xattrs: new Map([['user.pax.flags', value]]) });
  const ei = (byte: number) => {
    const ident = new Uint8Array(16);
    ident[14] = byte;
    return { ident };
  };

  it.each([
    ['', {}, 'PeMRs'],
    ['', header(0x2800), 'PeMRs'],
    ['', header(0), 'PEMRs'],
    ['', header(0x2a00), 'PemRs'],
    ['', header(0x2a00 | 0x100), 'PeMRs'],
    ['', header(0xaaa0), 'pemrs'],
    ['', xattr('m'), 'PEmRs'],
    ['', xattr('em'), 'PemRs'],
    ['', xattr('pems'), 'pemRs'],
    ['', xattr('mM'), 'PeMRs'],
    ['', xattr('mm'), 'PeMRs'],
    ['', xattr('x'), 'PeMRs'],
    ['', xattr('pemrsx'), 'PeMRs'],
    ['', xattr('ps'), 'dies'],
    ['', { ...header(0x2800), ...xattr('em') }, 'dies'],
    ['', { ...header(0x2a00), ...xattr('em') }, 'PemRs'],
    ['era=2004', xattr('m'), 'PeMRs'],
    ['era=2004', header(0x28a0), 'pemRs'],
    ['softmode=on', {}, 'pemrs'],
    ['softmode=on', header(0x2800 | 0x110), 'PeMrs'],
    ['softmode=on', xattr('PM'), 'PeMrs'],
    ['softmode=on', xattr('M'), 'dies'],
    ['ei=on', {}, 'PeMRs'],
    ['ei=on', ei(4), 'PemRs'],
    ['ei=on', ei(2), 'PEMRs'],
    ['ei=on', ei(1), 'pemRs'],
    ['ei=on,softmode=on', ei(2), 'pemrs'],
    ['', ei(4), 'PeMRs'],
    ['ei=on', { ...ei(4), ...header(0x2800) }, 'PeMRs'],
    ['mprotect=off', header(0x2800), 'PemRs'],
    ['mprotect=on', xattr('em'), 'PeMRs'],
    ['emutramp=on', {}, 'PEMRs'],
  ] as const)('pax:%s with %j: %s', (options, marks, expected) => {
    expect(features(options, marks as never)).toBe(expected);
  });

  it.each([
    ['', xattr('p'), 'pEMRS'],
    ['', xattr('s'), 'PEMRs'],
    ['cpu=no-nx', {}, 'peMRS'],
    ['', {}, 'PeMRs'],
  ] as const)('on i386, pax:%s with %j: %s', (options, marks, expected) => {
    expect(features(options, marks as never, 'i386')).toBe(expected);
  });

  it('notes a PT_GNU_STACK that asks for an executable stack', () => {
    const program = image({ programHeaders: [{ type: 0x6474e551, flags: 7 }] });
    const verdict = pax().forProgram?.(program).exec?.(program, withTask);
    expect(text(verdict)).toBe('note pax/stack-mark');
    expect(verdict?.log).toEqual([
      `grsec: denied marking stack executable as requested by PT_GNU_STACK marking in /program by ${SUBJECT}`,
    ]);
  });
});
