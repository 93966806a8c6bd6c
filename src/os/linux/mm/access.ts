/**
 * Memory access other than the CPU's own: as the guest (load, store), as the kernel on the guest's
 * behalf (copyIn, copyOut) and as a debugger (peek, poke). All go through the page tables.
 */
import { type Addr, PAGE_SIZE } from '../../../base/address.js';
import { MayexecError } from '../../../base/errors.js';
import type { Access, Fault, FaultCode } from '../../../base/outcome.js';
import { fail, ok, type Result } from '../../../base/result.js';
import {
  FAULT_BUS,
  FAULT_NO_MEMORY,
  FAULT_PKEY,
  FAULT_PROTECTION,
  type FaultCause,
} from '../../../engine/engine.js';
import { entryFrame, frameEntry } from '../../../memory/page-table.js';
import { explainAccess, pageFor, translate } from './fault.js';
import type { Mm } from './mm.js';
import { inCore } from './resident.js';
import { hasSharedPages, type MappedVma } from './vmas/mapped-vma.js';

/** The part of one page that an access covers. */
interface Span {
  readonly page: number;
  /** Within the page. */
  readonly offset: number;
  readonly count: number;
  /** Within the access. */
  readonly at: number;
}

function spans(addr: Addr, length: number): Span[] {
  const result: Span[] = [];
  let page = Number(addr >> 12n);
  let offset = Number(addr & 0xfffn);
  for (let at = 0; at < length; page++) {
    const count = Math.min(PAGE_SIZE - offset, length - at);
    result.push({ page, offset, count, at });
    at += count;
    offset = 0;
  }
  return result;
}

export function faultCode(cause: FaultCause): FaultCode {
  if (cause === FAULT_PROTECTION) return 'SEGV_ACCERR';
  if (cause === FAULT_PKEY) return 'SEGV_PKUERR';
  return cause === FAULT_BUS || cause === FAULT_NO_MEMORY ? 'BUS_ADRERR' : 'SEGV_MAPERR';
}

/** Frames of all spans, or the fault of the first that has none. */
function framesFor(mm: Mm, addr: Addr, length: number, access: Access): number[] | Fault {
  const pc = mm.options.programCounter?.() ?? 0n;
  // The CPU looks at this before it looks for a page. Of a #GP it tells no address.
  if (mm.layout.kernelBits === 64 && reachesHole(addr, length)) {
    return { address: 0n, access, code: 'SI_KERNEL', pc };
  }
  const frames: number[] = [];
  for (const { page, offset } of spans(addr, length)) {
    const result = translate(mm, page, access);
    if (result < 0) {
      const address = (BigInt(page) << 12n) + BigInt(offset);
      return { address, access, code: faultCode(result as FaultCause), pc };
    }
    frames.push(Math.floor(result / 8));
  }
  return frames;
}

const HOLE = { start: 1n << 47n, end: (1n << 64n) - (1n << 47n) };

/** Addresses that are not canonical: bits 47 to 63 differ (Intel SDM volume 1, 3.3.7.1). */
function reachesHole(addr: Addr, length: number): boolean {
  return length > 0 && addr < HOLE.end && addr + BigInt(length) > HOLE.start;
}

/** As one instruction would. */
export function load(mm: Mm, addr: Addr, length: number): Uint8Array | Fault {
  const parts = spans(addr, length);
  const frames = framesFor(mm, addr, length, 'read');
  if (!Array.isArray(frames)) return frames;
  const bytes = new Uint8Array(length);
  parts.forEach(({ offset, count, at }, i) => {
    bytes.set(mm.frames.bytes(frames[i]!).subarray(offset, offset + count), at);
  });
  return bytes;
}

