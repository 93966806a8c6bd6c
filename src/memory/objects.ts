/**
 * PagedObject: an inode with its page cache. A page gets a frame at first use, from the file's own
 * bytes when it has some and zeroed otherwise; every mapping and every read and write goes to that
 * frame, which is what makes two views of one object coherent.
 */

import { PAGE_SIZE } from '../base/address.js';
import { type Failure, fail, ok, type Result } from '../base/result.js';
import type { Frames } from './frames.js';
import type {
  MemoryObject,
  ObjectKind,
  ObjectState,
  ObjectWatcher,
  SecurityLabel,
} from './object.js';

export const F_SEAL_SEAL = 0x1;
export const F_SEAL_SHRINK = 0x2;
export const F_SEAL_GROW = 0x4;
export const F_SEAL_WRITE = 0x8;
export const F_SEAL_FUTURE_WRITE = 0x10;
export const F_SEAL_EXEC = 0x20;

const UNLABELED: SecurityLabel = { type: 'unlabeled_t', class: 'file' };
const NO_BYTES = new Uint8Array();

export interface PagedObjectInit {
  readonly kind: ObjectKind;
  readonly path: string;
  readonly inode: number;
  readonly device?: string;
  readonly superblock?: string;
  readonly inodePrivate?: boolean;
  readonly label?: SecurityLabel;
  /** Default: the length of `content`; a function needs it. */
  readonly size?: number;
  /** Paged in at first use; must not change afterwards. A function is asked then, once. */
  readonly content?: Uint8Array | (() => Uint8Array);
  readonly seals?: number;
  readonly onFree?: () => void;
}

export class PagedObject implements MemoryObject {
  readonly kind: ObjectKind;
  path: string;
  readonly inode: number;
  readonly device: string;
  readonly superblock: string;
  readonly inodePrivate: boolean;
  readonly label: SecurityLabel;
  readonly readsAsZero = false;
  readonly watchers = new Set<ObjectWatcher>();
  /** F_SEAL_*; whoever adds F_SEAL_WRITE asks `writableMappings` first (EBUSY). */
  seals: number;
  readonly #frames: Frames;
  /** The file's own bytes; of a file of the host's they are read when they are needed first. */
  #content: Uint8Array | (() => Uint8Array);
  #size: number;
  /** How much of `content` still stands behind pages without a frame; truncation only lowers it. */
  #fileBytes: number;
  #pages: ReadonlyMap<number, number> = new Map();
  /** Snapshots have the same pages: whoever changes them makes a copy first. */
  #shared = false;
  #references = 1;
  #writableMappings = 0;
  /** Called when the last reference goes. */
  onFree: (() => void) | undefined;

  /** Born with one reference, the creator's. */
  constructor(frames: Frames, init: PagedObjectInit) {
    this.#frames = frames;
    this.kind = init.kind;
    this.path = init.path;
    this.inode = init.inode;
    this.device = init.device ?? '00:01';
    this.superblock = init.superblock ?? 'tmpfs';
    this.inodePrivate = init.inodePrivate ?? false;
    this.label = init.label ?? UNLABELED;
    this.seals = init.seals ?? 0;
    this.onFree = init.onFree;
    this.#content = init.content ?? NO_BYTES;
    const known = typeof this.#content === 'function' ? undefined : this.#content.length;
    this.#size = init.size ?? known ?? 0;
    this.#fileBytes = Math.min(known ?? this.#size, this.#size);
  }

  get size(): number {
    return this.#size;
  }

  get writableMappings(): number {
    return this.#writableMappings;
  }

  countWritableMapping(change: number): void {
    this.#writableMappings += change;
  }

  retain(): void {
    this.#references++;
  }

