/** The arguments of a mapping, decoded from registers and descriptors by the caller. */
import type { Addr } from '../../../../base/address.js';
import type { Ruling } from '../../../../base/verdict.js';
import type { MemoryObject } from '../../../../memory/object.js';
import type { MapRequest } from '../hooks.js';
import type { VmFlags } from '../vmas/vma.js';

/** From the open file description. */
export interface MappedFile {
  readonly object: MemoryObject;
  readonly readable: boolean;
  readonly writable: boolean;
  /** An append-only inode. */
  readonly appendOnly: boolean;
  readonly noexecMount: boolean;
  /** False for what has no mmap operation (pipes, directories). */
  readonly mappable: boolean;
  /** Identity of the open file description: only VMAs of the same one merge. Default: the object. */
  readonly description?: object;
}

export interface MmapArgs {
  readonly addr: Addr;
  readonly length: bigint;
  readonly prot: number;
  readonly flags: number;
  /** Undefined with MAP_ANONYMOUS. */
  readonly file: MappedFile | undefined;
  readonly pageOffset: bigint;
  /** Who maps: 'exec' for the loader, 'shmat' for SysV shared memory. Default 'mmap'. */
  readonly origin?: MapRequest['origin'];
}

/** The policies' view of the mapping as far as it is known. */
export function mapRequest(request: {
  readonly args: MmapArgs;
  readonly file: MappedFile | undefined;
  readonly start: number;
  readonly pages: number;
  readonly vmFlags: VmFlags;
}): MapRequest {
  return {
    range: {
      start: BigInt(request.start) << 12n,
      end: BigInt(request.start + request.pages) << 12n,
    },
    prot: request.args.prot,
    mapFlags: request.args.flags,
    flags: request.vmFlags,
    object: request.file?.object,
    origin: request.args.origin ?? 'mmap',
  };
}

/** A policy narrows the mapping; for its history, all that took something from it. */
export function takeRights(
  request: { vmFlags: VmFlags; ruling: Ruling | undefined },
  ruling: Ruling & { kind: 'narrow' },
): void {
  request.vmFlags &= ruling.flags;
  request.ruling = together(request.ruling, ruling);
}

/** The later of two narrowings, with what both took. */
export function together(
  first: Ruling | undefined,
  second: Ruling & { kind: 'narrow' },
): Ruling & { kind: 'narrow' } {
  if (first?.taken === undefined) return second;
  return { ...second, taken: [...first.taken, ...(second.taken ?? [])] };
}
