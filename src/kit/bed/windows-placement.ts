/**
 * Code and buffers in a process of Windows, or of Wine: 'image' is a DLL that the loader maps, which ACG allows as
 * well; the others are a JIT's calls of the API. Allocations begin at multiples of 64 KiB, so blocks are reserved
 * first and pages committed in them: what is in between stays reserved, and faults.
 */
import {
  FILE_MAP_EXECUTE,
  FILE_MAP_READ,
  FILE_MAP_WRITE,
  MEM_COMMIT,
  MEM_RESERVE,
  PAGE_EXECUTE_READ,
  PAGE_EXECUTE_READWRITE,
  PAGE_READONLY,
  PAGE_READWRITE,
} from '../../abi/windows/memory.js';
import { errorName } from '../../abi/windows/status.js';
import type { Addr } from '../../base/address.js';
import { DLL_NX_COMPAT } from '../../formats/pe/image.js';
import { type PeSectionInit, writePe } from '../../formats/pe/writer.js';
import { RIGHT_WRITE } from '../../memory/mapping.js';
import type { Sandbox } from '../../sandbox/sandbox.js';
import type { CodePages } from './code.js';
import { DUAL_DISTANCE, type Placement, type PlaceTools, RefusedCall } from './placing.js';

const BLOCK = 0x10000n;
const PAGE = 0x1000n;
const ANY_FILE = -1;

const down = (address: Addr): Addr => address - (address % BLOCK);
const up = (address: Addr): Addr => down(address + BLOCK - 1n);

/** @throws RefusedCall where a call is refused. */
export function placeForWindows(
  { sandbox, path }: PlaceTools,
  pages: readonly CodePages[],
  placement: Placement,
): void {
  for (const [index, group] of groupsOf(pages).entries()) {
    if (placement === 'image') loadDll(sandbox, path, group, index);
    else placeJit(sandbox, group, placement);
  }
}

/** Fresh zeroed memory exactly there, in blocks that are reserved for it. */
export function commitForWindows(
  sandbox: Sandbox,
  ranges: readonly { readonly start: Addr; readonly end: Addr; readonly rights: number }[],
): void {
  for (const group of groupsOf(ranges)) {
    reserve(sandbox, group);
    for (const { start, end, rights } of group) {
      commit(sandbox, start, end, rights & RIGHT_WRITE ? PAGE_READWRITE : PAGE_READONLY);
    }
  }
}

/** Ranges that share a block, together; by address. */
function groupsOf<T extends { readonly start: Addr; readonly end: Addr }>(
  ranges: readonly T[],
): T[][] {
  const groups: T[][] = [];
  for (const range of [...ranges].sort((a, b) => (a.start < b.start ? -1 : 1))) {
    const last = groups.at(-1)?.at(-1);
    if (last !== undefined && down(range.start) < up(last.end)) groups.at(-1)!.push(range);
    else groups.push([range]);
  }
  return groups;
}

function reserve(
  sandbox: Sandbox,
  group: readonly { readonly start: Addr; readonly end: Addr }[],
): void {
  const start = down(group[0]!.start);
  const length = up(group.at(-1)!.end) - start;
  call(sandbox, 'VirtualAlloc', start, length, MEM_RESERVE, PAGE_READWRITE);
}

function commit(sandbox: Sandbox, start: Addr, end: Addr, protect: number): void {
  call(sandbox, 'VirtualAlloc', start, end - start, MEM_COMMIT, protect);
}

function placeJit(sandbox: Sandbox, group: readonly CodePages[], placement: Placement): void {
  const [dual, single] = [true, false].map((wanted) =>
    group.filter(({ exec }) => (exec && placement === 'dual') === wanted),
  ) as [CodePages[], CodePages[]];
  for (const pages of dual) placeDual(sandbox, pages);
  if (single.length > 0) reserve(sandbox, single);
  for (const { start, end, bytes, exec } of single) {
    const all = exec && placement === 'rwx';
    commit(sandbox, start, end, all ? PAGE_EXECUTE_READWRITE : PAGE_READWRITE);
    sandbox.poke(start, bytes);
    if (exec && placement === 'flip') {
      const old = scratch(sandbox);
      call(sandbox, 'VirtualProtect', start, end - start, PAGE_EXECUTE_READ, old);
    }
  }
}

/** Memory for what a call writes beside its result. */
function scratch(sandbox: Sandbox): Addr {
  return call(sandbox, 'VirtualAlloc', 0, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

function placeDual(sandbox: Sandbox, { start, end, bytes }: CodePages): void {
  const length = end - start;
  const protect = PAGE_EXECUTE_READWRITE;
  const section = call(sandbox, 'CreateFileMappingA', ANY_FILE, 0, protect, 0, length, 0);
  const writable = start + DUAL_DISTANCE;
  call(sandbox, 'MapViewOfFileEx', section, FILE_MAP_WRITE, 0, 0, 0, writable);
  const run = FILE_MAP_READ | FILE_MAP_EXECUTE;
  call(sandbox, 'MapViewOfFileEx', section, run, 0, 0, 0, start);
  sandbox.poke(writable, bytes);
}

/** An image whose sections lie where the pages are to be; its headers stand in the page before them, or in a block of their own. */
function loadDll(sandbox: Sandbox, path: Addr, group: readonly CodePages[], index: number): void {
  const first = group[0]!.start;
  const base = first % BLOCK === 0n ? first - BLOCK : down(first);
  const sections: PeSectionInit[] = [];
  let next = PAGE;
  for (const { start, end, bytes, write, exec } of group) {
    const rva = start - base;
    if (rva > next) sections.push(filler(next, rva));
    sections.push({ name: exec ? '.text' : '.data', rva: Number(rva), bytes, write, exec });
    next = end - base;
  }
  const file = `C:\\kit\\code${index}.dll`;
  const { arch } = sandbox;
  const dll = { arch, base, sections, dll: true, dllCharacteristics: DLL_NX_COMPAT };
  sandbox.writeFile(file, writePe(dll));
  sandbox.poke(path, new TextEncoder().encode(`${file}\0`));
  call(sandbox, 'LoadLibraryA', path);
}

/** Sections follow each other without gaps. */
function filler(start: Addr, end: Addr): PeSectionInit {
  const length = Number(end - start);
  return { name: '.fill', rva: Number(start), bytes: new Uint8Array(), memoryLength: length };
}

function call(sandbox: Sandbox, name: string, ...args: readonly (number | bigint)[]): Addr {
  const { value, error } = sandbox.syscall(name, ...args);
  if (error !== undefined) throw new RefusedCall({ call: name, error: errorName(error) });
  return BigInt.asUintN(sandbox.arch === 'x86-64' ? 64 : 32, value);
}
