import { describe, expect, it } from 'vitest';
import { MAP_SHARED } from '../../../../../src/abi/linux/mman.js';
import { PagedObject } from '../../../../../src/memory/objects.js';
import {
  VM_DONTDUMP,
  VM_DONTEXPAND,
  VM_EXEC,
  VM_IO,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_PFNMAP,
  VM_READ,
} from '../../../../../src/os/linux/mm/vmas/vma.js';
import { BASE, makeSpace, mapAt, openFile, PAGE } from '../fake-memory.js';

describe('/proc/self/maps', () => {
  // Lines of Linux 6.18, x86-64.
  it('is what the kernel prints', () => {
    const { mm, frames } = makeSpace();
    const init = { kind: 'file' as const, path: '/tmp/probe/a', inode: 2154540, device: 'fe:00' };
    const file = openFile(new PagedObject(frames, { ...init, size: 8192 }), { writable: false });
    const at = (addr: bigint, prot: number, flags: number, pageOffset: bigint): void => {
      mm.mmap({ addr, length: PAGE, prot, flags, file, pageOffset });
    };
    at(0x555555554000n, 1, 0x12, 0n);
    at(0x555555555000n, 5, 0x12, 1n);
    at(0x555555556000n, 1, MAP_SHARED | 0x10, 2n);
    mapAt(mm, 0x7ffff7dd2000n, 3);
    const vdso = VM_READ | VM_EXEC | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_DONTEXPAND;
    const range = { start: 0x7ffff7fc8000n, end: 0x7ffff7fca000n };
    mm.insertSpecial(range, vdso, '[vdso]', Uint8Array.of(1, 2));
    mm.mapStack(0n, 'disable');
    mm.startStack = 0x7fffffffe000n;
    expect(mm.mapsText().split('\n')).toEqual([
      '555555554000-555555555000 r--p 00000000 fe:00 2154540                    /tmp/probe/a',
      '555555555000-555555556000 r-xp 00001000 fe:00 2154540                    /tmp/probe/a',
      '555555556000-555555557000 r--s 00002000 fe:00 2154540                    /tmp/probe/a',
      '7ffff7dd2000-7ffff7dd5000 rw-p 00000000 00:00 0 ',
      '7ffff7fc8000-7ffff7fca000 r-xp 00000000 00:00 0                          [vdso]',
      '7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]',
      '',
    ]);
    expect(mm.smapsFlags(mm.find(range.start)!).join(' ')).toBe('rd ex mr mw me de');
    expect(mm.smapsFlags(mm.find(mm.startStack)!).join(' ')).toBe('rd wr mr mw me gd ac');
    expect(mm.load(range.start, 3)).toEqual(Uint8Array.of(1, 2, 0));
  });

  it('pads to the word of the kernel, not of the program', () => {
    for (const [layout, line] of [
      ['linux-i386', '08048000-08049000 r-xp 00000000 08:01 1234       /bin/a'],
      [
        'linux-i386-on-x86-64',
        '08048000-08049000 r-xp 00000000 08:01 1234                               /bin/a',
      ],
    ] as const) {
      const { mm, frames } = makeSpace({ arch: 'i386', layout });
      const init = { kind: 'file' as const, path: '/bin/a', inode: 1234, device: '08:01', size: 1 };
      const file = openFile(new PagedObject(frames, init));
      mm.mmap({ addr: 0x8048000n, length: PAGE, prot: 5, flags: 0x12, file, pageOffset: 0n });
      expect(mm.mapsText()).toBe(`${line}\n`);
    }
  });

  it('escapes newlines of names', () => {
    const { mm, frames } = makeSpace();
    const init = { kind: 'memfd' as const, path: '/memfd:a\nb (deleted)', inode: 1, size: 1 };
    const file = openFile(new PagedObject(frames, init));
    mm.mmap({ addr: BASE, length: PAGE, prot: 1, flags: 0x11, file, pageOffset: 0n });
    expect(mm.mapsText()).toMatch(/\/memfd:a\\012b \(deleted\)\n$/);
  });

  it('finds heap and stack by their place', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 2);
    mm.startBrk = BASE + PAGE;
    mm.brkEnd = BASE + 2n * PAGE;
    // A mapping that the heap has merged with counts as heap (vma_is_initial_heap).
    expect(mm.nameOf(mm.vmas[0]!)).toBe('[heap]');
    mm.brkEnd = mm.startBrk = BASE + 2n * PAGE;
    expect(mm.nameOf(mm.vmas[0]!)).toBe('');
    mm.startStack = BASE + 2n * PAGE;
    expect(mm.nameOf(mm.vmas[0]!)).toBe('[stack]');
  });
});

describe('VmFlags', () => {
  it('stand in the kernel’s order', () => {
    const { mm } = makeSpace();
    const vvar = VM_READ | VM_MAYREAD | VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP;
    mm.insertSpecial({ start: BASE, end: BASE + PAGE }, vvar, '[vvar]');
    expect(mm.smapsFlags(mm.vmas[0]!).join(' ')).toBe('rd mr pf io de dd');
  });

  it('show a seal last', () => {
    const { mm } = makeSpace();
    mapAt(mm);
    mm.madvise(BASE, PAGE, 102);
    mm.madvise(BASE, PAGE, 15);
    mm.mseal(BASE, PAGE, 0n);
    expect(mm.smapsFlags(mm.vmas[0]!).join(' ')).toBe('rd wr mr mw me gu ac nh sl');
  });
});
