/**
 * What PaX does to programs, as its author and Wine's people discussed it in January 2005: no code at run
 * time, hints that bind nobody, an address space that ends where it ends, and marks that exempt.
 */
import { describe, expect, it } from 'vitest';
import { MAP_FIXED, MAP_NORESERVE } from '../../src/abi/linux/mman.js';
import type { Arch } from '../../src/base/address.js';
import { Guest, PAGE, PRIVATE, R, W, X } from './matrix/guest.js';
import { type ProgramOptions, PT_PAX_FLAGS } from './matrix/program.js';
import { cell, type Strategy } from './matrix/strategies.js';

const NO_MPROTECT = 1 << 9;
const NO_PAGEEXEC = 1 << 5;
const NO_SEGMEXEC = 1 << 7;
const NO_EMUTRAMP = 1 << 13;
const NO_RANDMMAP = 1 << 15;

const rwxHeap: Strategy = (g) => {
  g.protect(g.heap(1), PAGE, R | W | X);
  return 'ok';
};

async function attempt(
  arch: Arch,
  strategy: Strategy,
  options: ProgramOptions = {},
  policy = 'pax',
): Promise<{ result: string; log: readonly string[] }> {
  using guest = await Guest.open(arch, policy, options);
  return { result: cell(strategy, guest), log: [...guest.sb.kernelLog] };
}

describe.each(['x86-64', 'i386'] as const)('PaX on %s', (arch) => {
  it('refuses RWX of a heap with EACCES', async () => {
    const { result, log } = await attempt(arch, rwxHeap, {}, 'pax:rwxlog=on');
    expect(result).toBe('EACCES');
    expect(log.at(-1)).toMatch(
      /^grsec: denied RWX mprotect of <heap> by \/program\[program:1000\] uid\/euid:1000\/1000 gid\/egid:1000\/1000, parent /,
    );
  });

  it('ignores the hint of mmap, and keeps to MAP_FIXED', async () => {
    using guest = await Guest.open(arch, 'pax');
    const hint = 0x5000_0000;
    expect(guest.map(PAGE, R, PRIVATE, -1, hint)).not.toBe(BigInt(hint));
    expect(guest.map(PAGE, R, PRIVATE | MAP_FIXED, -1, hint)).toBe(BigInt(hint));
  });

  it('kills at a fetch from data, with its report, whatever handler there is', async () => {
    using guest = await Guest.open(arch, 'pax');
    const at = guest.heap(1);
    guest.write(at);
    expect(guest.sb.call(at)).toMatchObject({ kind: 'signal', signal: 'SIGKILL', address: at });
    const [where, who, pc, sp] = guest.sb.kernelLog.slice(-4);
    const start = at.toString(16).padStart(8, '0');
    expect(where).toMatch(
      /^PAX: execution attempt in: <heap>, [0-9a-f]{8,}-[0-9a-f]{8,} [0-9a-f]{8,}$/,
    );
    expect(who).toContain(
      'PAX: terminating task: /program(program):1000, uid/euid: 1000/1000, PC: ',
    );
    expect(who).toContain(`PC: ${arch === 'i386' ? start : start.padStart(16, '0')}, SP: `);
    expect(pc).toMatch(/^PAX: bytes at PC: b8 2a 00 00 00 c3 (00 ){14}$/);
    expect(sp).toMatch(
      arch === 'i386'
        ? /^PAX: bytes at SP-4: (\S{8} ){21}$/
        : /^PAX: bytes at SP-8: (\S{16} ){11}$/,
    );
  });

  it.each([
    ['PT_PAX_FLAGS', { marks: [{ type: PT_PAX_FLAGS, flags: NO_MPROTECT | NO_EMUTRAMP }] }, 'pax'],
    ['the byte in the header', { identMark: 4 }, 'pax:ei=on'],
  ] as const)('exempts a program marked by %s', async (_name, options, policy) => {
    expect((await attempt(arch, rwxHeap, options, policy)).result).toBe('ok');
  });

  it('exempts a program marked by the extended attribute', async () => {
    const { Sandbox } = await import('../../src/sandbox/sandbox.js');
    const { program } = await import('./matrix/program.js');
    const rwx = async (xattrs: Record<string, string>): Promise<string | undefined> => {
      using sb = await Sandbox.create({ policy: 'pax', program: { bytes: program(arch), xattrs } });
      return sb.syscall('mmap', 0, PAGE, R | W | X, PRIVATE, -1, 0).errno;
    };
    expect(await rwx({})).toBe('EPERM');
    expect(await rwx({ 'user.pax.flags': 'm' })).toBeUndefined();
  });

  it('a program exempt from MPROTECT alone still may not run data', async () => {
    const marks = [{ type: PT_PAX_FLAGS, flags: NO_MPROTECT | NO_EMUTRAMP }];
    const data: Strategy = (g) => {
      const at = g.map(PAGE, R | W);
      g.write(at);
      return g.run(at);
    };
    expect((await attempt(arch, data, { marks })).result).toBe('K');
  });

  it('a program exempt from everything runs as on a kernel without NX policy', async () => {
    const flags = NO_MPROTECT | NO_PAGEEXEC | NO_SEGMEXEC | NO_EMUTRAMP | NO_RANDMMAP;
    using guest = await Guest.open(arch, 'pax', { marks: [{ type: PT_PAX_FLAGS, flags }] });
    expect(cell(rwxHeap, guest)).toBe('ok');
    const hint = 0x5000_0000;
    expect(guest.map(PAGE, R, PRIVATE, -1, hint)).toBe(BigInt(hint));
  });

  it('runs a trampoline on the stack when EMUTRAMP is on', async () => {
    const { STRATEGIES } = await import('./matrix/strategies.js');
    const trampoline = STRATEGIES['13 trampoline on the stack, GNU_STACK=RWX']!;
    const options = { stack: 'rwx' } as const;
    expect((await attempt(arch, trampoline, options)).result).toBe('K');
    expect((await attempt(arch, trampoline, options, 'pax:emutramp=on')).result).toBe('ok');
  });

  it('lets a text relocation through once where ELFRELOCS is on', async () => {
    const { relocate } = await import('./matrix/strategies.js');
    const policy = 'pax:elfrelocs=on';
    expect((await attempt(arch, (g) => relocate(g), {}, policy)).result).toBe('ok');
    expect((await attempt(arch, (g) => relocate(g, 2), {}, policy)).result).toBe('EACCES');
  });

  it('moves everything by a random amount that the seed decides', async () => {
    const places = async (seed: number): Promise<string> => {
      using guest = await Guest.open(arch, 'pax', { sandbox: { seed } });
      return guest.sb.procMaps();
    };
    expect(await places(7)).toBe(await places(7));
    expect(await places(7)).not.toBe(await places(8));
  });
});

