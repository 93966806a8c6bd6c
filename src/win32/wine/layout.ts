/** Where things lie in a process under Wine, as maps of Wine 8.0 and messages of 2004 have it. */
import type { Addr, AddrRange, Arch } from '../../base/address.js';
import type { StartPart } from '../space.js';

export const WINE_LAYOUTS = ['wine-8', 'wine-2004'] as const;
export type WineLayout = (typeof WINE_LAYOUTS)[number];

/** Tables of code pages and locales lie between, with their sizes; so addresses come out as in the recorded maps. */
export const START_64: readonly StartPart[] = [
  0x2000,
  'stack',
  0x11000,
  'heap',
  0xac000,
  0x11000,
  0x11000,
];
export const START_32: readonly StartPart[] = [
  0x2000,
  0x11000,
  'heap',
  0xac000,
  0xf000,
  'stack',
  0x11000,
  0x11000,
];

const FOLDER = '/home/user/.wine/drive_c';
/** 32-bit processes may name addresses up to here; programs are given none above 2 GiB. */
export const TOP_32 = 0xc0000;
export const TOP_64 = 0x7_ffff_fff0;
/** SYSTEM_HEAP_BASE of 2004: 16 MiB. */
export const SHARED_HEAP: AddrRange = { start: 0x8000_0000n, end: 0x8100_0000n };

export const DLL_BASES: Readonly<Record<Arch, Readonly<Record<string, Addr>>>> = {
  'x86-64': {
    'ntdll.dll': 0x1_7000_0000n,
    'kernelbase.dll': 0x7b00_0000n,
    'kernel32.dll': 0x7b60_0000n,
    'msvcrt.dll': 0x1_d8c9_0000n,
    'version.dll': 0x2_5dc3_0000n,
    'user32.dll': 0x2_169d_0000n,
  },
  i386: {
    'ntdll.dll': 0x7bc0_0000n,
    'kernelbase.dll': 0x7b00_0000n,
    'kernel32.dll': 0x7b60_0000n,
    'msvcrt.dll': 0x64a8_0000n,
    'version.dll': 0x6ff0_0000n,
    'user32.dll': 0x6c00_0000n,
  },
};

/** A file of drive C: as Linux names it. */
export function dataPath(path: string): string {
  const parts = path.replace(/^[a-z]:/i, '').split(/[\\/]+/);
  return `${FOLDER}/${parts.filter((part) => part !== '' && part !== '.' && part !== '..').join('/')}`;
}

/** The file that an image is mapped from, as Linux names it. */
export function hostPath(arch: Arch, path: string): string {
  const name = path.split(/[\\/]/).at(-1) ?? path;
  if (!/system32/i.test(path)) return `${FOLDER}/${name}`;
  return arch === 'x86-64'
    ? `/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/${name}`
    : `/usr/lib/i386-linux-gnu/wine/i386-windows/${name}`;
}