  release(): void {
    if (--this.#references > 0) return;
    this.#dropPages(0);
    this.onFree?.();
  }

  residentIn(first: number, end: number): number {
    const filePages = Math.ceil(this.#fileBytes / PAGE_SIZE);
    let count = Math.max(0, Math.min(end, filePages) - first);
    this.#chargeWalk();
    for (const index of this.#pages.keys()) {
      if (index >= Math.max(first, filePages) && index < end) count++;
    }
    return count;
  }

  resident(index: number): boolean {
    // Bytes of the file's own count as read in: nothing here is ever on a disk.
    return this.#pages.has(index) || index * PAGE_SIZE < this.#fileBytes;
  }

  frame(index: number, forWrite: boolean): number | undefined {
    const frame = this.#pages.get(index);
    if (frame === undefined) return this.#pageIn(index);
    if (!forWrite || !this.#frames.shared(frame)) return frame;
    const copy = this.#frames.copy(frame);
    if (copy === undefined) return undefined;
    this.#frames.release(frame);
    this.#ownPages().set(index, copy);
    this.#notify(index, index + 1, false);
    return copy;
  }

  read(offset: number, length: number): Uint8Array {
    const end = Math.min(offset + length, this.#size);
    if (end <= offset) return new Uint8Array();
    const bytes = new Uint8Array(end - offset);
    for (let at = offset; at < end; ) {
      const index = Math.floor(at / PAGE_SIZE);
      const stop = Math.min((index + 1) * PAGE_SIZE, end);
      bytes.set(this.#peek(index, at - index * PAGE_SIZE, stop - at), at - offset);
      at = stop;
    }
    return bytes;
  }

  /** shmem_write_begin, for the first page of a write: the seals, before any byte is looked at. */
  writeRefusal(offset: number, length: number): Failure['errno'] | undefined {
    if (this.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) return 'EPERM';
    if (!(this.seals & F_SEAL_GROW)) return undefined;
    const stop = Math.min(offset + length, (Math.floor(offset / PAGE_SIZE) + 1) * PAGE_SIZE);
    return stop > this.#size ? 'EPERM' : undefined;
  }

  /** Page by page: what fits below a grow seal is written. Stops early when memory runs out. */
  write(offset: number, bytes: Uint8Array): Result<number> {
    const refusal = this.writeRefusal(offset, bytes.length);
    if (refusal !== undefined) return fail(refusal);
    if (bytes.length === 0) return ok(0);
    const grows = offset + bytes.length > this.#size;
    const whole = Math.floor(this.#size / PAGE_SIZE) * PAGE_SIZE;
    const end = grows && this.seals & F_SEAL_GROW ? whole : offset + bytes.length;
    let at = offset;
    while (at < end) {
      const index = Math.floor(at / PAGE_SIZE);
      const frame = this.frame(index, true);
      if (frame === undefined) break;
      const stop = Math.min((index + 1) * PAGE_SIZE, end);
      this.#frames
        .bytes(frame)
        .set(bytes.subarray(at - offset, stop - offset), at - index * PAGE_SIZE);
      at = stop;
    }
    if (at === offset) return fail('ENOSPC');
    this.#size = Math.max(this.#size, at);
    return ok(at - offset);
  }

  /** shmem_setattr and truncate_pagecache: the rest of the last page becomes zeros, pages behind it go. */
  truncate(size: number): Result<0> {
    if (size < this.#size && this.seals & F_SEAL_SHRINK) return fail('EPERM');
    if (size > this.#size && this.seals & F_SEAL_GROW) return fail('EPERM');
    if (size < this.#size) {
      const tail = size % PAGE_SIZE;
      if (tail !== 0) {
        const frame = this.frame(Math.floor(size / PAGE_SIZE), true);
        if (frame === undefined) return fail('ENOMEM');
        this.#frames.bytes(frame).fill(0, tail);
      }
      this.#fileBytes = Math.min(this.#fileBytes, size);
      this.#size = size;
      this.#dropPages(Math.ceil(size / PAGE_SIZE));
    }
    this.#size = size;
    return ok(0);
  }

  /** shmem_fallocate with FALLOC_FL_PUNCH_HOLE. Whole pages go from every shared mapping as well. */
  punchHole(offset: number, length: number): Result<0> {
    if (this.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) return fail('EPERM');
    // Bytes behind the size, in its last page, can have been stored through a mapping: they go too.
    const end = Math.min(offset + length, Math.ceil(this.#size / PAGE_SIZE) * PAGE_SIZE);
    // Whole pages behind the file's own bytes are forgotten, however many they would be; the others are cleared.
    const first = Math.ceil(Math.max(offset, this.#fileBytes) / PAGE_SIZE);
    const last = Math.floor(end / PAGE_SIZE);
    for (let at = offset; at < end; ) {
      const index = Math.floor(at / PAGE_SIZE);
      if (index === first && index < last) {
        at = last * PAGE_SIZE;
        continue;
      }
      const stop = Math.min((index + 1) * PAGE_SIZE, end);
      if (!this.#clear(index, at - index * PAGE_SIZE, stop - index * PAGE_SIZE)) {
        return fail('ENOMEM');
      }
      at = stop;
    }
    if (first < last) this.#dropPages(first, last);
    return ok(0);
  }

  saveState(): ObjectState {
    for (const frame of this.#pages.values()) this.#frames.retain(frame);
    this.#shared = true;
    return {
      size: this.#size,
      fileBytes: this.#fileBytes,
      seals: this.seals,
      pages: this.#pages,
    };
  }

  restoreState(state: ObjectState): void {
    const isSame = state.pages === this.#pages && state.size === this.#size;
    if (state.pages !== this.#pages) {
      for (const frame of state.pages.values()) this.#frames.retain(frame);
      for (const frame of this.#pages.values()) this.#frames.release(frame);
      this.#pages = state.pages;
      this.#shared = true;
    }
    this.#size = state.size;
    this.#fileBytes = state.fileBytes;
    this.seals = state.seals;
    if (!isSame) this.#notify(0, Number.MAX_SAFE_INTEGER, false);
  }

  dropState(state: ObjectState): void {
    for (const frame of state.pages.values()) this.#frames.release(frame);
  }

  #ownPages(): Map<number, number> {
    if (this.#shared) this.#pages = new Map(this.#pages);
    this.#shared = false;
    return this.#pages as Map<number, number>;
  }

  get #fileContent(): Uint8Array {
    if (typeof this.#content === 'function') this.#content = this.#content();
    return this.#content;
  }

  #pageIn(index: number): number | undefined {
    const frame = this.#frames.allocate();
    if (frame === undefined) return undefined;
    this.#frames.meter.charge('firstAccess');
    const start = index * PAGE_SIZE;
    if (start < this.#fileBytes) {
      const end = Math.min(start + PAGE_SIZE, this.#fileBytes);
      this.#frames.bytes(frame).set(this.#fileContent.subarray(start, end));
    }
    this.#ownPages().set(index, frame);
    return frame;
  }

  /** Bytes of one page without giving it a frame. */
  #peek(index: number, offset: number, length: number): Uint8Array {
    const frame = this.#pages.get(index);
    if (frame !== undefined) return this.#frames.bytes(frame).subarray(offset, offset + length);
    const start = index * PAGE_SIZE + offset;
    const end = Math.min(start + length, this.#fileBytes);
    return start < end ? this.#fileContent.subarray(start, end) : NO_BYTES;
  }

  #clear(index: number, start: number, end: number): boolean {
    // What was never there is zeros already.
    if (!this.#pages.has(index) && index * PAGE_SIZE >= this.#fileBytes) return true;
    const frame = this.frame(index, true);
    this.#frames.meter.charge('page');
    if (frame !== undefined) this.#frames.bytes(frame).fill(0, start, end);
    return frame !== undefined;
  }

  /** A hole of pages [first, end); without an end, all behind the new size. */
  #dropPages(first: number, end = Number.MAX_SAFE_INTEGER): void {
    this.#notify(first, end, end === Number.MAX_SAFE_INTEGER);
    if (end - first < this.#pages.size) {
      for (let index = first; index < end; index++) this.#dropPage(index);
      return;
    }
    this.#chargeWalk();
    for (const index of this.#ownPages().keys())
      if (index >= first && index < end) this.#dropPage(index);
  }

  #dropPage(index: number): void {
    const frame = this.#pages.get(index);
    if (frame === undefined) return;
    this.#frames.meter.charge('page');
    this.#ownPages().delete(index);
    this.#frames.release(frame);
  }

  /** All pages that there are will be looked at. */
  #chargeWalk(): void {
    this.#frames.meter.charge('pageTable', Math.ceil(this.#pages.size / 64));
  }

  #notify(first: number, end: number, gone: boolean): void {
    for (const watcher of this.watchers) watcher.pagesChanged(this, first, end, gone);
  }
}

/**
 * /dev/zero (drivers/char/mem.c). A private mapping keeps the file but has anonymous pages; a shared
 * one gets a hidden shmem object instead (mmap_zero), so this object never hands out a frame.
 */
export function devZero(_frames?: Frames): MemoryObject {
  return {
    kind: 'zero',
    path: '/dev/zero',
    inode: 4,
    device: '00:06',
    superblock: 'devtmpfs',
    inodePrivate: false,
    label: { type: 'zero_device_t', class: 'chr_file' },
    size: 0,
    readsAsZero: true,
    read: (_offset, length) => new Uint8Array(length),
    write: (_offset, bytes) => ok(bytes.length),
    truncate: () => fail('EINVAL'),
    frame: () => undefined,
  };
}
