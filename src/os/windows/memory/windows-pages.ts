/**
 * WindowsPages: the pages of a process of Windows: frames of its own behind private and copied memory, the frames of
 * sections behind views. What a page lets the CPU do is read off the allocation at each miss.
 */
import { PAGE_ANY_COPY } from '../../../abi/windows/memory.js';
import { type NtStatus, STATUS } from '../../../abi/windows/status.js';
import { type Addr, PAGE_SIZE } from '../../../base/address.js';
import type { Access } from '../../../base/outcome.js';
import {
  type Engine,
  FAULT_NO_MEMORY,
  FAULT_PROTECTION,
  FAULT_UNMAPPED,
  HW_EXEC,
  HW_READ,
  HW_WRITE,
} from '../../../engine/engine.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';
import type { Frames } from '../../../memory/frames.js';
import type { MemoryObject } from '../../../memory/object.js';
import { entryFrame, frameEntry, PageTable } from '../../../memory/page-table.js';
import { hardwareRights, written } from './protection.js';
import type { Vad, VadList } from './vad.js';
import type { Pages } from './virtual-memory.js';

export class WindowsPages implements Pages {
  readonly #engine: Engine;
  readonly #frames: Frames;
  readonly #vads: VadList;
  /** DEP: does a fetch need an EXECUTE protection? */
  readonly #nx: () => boolean;
  #table = new PageTable();
  /** Pages of write-watched memory that were written. */
  #dirty = new Set<number>();
  /** Pages of images and copy views that were written. */
  #copied = new Set<number>();

  constructor(engine: Engine, frames: Frames, vads: VadList, nx: () => boolean) {
    this.#engine = engine;
    this.#frames = frames;
    this.#vads = vads;
    this.#nx = nx;
  }