describe('PaX on i386', () => {
  it('never grants 0xc0000000, not even to MAP_FIXED', async () => {
    using guest = await Guest.open('i386', 'pax');
    expect(guest.try('mmap', 0xc0000000, PAGE, 0, PRIVATE | MAP_FIXED, -1, 0).errno).toBe('ENOMEM');
    expect(guest.map(PAGE, 0, PRIVATE, -1, 0xc0000000)).not.toBe(0xc0000000n);
  });

  describe('SEGMEXEC halves the address space', () => {
    const policy = 'pax:cpu=no-nx';

    it('nothing lies at or above 0x60000000', async () => {
      using guest = await Guest.open('i386', policy);
      guest.map(PAGE, R);
      for (const { end } of guest.sb.maps()) expect(end).toBeLessThanOrEqual(0x6000_0000n);
      const above = guest.try('mmap', 0x6000_0000, PAGE, R, PRIVATE | MAP_FIXED, -1, 0);
      expect(above.errno).toBe('ENOMEM');
    });

    it('mprotect beyond it is EINVAL', async () => {
      using guest = await Guest.open('i386', policy);
      expect(guest.try('mprotect', 0x5fff_f000, 2 * PAGE, R).errno).toBe('EINVAL');
    });

    it('a program that is linked above it is killed at exec', async () => {
      using guest = await Guest.open('i386', policy, { base: 0x7bf0_0000n });
      expect(guest.sb.run()).toMatchObject({ kind: 'signal', signal: 'SIGSEGV' });
    });

    it('a fetch from data is killed', async () => {
      const { STRATEGIES } = await import('./matrix/strategies.js');
      const strategy = STRATEGIES['1 malloc small, write, call']!;
      expect((await attempt('i386', strategy, {}, policy)).result).toBe('K');
    });
  });
});

