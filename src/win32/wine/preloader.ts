/**
 * What Wine does to the address space before a program for Windows can be in it: the preloader's reservations, the
 * loader and the libraries of the host, and the search for what is left of the top. Addresses and order of Wine 8.0:
 * strace of Debian's 8.0~repack-4. Those of 2004: the messages and the guide of that time.
 */
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  PROT_EXEC,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from '../../abi/linux/mman.js';
import type { Addr, AddrRange, Arch } from '../../base/address.js';
import { writeElf } from '../../formats/elf/writer.js';
import type { WineHost } from './host.js';

/** The preloader is a static program at a fixed place, so that nothing of the system's lies where Windows' is to be. */
const PRELOADER_BASE = 0x7d40_0000n;
const LOADER_BASE = 0x7d00_0000n;

export function preloaderElf(arch: Arch): Uint8Array {
  const code = Uint8Array.of(0xeb, 0xfe);
  const segment = { memoryLength: code.length, bytes: code };
  return writeElf({
    arch,
    entry: PRELOADER_BASE + 0x1000n,
    segments: [{ address: PRELOADER_BASE + 0x1000n, ...segment, write: false, exec: true }],
  });
}

function range(start: bigint, length: bigint): AddrRange {
  return { start, end: start + length };
}

const RESERVED_64: readonly AddrRange[] = [
  range(0x1_0000n, 0x10_0000n),
  range(0x11_0000n, 0x67ef_0000n),
  range(0x7ff0_0000n, 0xf_0000n),
  range(0x7fff_fe00_0000n, 0x1ff_0000n),
];
const RESERVED_32: readonly AddrRange[] = [
  range(0n, 0x1_0000n),
  range(0x1_0000n, 0x10_0000n),
  range(0x11_0000n, 0x67ef_0000n),
  range(0x7f00_0000n, 0x300_0000n),
];

/** The default of 2004: the DOS area, and the range of programs up to 512 MiB. */
const RESERVED_2004: readonly AddrRange[] = [
  range(0x1_0000n, 0x10_0000n),
  range(0x11_0000n, 0x1fef_0000n),
];

/** The preloader's reservations; those that were had, neighbours joined. A refusal of the first 64 KiB is ignored, others are told. */
export function reserveRanges(host: WineHost, arch: Arch, old: boolean): AddrRange[] {
  const wanted = arch === 'x86-64' ? RESERVED_64 : old ? RESERVED_2004 : RESERVED_32;
  const had: AddrRange[] = [];
  for (const { start, end } of wanted) {
    const answer = host.reserve(start, end - start, true);
    if (!answer.ok) {
      if (start !== 0n) host.complain(warning(start, end));
      continue;
    }
    const last = had.at(-1);
    if (last?.end === start) had[had.length - 1] = { ...last, end };
    else had.push({ start, end });
  }
  return had;
}

function warning(start: Addr, end: Addr): string {
  const hex = (value: bigint): string => value.toString(16).padStart(16, '0');
  return `preloader: Warning: failed to reserve range ${hex(start)}-${hex(end)}\n`;
}

/** The loader at its fixed place, then ld.so, libc and Wine's own ntdll.so where the kernel likes. */
export function mapHostCode(host: WineHost, arch: Arch): void {
  const folder = arch === 'x86-64' ? '/usr/lib/x86_64-linux-gnu' : '/usr/lib/i386-linux-gnu';
  const libraries = ['/lib/ld-linux.so', `${folder}/libc.so.6`, `${folder}/wine/ntdll.so`];
  mapLibrary(host, `${folder}/wine/wine`, LOADER_BASE);
  for (const path of libraries) mapLibrary(host, path, 0n);
}

const LIBRARY_BYTES = 0x4000;

/** The whole file readable, its code and data over it. */
function mapLibrary(host: WineHost, path: string, base: Addr): void {
  host.process.writeFile(path, { content: new Uint8Array(LIBRARY_BYTES), mode: 0o755 });
  const file = host.open(path);
  if (!file.ok) return;
  const fixed = base === 0n ? 0 : MAP_FIXED;
  const length = BigInt(LIBRARY_BYTES);
  const whole = host.mmap(base, length, PROT_READ, MAP_PRIVATE | fixed, file.value);
  if (whole.ok) {
    const at = whole.value;
    host.mmap(
      at + 0x1000n,
      0x1000n,
      PROT_READ | PROT_EXEC,
      MAP_PRIVATE | MAP_FIXED,
      file.value,
      0x1000n,
    );
    host.mmap(
      at + 0x3000n,
      0x1000n,
      PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_FIXED,
      file.value,
      0x3000n,
    );
  }
  host.close(file.value);
}

const SMALLEST = 0x1_0000n;

/**
 * Fills what is free between `start` and `end`, by halves: a range that cannot be had whole is tried in two parts,
 * down to 64 KiB. Nothing that lies there is replaced.
 */
export function reserveRest(host: WineHost, start: Addr, end: Addr): void {
  const length = end - start;
  if (length <= 0n) return;
  if (host.reserve(start, length, false).ok) return;
  if (length <= SMALLEST) return;
  const half = roundDown(length / 2n);
  if (half === 0n) return;
  reserveRest(host, start, start + half);
  reserveRest(host, start + half, end);
}

function roundDown(length: bigint): bigint {
  return length & ~0xffffn;
}

/** Calls after which a search that gets nowhere is ended: the one of 2004 has no end of its own. */
export const MOST_CALLS = 400;

/**
 * As of December 2004: a hint instead of MAP_FIXED, so that a kernel that ignores it gives another address, which is
 * unmapped again; and halves of 64 KiB are 0, so that what the kernel never grants is asked for without end.
 * @param end 2^32 for the top of the address space.
 * @returns false when the search was cut off.
 */
export function reserveRest2004(host: WineHost, start: Addr, end: Addr): boolean {
  let calls = 0;
  const search = (from: Addr, to: Addr): boolean => {
    if (++calls > MOST_CALLS) return false;
    const length = to - from;
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    const answer = host.mmap(from, length, PROT_NONE, flags);
    if (answer.ok && answer.value === from) return true;
    if (answer.ok) host.munmap(answer.value, length);
    const half = roundDown(length / 2n);
    return (half === 0n || search(from, from + half)) && search(from + half, to);
  };
  return search(start, end);
}