/** As one instruction: when any page refuses, nothing is stored. */
export function store(mm: Mm, addr: Addr, bytes: Uint8Array): Fault | null {
  const parts = spans(addr, bytes.length);
  const frames = framesFor(mm, addr, bytes.length, 'write');
  if (!Array.isArray(frames)) return frames;
  parts.forEach(({ page, offset, count, at }, i) => {
    mm.frames.bytes(frames[i]!).set(bytes.subarray(at, at + count), offset);
    mm.watch?.wrote(mm, page, frames[i]!, 'store', mm.options.programCounter?.());
  });
  return null;
}

/** access_ok: user pointers end below the kernel's half. */
function accessOk(mm: Mm, addr: Addr, length: number): boolean {
  const limit = mm.layout.kernelBits === 64 ? 0x7fff_ffff_f000n : mm.layout.taskSize;
  return addr + BigInt(length) <= limit;
}

/** copy_from_user: the bytes up to the first one that cannot be read. */
export function copyInPartial(mm: Mm, addr: Addr, length: number): Uint8Array {
  if (!accessOk(mm, addr, length)) return new Uint8Array();
  const bytes = new Uint8Array(length);
  for (const { page, offset, count, at } of spans(addr, length)) {
    const result = translate(mm, page, 'read');
    if (result < 0) return bytes.subarray(0, at);
    bytes.set(mm.frames.bytes(Math.floor(result / 8)).subarray(offset, offset + count), at);
  }
  return bytes;
}

/** copy_to_user: how many bytes went in before the first page that cannot be written. */
export function copyOutPartial(mm: Mm, addr: Addr, bytes: Uint8Array): number {
  if (!accessOk(mm, addr, bytes.length)) return 0;
  for (const { page, offset, count, at } of spans(addr, bytes.length)) {
    const result = translate(mm, page, 'write');
    if (result < 0) return at;
    const frame = Math.floor(result / 8);
    mm.frames.bytes(frame).set(bytes.subarray(at, at + count), offset);
    mm.watch?.wrote(mm, page, frame, mm.cause, mm.options.programCounter?.());
  }
  return bytes.length;
}

export function copyIn(mm: Mm, addr: Addr, length: number): Result<Uint8Array> {
  const bytes = copyInPartial(mm, addr, length);
  return bytes.length === length ? ok(bytes) : fail('EFAULT');
}

/** What lies before the faulting page has been written when it fails. */
export function copyOut(mm: Mm, addr: Addr, bytes: Uint8Array): Result<0> {
  return copyOutPartial(mm, addr, bytes) === bytes.length ? ok(0) : fail('EFAULT');
}

/**
 * What copyIn would read, for whoever only watches: no page comes in, no stack grows. EFAULT where
 * copyIn fails, and below a stack that copyIn would have grown.
 */
export function look(mm: Mm, addr: Addr, length: number): Result<Uint8Array> {
  if (!accessOk(mm, addr, length)) return fail('EFAULT');
  const bytes = new Uint8Array(length);
  for (const span of spans(addr, length)) {
    const vma = mm.list.find(span.page);
    if (vma === undefined || explainAccess(mm, span.page, 'read') !== undefined) {
      return fail('EFAULT');
    }
    bytes.set(peekPage(mm, vma, span), span.at);
  }
  return ok(bytes);
}

/**
 * copy_from_user_inatomic: as `look`, but a page that is not in memory yet is a failure too. What a
 * file keeps in memory counts as mapped: a fault maps up to 16 such pages around it (do_fault_around).
 */
export function copyPresent(mm: Mm, addr: Addr, length: number): Result<Uint8Array> {
  const present = spans(addr, length).every(({ page }) => {
    const vma = mm.list.find(page);
    return vma !== undefined && inCore(mm, vma, page);
  });
  return present ? look(mm, addr, length) : fail('EFAULT');
}

/** As peek, but pages come in as they do for ptrace (get_user_pages with FOLL_FORCE). */
export function forcedRead(mm: Mm, addr: Addr, length: number): Uint8Array {
  for (const { page } of spans(addr, length)) {
    const vma = mm.list.find(page);
    if (vma !== undefined) pageFor(mm, vma, page, 'read');
  }
  return peek(mm, addr, length);
}

