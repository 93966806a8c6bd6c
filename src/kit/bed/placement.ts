/**
 * How code gets into executable pages. 'image': as the loader maps a program's text, which every policy
 * allows; the others are the ways of a JIT, whose calls a policy may refuse.
 */

import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from '../../abi/linux/mman.js';
import type { Addr } from '../../base/address.js';
import { unknownValue } from '../../base/errors.js';
import type { Sandbox } from '../../sandbox/sandbox.js';
import type { CodePages } from './code.js';
import {
  DUAL_DISTANCE,
  PLACEMENTS,
  type Placement,
  type PlaceTools,
  RefusedCall,
  type RefusedPlacement,
} from './placing.js';
import { placeForWindows } from './windows-placement.js';

/** Where the code's file lies in the guest: a place whose files every policy lets programs execute. */
export const CODE_FILE = '/usr/lib/kit/code.so';

const RW = PROT_READ | PROT_WRITE;
const RX = PROT_READ | PROT_EXEC;
const ANYWHERE = -1;

/** Undefined when everything is in place. @throws MayexecError for an unknown placement. */
export function placePages(
  tools: PlaceTools,
  pages: readonly CodePages[],
  placement: Placement,
): RefusedPlacement | undefined {
  if (!PLACEMENTS.includes(placement)) throw unknownValue('placement', placement, PLACEMENTS);
  try {
    if (tools.sandbox.os !== 'linux') placeForWindows(tools, pages, placement);
    else if (placement === 'image') placeImage(tools, pages);
    else for (const each of pages) placeJit(tools.sandbox, each, placement);
    return undefined;
  } catch (error) {
    if (error instanceof RefusedCall) return error.refused;
    throw error;
  }
}

function placeImage({ sandbox, path }: PlaceTools, pages: readonly CodePages[]): void {
  const content = new Uint8Array(pages.reduce((sum, { bytes }) => sum + bytes.length, 0));
  let offset = 0;
  for (const { bytes } of pages) {
    content.set(bytes, offset);
    offset += bytes.length;
  }
  sandbox.writeFile(CODE_FILE, { content, mode: 0o755 });
  const file = call(sandbox, 'open', path, 0, 0);
  offset = 0;
  for (const { start, bytes, write, exec } of pages) {
    const prot = PROT_READ | (write ? PROT_WRITE : 0) | (exec ? PROT_EXEC : 0);
    call(sandbox, 'mmap', start, bytes.length, prot, MAP_PRIVATE | MAP_FIXED, file, offset);
    offset += bytes.length;
  }
  call(sandbox, 'close', file);
}

function placeJit(sandbox: Sandbox, pages: CodePages, placement: Placement): void {
  const { start, bytes, exec } = pages;
  const length = bytes.length;
  if (exec && placement === 'dual') {
    placeDual(sandbox, pages);
    return;
  }
  const rights = exec && placement === 'rwx' ? RW | PROT_EXEC : RW;
  mapAnonymous(sandbox, start, length, rights);
  sandbox.poke(start, bytes);
  if (exec && placement === 'flip') call(sandbox, 'mprotect', start, length, RX);
}

function placeDual(sandbox: Sandbox, { start, bytes }: CodePages): void {
  const { length } = bytes;
  const view = MAP_SHARED | MAP_FIXED;
  // The name is any text in readable memory; the empty one ends at the first byte of a fresh page.
  mapAnonymous(sandbox, start + DUAL_DISTANCE, length, PROT_READ);
  const memfd = call(sandbox, 'memfd_create', start + DUAL_DISTANCE, 0);
  call(sandbox, 'ftruncate', memfd, length);
  call(sandbox, 'mmap', start + DUAL_DISTANCE, length, RW, view, memfd, 0);
  call(sandbox, 'mmap', start, length, RX, view, memfd, 0);
  sandbox.poke(start + DUAL_DISTANCE, bytes);
  call(sandbox, 'close', memfd);
}

/** Fresh zeroed memory exactly there. */
export function mapAnonymous(sandbox: Sandbox, start: Addr, length: number, prot: number): void {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  call(sandbox, 'mmap', start, length, prot, flags, ANYWHERE, 0);
}

function call(sandbox: Sandbox, name: string, ...args: readonly (number | bigint)[]): bigint {
  const { value, errno } = sandbox.syscall(name, ...args);
  if (errno !== undefined) throw new RefusedCall({ call: name, errno });
  return value;
}