  /** Translate of the engine port. A guard page answers with FAULT_PROTECTION: whoever judges the stop looks. */
  readonly translate = (page: number, access: Access): number => {
    const vad = this.#vads.find(page);
    const protect = vad?.runAt(page).protect ?? 0;
    if (vad === undefined || protect === 0) return FAULT_UNMAPPED;
    const rights = hardwareRights(protect, this.#nx());
    const needed = access === 'read' ? HW_READ : access === 'write' ? HW_WRITE : HW_EXEC;
    if ((rights & needed) === 0) return FAULT_PROTECTION;
    const frame = this.#frameFor(vad, page, access === 'write');
    if (frame === undefined) return FAULT_NO_MEMORY;
    if (access === 'write') this.#noteCopy(vad, page, protect);
    const mayWriteOn = access === 'write' || this.#isWritable(vad, page, frame);
    return frame * 8 + (mayWriteOn ? rights : rights & ~HW_WRITE);
  };

  /** Without another look: the frame is the process's own, and nobody waits for the first write. */
  #isWritable(vad: Vad, page: number, frame: number): boolean {
    if (this.#ownFrame(page) !== frame || this.#frames.shared(frame)) return false;
    if (vad.copies && !this.#copied.has(page)) return false;
    return !vad.writeWatch || this.#dirty.has(page);
  }

  #noteCopy(vad: Vad, page: number, protect: number): void {
    if (!vad.copies || this.#copied.has(page)) return;
    this.#copied.add(page);
    if (protect & PAGE_ANY_COPY) vad.set(page, page + 1, written(protect));
  }

  map(): NtStatus {
    return STATUS.SUCCESS;
  }

  unmap(_vad: Vad, start: number, end: number): void {
    this.#drop(start, end);
  }

  commit(vad: Vad, start: number, end: number): NtStatus {
    this.#frames.meter.charge('object', vad.runs.length);
    this.#flush(start, end);
    return STATUS.SUCCESS;
  }

  protect(vad: Vad, start: number, end: number): NtStatus {
    this.#frames.meter.charge('object', vad.runs.length);
    this.#flush(start, end);
    return STATUS.SUCCESS;
  }

  decommit(_vad: Vad, start: number, end: number): void {
    this.#drop(start, end);
  }

  reset(): void {
    // The system may drop the content and here never does.
  }

  copiedPages(vad: Vad, start: number, end: number): number[] {
    if (!vad.copies) return [];
    return [...this.#copied].filter((page) => page >= start && page < end);
  }

  writtenPages(_vad: Vad, start: number, end: number): number[] {
    return [...this.#dirty].filter((page) => page >= start && page < end).sort((a, b) => a - b);
  }

  resetWrites(_vad: Vad, start: number, end: number): void {
    for (const page of this.#dirty) if (page >= start && page < end) this.#dirty.delete(page);
    this.#flush(start, end);
  }

  peek(address: Addr, length: number): Uint8Array | undefined {
    const bytes = new Uint8Array(length);
    const whole = this.#each(address, length, (page, from, at, count) => {
      const vad = this.#vads.find(page);
      if (vad === undefined || vad.runAt(page).protect === 0) return false;
      const frame = this.#present(vad, page);
      if (frame !== undefined) {
        bytes.set(this.#frames.bytes(frame).subarray(from, from + count), at);
        return true;
      }
      const content = vad.section?.image?.page(page - vad.start);
      if (content !== undefined) bytes.set(content.subarray(from, from + count), at);
      return true;
    });
    return whole ? bytes : undefined;
  }

  poke(address: Addr, bytes: Uint8Array): boolean {
    return this.#each(address, bytes.length, (page, from, at, count) => {
      const vad = this.#vads.find(page);
      const protect = vad?.runAt(page).protect ?? 0;
      if (vad === undefined || protect === 0) return false;
      const frame = this.#frameFor(vad, page, true);
      if (frame === undefined) return false;
      this.#noteCopy(vad, page, protect);
      this.#frames.bytes(frame).set(bytes.subarray(at, at + count), from);
      // Code that was translated from the page is stale.
      this.#engine.flushTlb(page, 1);
      return true;
    });
  }

  /** Pages [first, end) of a section have other bytes, or lie in other frames: views forget what they know. */
  forgetViews(object: MemoryObject, first: number, end: number): void {
    this.#frames.meter.charge('object', this.#vads.all.length);
    for (const vad of this.#vads.all) {
      if (vad.section?.object !== object) continue;
      const shift = vad.start - vad.offset;
      const start = Math.max(first + shift, vad.start);
      const stop = Math.min(end + shift, vad.end);
      if (start < stop) this.#flush(start, stop);
    }
  }

  flush(): NtStatus {
    return STATUS.SUCCESS;
  }

  /** DEP was switched: every translation is stale. */
  rightsChanged(): void {
    this.#engine.flushTlb();
  }

  save(): Saved {
    const table = this.#table.clone();
    const dirty = new Set(this.#dirty);
    const copied = new Set(this.#copied);
    table.forEach(0, Number.MAX_SAFE_INTEGER, (_page, entry) => {
      this.#frames.retain(entryFrame(entry));
    });
    const releaseAll = (pages: PageTable): void => {
      pages.forEach(0, Number.MAX_SAFE_INTEGER, (_page, entry) => {
        this.#frames.release(entryFrame(entry));
      });
    };
    return saved(
      () => {
        table.forEach(0, Number.MAX_SAFE_INTEGER, (_page, entry) => {
          this.#frames.retain(entryFrame(entry));
        });
        releaseAll(this.#table);
        this.#table = table.clone();
        this.#dirty = new Set(dirty);
        this.#copied = new Set(copied);
        this.#engine.flushTlb();
      },
      () => releaseAll(table),
    );
  }

  close(): void {
    this.#drop(0, Number.MAX_SAFE_INTEGER);
  }

  #ownFrame(page: number): number {
    return entryFrame(this.#table.get(page));
  }

  /** The frame that stands behind the page now, if any. */
  #present(vad: Vad, page: number): number | undefined {
    const own = this.#ownFrame(page);
    if (own >= 0) return own;
    const { object } = vad.section ?? {};
    return object?.frame(page - vad.start + vad.offset, false);
  }

  /** First touch and copy on write. */
  #frameFor(vad: Vad, page: number, write: boolean): number | undefined {
    const own = this.#ownFrame(page);
    if (write && vad.writeWatch) this.#dirty.add(page);
    if (own >= 0) return write && this.#frames.shared(own) ? this.#copy(page, own) : own;
    const object = vad.section?.object;
    if (object !== undefined) {
      const shared = object.frame(page - vad.start + vad.offset, write && !vad.copies);
      if (shared === undefined || !write || !vad.copies) return shared;
      this.#engine.flushTlb(page, 1);
      return this.#own(page, this.#frames.copy(shared));
    }
    const content = vad.section?.image?.page(page - vad.start);
    this.#frames.meter.charge('firstAccess');
    const frame = this.#frames.allocate();
    if (frame !== undefined && content !== undefined) this.#frames.bytes(frame).set(content);
    return this.#own(page, frame);
  }

  #copy(page: number, own: number): number | undefined {
    this.#frames.meter.charge('firstAccess');
    const copy = this.#frames.copy(own);
    if (copy === undefined) return undefined;
    this.#frames.release(own);
    this.#table.set(page, frameEntry(copy));
    this.#engine.flushTlb(page, 1);
    return copy;
  }

  #own(page: number, frame: number | undefined): number | undefined {
    if (frame !== undefined) this.#table.set(page, frameEntry(frame));
    return frame;
  }

  #drop(start: number, end: number): void {
    const { meter } = this.#frames;
    meter.charge('object', this.#dirty.size + this.#copied.size);
    this.#table.forEach(start, end, (page, entry) => {
      meter.charge('page');
      this.#frames.release(entryFrame(entry));
      this.#table.set(page, 0);
    });
    for (const noted of [this.#dirty, this.#copied]) {
      for (const page of noted) if (page >= start && page < end) noted.delete(page);
    }
    this.#flush(start, end);
  }

  #flush(start: number, end: number): void {
    this.#engine.flushTlb(start, end - start);
  }

  #each(
    address: Addr,
    length: number,
    visit: (page: number, from: number, at: number, count: number) => boolean,
  ): boolean {
    for (let at = 0; at < length; ) {
      const here = address + BigInt(at);
      const from = Number(here & 0xfffn);
      const count = Math.min(PAGE_SIZE - from, length - at);
      if (!visit(Number(here >> 12n), from, at, count)) return false;
      at += count;
    }
    return true;
  }
}