/** Any mapped memory, whatever its rights; nothing is touched by it. */
export function peek(mm: Mm, addr: Addr, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (const span of spans(addr, length)) {
    const vma = mappedFor(mm, span, 'peek');
    bytes.set(peekPage(mm, vma, span), span.at);
  }
  return bytes;
}

function peekPage(mm: Mm, vma: MappedVma, { page, offset, count }: Span): Uint8Array {
  const frame = entryFrame(mm.pages.get(page));
  if (frame >= 0) return mm.frames.bytes(frame).subarray(offset, offset + count);
  if (vma.object === undefined || vma.object.readsAsZero) return new Uint8Array(count);
  const index = vma.pageOffset + (page - vma.startPage);
  return vma.object.read(index * PAGE_SIZE + offset, count);
}

/** As ptrace writes (FOLL_FORCE): a private page is copied first, a shared one changes for everyone. */
export function poke(mm: Mm, addr: Addr, bytes: Uint8Array): void {
  for (const span of spans(addr, bytes.length)) {
    const vma = mappedFor(mm, span, 'poke');
    const frame = writableFrame(mm, vma, span.page);
    if (frame === undefined)
      throw new MayexecError('poke: no guest memory is left (limits.memory)');
    const data = bytes.subarray(span.at, span.at + span.count);
    mm.frames.bytes(frame).set(data, span.offset);
  }
}

function writableFrame(mm: Mm, vma: MappedVma, page: number): number | undefined {
  const index = vma.pageOffset + (page - vma.startPage);
  if (hasSharedPages(vma)) return vma.object!.frame(index, true);
  const own = entryFrame(mm.pages.get(page));
  if (own >= 0 && !mm.frames.shared(own)) return own;
  const fromObject =
    own < 0 && vma.object !== undefined && !vma.object.readsAsZero
      ? vma.object.frame(index, false)
      : undefined;
  const source = own >= 0 ? own : fromObject;
  if (!mm.pages.hasRoomFor(page)) return undefined;
  const frame = source === undefined ? mm.frames.allocate() : mm.frames.copy(source);
  if (frame === undefined) return undefined;
  mm.frames.meter.charge('page');
  if (own >= 0) mm.frames.release(own);
  mm.prepareAnon(vma);
  mm.pages.set(page, frameEntry(frame));
  mm.flushTlb(page, 1);
  return frame;
}

function mappedFor(mm: Mm, { page, offset }: Span, what: string): MappedVma {
  const vma = mm.list.find(page);
  const address = (BigInt(page) << 12n) + BigInt(offset);
  if (vma === undefined) {
    throw new MayexecError(
      `${what}: nothing is mapped at ${hex(address)}; ${nearestMapping(mm, page)}`,
    );
  }
  const index = vma.pageOffset + (page - vma.startPage);
  const object = vma.object;
  if (object !== undefined && !object.readsAsZero && index >= Math.ceil(object.size / PAGE_SIZE)) {
    if (entryFrame(mm.pages.get(page)) >= 0) return vma;
    throw new MayexecError(`${what}: ${hex(address)} lies past the end of ${object.path}`);
  }
  return vma;
}

function nearestMapping(mm: Mm, page: number): string {
  const index = mm.list.indexFrom(page);
  const above = mm.list.at(index);
  const below = mm.list.at(index - 1);
  if (above === undefined && below === undefined) return 'there is no mapping at all';
  const distanceBelow = below === undefined ? Number.POSITIVE_INFINITY : page - below.endPage;
  const distanceAbove = above === undefined ? Number.POSITIVE_INFINITY : above.startPage - page;
  const nearest = distanceBelow < distanceAbove ? below! : above!;
  return `the nearest mapping is ${hex(nearest.start)}-${hex(nearest.end)}`;
}

function hex(address: Addr): string {
  return `0x${address.toString(16)}`;
}
