/**
 * WinePages: the pages of a process under Wine: each change of an allocation is a system call, in the order and with
 * the flags that Wine 8.0 makes it. What Linux refuses comes back as a status.
 */
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_EXEC,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from '../../abi/linux/mman.js';
import {
  PAGE_ANY_EXECUTE,
  PAGE_ANY_WRITE,
  PAGE_GUARD,
  PAGE_NOACCESS,
} from '../../abi/windows/memory.js';
import { type NtStatus, STATUS } from '../../abi/windows/status.js';
import { type Addr, type AddrRange, PAGE_SIZE_N } from '../../base/address.js';
import { MayexecError } from '../../base/errors.js';
import type { Vad, VadList } from '../../os/windows/memory/vad.js';
import type { Pages } from '../../os/windows/memory/virtual-memory.js';
import type { HostAnswer, WineHost } from './host.js';
import { mapImagePages } from './image.js';

const MS_ASYNC = 1n;

export interface WinePagesInit {
  readonly host: WineHost;
  readonly vads: VadList;
  /** Areas that are kept when what lay in them goes. */
  readonly reserved: readonly AddrRange[];
  /** Places in them that Wine itself has taken, of which programs hear nothing. */
  readonly hidden: readonly AddrRange[];
  /** DEP is on: readable is not executable. */
  readonly nx: () => boolean;
}

export class WinePages implements Pages {
  readonly #init: WinePagesInit;
  /** Pages of write-watched memory that were written. */
  #dirty = new Set<number>();

  constructor(init: WinePagesInit) {
    this.#init = init;
  }

  map(vad: Vad): NtStatus {
    const { host, hidden } = this.#init;
    const [start, length] = bytesOf(vad.start, vad.end);
    if (hidden.some((range) => start < range.end && start + length > range.start)) {
      return STATUS.CONFLICTING_ADDRESSES;
    }
    if (vad.kind === 'image') {
      return mapImagePages(host, vad, this.#isReserved(start, length), (protect) =>
        this.prot(protect),
      );
    }
    const fixed = this.#isReserved(start, length) ? MAP_FIXED : 0x100000;
    const first = vad.runs[0]?.protect ?? 0;
    const prot = this.prot(first, vad.writeWatch);
    const made = host.mmap(start, length, prot, MAP_PRIVATE | MAP_ANONYMOUS | fixed);
    if (!made.ok) return mapStatus(made);
    if (vad.kind !== 'mapped') return STATUS.SUCCESS;
    return this.#mapView(vad, prot);
  }