describe('the traces of Wine on a PaX host (policies.md 8.2)', () => {
  const RESERVE = PRIVATE | MAP_NORESERVE;
  const open = (): Promise<Guest> =>
    Guest.open('i386', 'pax:era=2004', { sandbox: { layout: 'linux-i386-wine-2005' } });
  /** What lies from 0x77f00000 to the top of the gap. */
  const withTop = async (): Promise<Guest> => {
    const guest = await open();
    guest.map(0x8000_0000 - 0x77f0_0000, 0, RESERVE | MAP_FIXED, -1, 0x77f0_0000);
    return guest;
  };
  const reserve = (guest: Guest, at: number, length: number): number =>
    Number(BigInt.asUintN(32, guest.map(length, 0, RESERVE, -1, at)));

  it('fixture 1: reservations at the top, the last of which is never granted', async () => {
    using guest = await withTop();
    expect(reserve(guest, 0xbffe0000, 262144)).toBe(0x77ec0000);
    guest.call('munmap', 0x77ec0000, 262144);
    expect(reserve(guest, 0xbffe0000, 131072)).toBe(0xbffe0000);
    expect(reserve(guest, 0xc0000000, 131072)).toBe(0x77ee0000);
    guest.call('munmap', 0x77ee0000, 131072);
    for (let i = 0; i < 100; i++) {
      expect(reserve(guest, 0xc0000000, 65536)).toBe(0x77ef0000);
      guest.call('munmap', 0x77ef0000, 65536);
    }
  });

  it('fixture 2: it insists on an address until it gets it', async () => {
    using guest = await withTop();
    expect(reserve(guest, 0x81000000, 1034813440)).toBe(0x3a420000);
    guest.call('munmap', 0x3a420000, 1034813440);
    expect(reserve(guest, 0x81000000, 517406720)).toBe(0x81000000);
    expect(reserve(guest, 0x9fd70000, 517406720)).toBe(0x59190000);
    guest.call('munmap', 0x59190000, 517406720);
    expect(reserve(guest, 0x9fd70000, 258670592)).toBe(0x9fd70000);
  });

  it('fixture 3: the process heap cannot be made', async () => {
    using guest = await open();
    expect(guest.map(1179648, 0)).toBe(0x7fee0000n);
    guest.call('munmap', 0x7fff0000, 65536);
    expect(guest.try('mprotect', 0x7fee0000, 65536, R | W | X).errno).toBe('EACCES');
    guest.call('munmap', 0x7fee0000, 1114112);
  });

  it('reserve_area of 2004 repeats its last call for ever, the later one comes to an end', async () => {
    const calls = async (guarded: boolean, most: number): Promise<string[]> => {
      using guest = await withTop();
      const made: string[] = [];
      const area = (at: number, end: number): void => {
        const size = (end - at) >>> 0;
        if (size === 0 || made.length >= most) return;
        made.push(`${at.toString(16)} ${size}`);
        const got = guest.try('mmap', at, size, 0, RESERVE, -1, 0);
        if (BigInt.asUintN(32, got.value) === BigInt(at)) return;
        if (got.errno === undefined) guest.call('munmap', got.value, size);
        if (guarded && size <= 0x10000) return;
        const half = Math.floor(size / 2) & ~0xffff;
        area(at, at + half);
        area(at + half, end);
      };
      area(0xbffe0000, 0);
      return made;
    };
    const old = await calls(false, 300);
    expect(old).toHaveLength(300);
    expect(new Set(old.slice(-200))).toEqual(new Set(['c0000000 65536']));
    // 1 GiB in pieces of 64 KiB, each refused, with all the halves on the way.
    const guarded = await calls(true, 100_000);
    expect(guarded.length).toBeLessThan(40_000);
  });
});
