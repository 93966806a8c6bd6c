/**
 * A pipe: a ring of pages between those who hold its writing end and those who hold its reading end.
 * Compare fs/pipe.c of Linux 6.18 (pipe_read, pipe_write, pipe_set_size).
 *
 * A write begins a page of its own, unless the odd bytes beyond whole pages still fit into the last one:
 * how much a pipe takes before it is full depends on how it was filled, and the guest can see that.
 */

import { S_IFIFO } from '../../../abi/linux/fcntl.js';
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from '../../../abi/linux/poll.js';
import { PAGE_SIZE } from '../../../base/address.js';
import type { Errno } from '../../../base/errno.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';
import type { KernelPool } from '../../../memory/page-table.js';
import { type AccessMode, Inode, type Mount } from './inode.js';
import { USER_ID } from './mode.js';

/** PIPE_DEF_BUFFERS. */
const DEFAULT_PAGES = 16;
/** fs.pipe-max-size for those who are not root. */
const MOST_BYTES = 1 << 20;

/** The memory of a transfer (struct iov_iter). */
export interface TransferBuffers {
  /** Bytes still to be moved. */
  readonly left: number;
  /** Stores into memory what fits before a fault; the number of bytes. */
  put(bytes: Uint8Array): number;
  /** Takes up to `length` bytes from memory, fewer before a fault. */
  get(length: number): Uint8Array;
}

/** `full`: the rest must wait. */
export interface PipeWrite {
  readonly moved: number;
  readonly end: 'done' | 'full' | Errno;
}

interface Page {
  readonly bytes: Uint8Array;
  /** Bytes already read. */
  readonly taken: number;
  /** Written by O_DIRECT: read as a whole, what does not fit is lost. */
  readonly packet: boolean;
}

export class Pipe extends Inode {
  /** Oldest first. */
  #pages: readonly Page[] = [];
  #mostPages = DEFAULT_PAGES;
  /** Open descriptions of each end. */
  #readers = 1;
  #writers = 1;

  readonly #pool: KernelPool;

  /** `pool`: what its pages count against. */
  constructor(mount: Mount, number: number, pool: KernelPool) {
    super(mount, number, S_IFIFO | 0o600);
    this.#pool = pool;
    this.uid = USER_ID;
    this.gid = USER_ID;
  }

  override get seekable(): boolean {
    return false;
  }

  /** FIONREAD. */
  get unread(): number {
    return this.#pages.reduce((sum, { bytes, taken }) => sum + bytes.length - taken, 0);
  }

  /** F_GETPIPE_SZ, in bytes. */
  get capacity(): number {
    return this.#mostPages * PAGE_SIZE;
  }

  /** A read would not wait. */
  get readReady(): boolean {
    return this.#pages.length > 0 || this.#writers === 0;
  }

  /** A write would not wait for its first byte. */
  get writeReady(): boolean {
    return this.#pages.length < this.#mostPages || this.#readers === 0;
  }

  /** pipe_poll(). */
  override poll({ readable, writable }: AccessMode): number {
    let events = 0;
    if (readable && this.#pages.length > 0) events |= POLLIN | POLLRDNORM;
    if (readable && this.#writers === 0) events |= POLLHUP;
    if (writable && this.#pages.length < this.#mostPages) events |= POLLOUT | POLLWRNORM;
    if (writable && this.#readers === 0) events |= POLLERR;
    return events;
  }

  /** F_SETPIPE_SZ: a power of two of pages. */
  resize(bytes: number): Result<number> {
    if (bytes > 0x8000_0000) return fail('EINVAL');
    const pages = 2 ** Math.ceil(Math.log2(Math.max(bytes, PAGE_SIZE) / PAGE_SIZE));
    if (pages > this.#mostPages && pages * PAGE_SIZE > MOST_BYTES) return fail('EPERM');
    if (pages < this.#pages.length) return fail('EBUSY');
    this.#mostPages = pages;
    return ok(this.capacity);
  }

  /** pipe_read: what there is, up to what is wanted. Undefined: nothing yet. */
  readTo(buffers: TransferBuffers): Result<number> | undefined {
    let done = 0;
    for (let page = this.#pages[0]; page !== undefined; page = this.#pages[0]) {
      const length = Math.min(page.bytes.length - page.taken, buffers.left);
      const stored = buffers.put(page.bytes.subarray(page.taken, page.taken + length));
      if (stored < length) return done === 0 ? fail('EFAULT') : ok(done);
      done += length;
      const rest = { ...page, taken: page.taken + length };
      const emptied = page.packet || rest.taken === page.bytes.length;
      this.#pages = [...(emptied ? [] : [rest]), ...this.#pages.slice(1)];
      if (emptied) this.#pool.reserved -= PAGE_SIZE;
      if (page.packet || buffers.left === 0) return ok(done);
    }
    return done === 0 && this.#writers > 0 ? undefined : ok(done);
  }

  /** pipe_write, up to where it would sleep. `resumed`: has slept. */
  writeFrom(buffers: TransferBuffers, packet: boolean, resumed: boolean): PipeWrite {
    if (this.#readers === 0) return { moved: 0, end: 'EPIPE' };
    const odd = buffers.left % PAGE_SIZE;
    const last = this.#pages.at(-1);
    let moved = 0;
    const joins = last !== undefined && !last.packet && last.bytes.length + odd <= PAGE_SIZE;
    if (!resumed && odd > 0 && joins) {
      const bytes = buffers.get(odd);
      if (bytes.length < odd) return { moved, end: 'EFAULT' };
      const longer = { ...last, bytes: Uint8Array.of(...last.bytes, ...bytes) };
      this.#pages = [...this.#pages.slice(0, -1), longer];
      moved += odd;
    }
    while (buffers.left > 0) {
      if (this.#pages.length >= this.#mostPages) return { moved, end: 'full' };
      if (!this.#pool.hasRoom(PAGE_SIZE)) return { moved, end: 'ENOMEM' };
      const bytes = buffers.get(Math.min(PAGE_SIZE, buffers.left));
      if (bytes.length < PAGE_SIZE && buffers.left > 0) return { moved, end: 'EFAULT' };
      this.#pages = [...this.#pages, { bytes: bytes.slice(), taken: 0, packet }];
      this.#pool.reserved += PAGE_SIZE;
      moved += bytes.length;
    }
    return { moved, end: 'done' };
  }

  override closed({ readable, writable }: AccessMode): boolean {
    if (readable) this.#readers--;
    if (writable) this.#writers--;
    return this.#readers + this.#writers === 0;
  }

  /** What nobody has read goes with it. */
  override release(): void {
    this.#pool.reserved -= this.#pages.length * PAGE_SIZE;
    this.#pages = [];
  }

  protected override saveContent(): Saved {
    const [pages, mostPages, readers, writers] = [
      this.#pages,
      this.#mostPages,
      this.#readers,
      this.#writers,
    ];
    return saved(() => {
      this.#pages = pages;
      this.#mostPages = mostPages;
      this.#readers = readers;
      this.#writers = writers;
    });
  }
}