  /** The memory is taken first, the section's file mapped over it. */
  #mapView(vad: Vad, prot: number): NtStatus {
    const { host } = this.#init;
    const [start, length] = bytesOf(vad.start, vad.end);
    const fd = vad.section?.handle;
    if (fd === undefined) return STATUS.SUCCESS;
    const kind = vad.copies ? MAP_PRIVATE : MAP_SHARED;
    const offset = BigInt(vad.offset) * PAGE_SIZE_N;
    const viewed = host.mmap(start, length, prot, kind | MAP_FIXED, fd, offset);
    if (viewed.ok) return STATUS.SUCCESS;
    this.unmap(vad, vad.start, vad.end);
    return mapStatus(viewed);
  }

  unmap(_vad: Vad, start: number, end: number): void {
    const { host } = this.#init;
    const [address, length] = bytesOf(start, end);
    this.#forget(start, end);
    if (!this.#isReserved(address, length)) {
      host.munmap(address, length);
      return;
    }
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    host.mmap(address, length, PROT_NONE, flags);
  }

  commit(vad: Vad, start: number, end: number, protect: number): NtStatus {
    return this.protect(vad, start, end, protect);
  }

  protect(vad: Vad, start: number, end: number, protect: number): NtStatus {
    const [address, length] = bytesOf(start, end);
    const answer = this.#init.host.mprotect(address, length, this.prot(protect, vad.writeWatch));
    if (answer.ok) return STATUS.SUCCESS;
    return answer.errno === 'ENOMEM' ? STATUS.NO_MEMORY : STATUS.ACCESS_DENIED;
  }

  decommit(_vad: Vad, start: number, end: number): void {
    const [address, length] = bytesOf(start, end);
    this.#forget(start, end);
    this.#init.host.mmap(address, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED);
  }

  reset(_vad: Vad, start: number, end: number): void {
    const [address, length] = bytesOf(start, end);
    this.#init.host.call('madvise', address, length, 4n);
  }

  flush(_vad: Vad, address: Addr, length: bigint): NtStatus {
    const done = this.#init.host.call('msync', address, length, MS_ASYNC);
    return done.ok ? STATUS.SUCCESS : STATUS.NOT_MAPPED_DATA;
  }

  copiedPages(): number[] {
    return [];
  }

  writtenPages(_vad: Vad, start: number, end: number): number[] {
    return [...this.#dirty].filter((page) => page >= start && page < end).sort((a, b) => a - b);
  }

  resetWrites(vad: Vad, start: number, end: number): void {
    this.#forget(start, end);
    for (const run of vad.runsIn(start, end)) {
      if (run.protect !== 0) this.protect(vad, run.start, run.end, run.protect);
    }
  }

  /** The first write to a watched page: it is noted, and the page may be written. */
  noteWrite(page: number): boolean {
    const { vads, host } = this.#init;
    const vad = vads.find(page);
    if (vad === undefined || !vad.writeWatch || this.#dirty.has(page)) return false;
    const prot = this.prot(vad.runAt(page).protect);
    if (!(prot & PROT_WRITE)) return false;
    this.#dirty.add(page);
    return host.mprotect(BigInt(page) * PAGE_SIZE_N, PAGE_SIZE_N, prot).ok;
  }

  /** DEP was switched: every readable page gets or loses the right to execute. */
  rightsChanged(): void {
    for (const vad of this.#init.vads.all) {
      for (const run of vad.runs) {
        if (run.protect !== 0) this.protect(vad, run.start, run.end, run.protect);
      }
    }
  }

  peek(address: Addr, length: number): Uint8Array | undefined {
    return withinMapped(() => this.#init.host.process.memory.peek(address, length));
  }

  poke(address: Addr, bytes: Uint8Array): boolean {
    const { vads, host } = this.#init;
    const page = Number(address >> 12n);
    if (vads.find(page)?.writeWatch) this.#dirty.add(page);
    return (
      withinMapped(() => {
        host.process.memory.poke(address, bytes);
        return true;
      }) === true
    );
  }

  /** PROT_* of a PAGE_*: EXECUTE can be read too; a guarded page has no rights. */
  prot(protect: number, watched = false): number {
    if (protect === 0 || protect & (PAGE_GUARD | PAGE_NOACCESS)) return PROT_NONE;
    const write = protect & PAGE_ANY_WRITE && !watched ? PROT_WRITE : 0;
    const exec = protect & PAGE_ANY_EXECUTE || !this.#init.nx() ? PROT_EXEC : 0;
    return PROT_READ | write | exec;
  }

  save(): () => void {
    const dirty = new Set(this.#dirty);
    return () => {
      this.#dirty = new Set(dirty);
    };
  }

  #isReserved(start: Addr, length: bigint): boolean {
    return this.#init.reserved.some((range) => start >= range.start && start + length <= range.end);
  }

  #forget(start: number, end: number): void {
    for (const page of this.#dirty) if (page >= start && page < end) this.#dirty.delete(page);
  }
}

/** Where mmap is refused, the caller hears of a wrong parameter. */
function mapStatus(answer: HostAnswer & { readonly ok: false }): NtStatus {
  switch (answer.errno) {
    case 'ENOMEM':
      return STATUS.NO_MEMORY;
    case 'EEXIST':
      return STATUS.CONFLICTING_ADDRESSES;
    default:
      return STATUS.INVALID_PARAMETER;
  }
}

function bytesOf(start: number, end: number): [Addr, bigint] {
  return [BigInt(start) * PAGE_SIZE_N, BigInt(end - start) * PAGE_SIZE_N];
}

function withinMapped<T>(access: () => T): T | undefined {
  try {
    return access();
  } catch (error) {
    if (error instanceof MayexecError) return undefined;
    throw error;
  }
}
