/** Open file descriptions and the table of descriptors. Compare struct file and fs/file.c. */

import {
  O_ACCMODE,
  O_APPEND,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
} from '../../../abi/linux/fcntl.js';
import { KERNEL_BYTES } from '../../../base/charges.js';
import type { Errno } from '../../../base/errno.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';
import type { KernelPool } from '../../../memory/page-table.js';
import type { Inode } from './inode.js';

/** What open(2) makes; dup(2) and fork(2) share it. */
export class OpenFile {
  readonly inode: Inode;
  /** Absolute path at the time of opening. */
  readonly path: string;
  /** Access mode and status flags; F_SETFL changes some. */
  flags: number;
  position = 0;
  /** Descriptors that refer to it. */
  references = 0;

  constructor(inode: Inode, path: string, flags: number) {
    this.inode = inode;
    this.path = path;
    this.flags = flags;
  }

  get pathOnly(): boolean {
    return (this.flags & O_PATH) !== 0;
  }

  get readable(): boolean {
    return !this.pathOnly && this.#allows(O_RDONLY);
  }

  get writable(): boolean {
    return !this.pathOnly && this.#allows(O_WRONLY);
  }

  get appending(): boolean {
    return (this.flags & O_APPEND) !== 0;
  }

  /** Access mode 3 allows neither reading nor writing. */
  #allows(one: number): boolean {
    const mode = this.flags & O_ACCMODE;
    return mode === one || mode === O_RDWR;
  }
}

interface Descriptor {
  readonly file: OpenFile;
  closeOnExec: boolean;
}

export class DescriptorTable {
  #slots = new Map<number, Descriptor>();
  /** No descriptor below it is free (next_fd of struct files_struct). */
  #next = 0;
  readonly #limit: () => number;
  readonly #released: (file: OpenFile) => void;
  readonly #pool: KernelPool | undefined;

  /**
   * `limit`: RLIMIT_NOFILE now. `released` is told when the last descriptor of a file is gone. `pool`: what
   * descriptors and open files count against.
   */
  constructor(limit: () => number, released: (file: OpenFile) => void, pool?: KernelPool) {
    this.#limit = limit;
    this.#released = released;
    this.#pool = pool;
  }

  /** Open descriptors. */
  get count(): number {
    return this.#slots.size;
  }

  /** For every use but those that O_PATH allows. */
  get(fd: number): Result<OpenFile> {
    const file = this.any(fd);
    return file.ok && file.value.pathOnly ? fail('EBADF') : file;
  }

  /** With those opened by O_PATH. */
  any(fd: number): Result<OpenFile> {
    const slot = this.#slots.get(fd);
    return slot === undefined ? fail('EBADF') : ok(slot.file);
  }

  /** Open descriptors, ascending. */
  *entries(): Generator<readonly [number, OpenFile]> {
    this.#pool?.meter.charge('object', this.#slots.size);
    for (const fd of [...this.#slots.keys()].sort((a, b) => a - b)) {
      const slot = this.#slots.get(fd);
      if (slot !== undefined) yield [fd, slot.file];
    }
  }

  /** The lowest free descriptor from `from` on. `full` is the errno past the limit; ENFILE: no memory is left. */
  install(file: OpenFile, closeOnExec: boolean, from = 0, full: Errno = 'EMFILE'): Result<number> {
    let fd = Math.max(from, this.#next);
    const start = fd;
    while (this.#slots.has(fd)) fd++;
    this.#pool?.meter.charge('object', (fd - start) / 8);
    if (from <= this.#next) this.#next = fd;
    if (fd >= this.#limit()) return fail(full);
    const bytes = KERNEL_BYTES.descriptor + (file.references === 0 ? KERNEL_BYTES.openFile : 0);
    if (this.#pool?.hasRoom(bytes) === false) return fail('ENFILE');
    this.#set(fd, file, closeOnExec);
    return ok(fd);
  }

  /** dup2: closes what was there. The caller has checked `fd` against the limit. */
  replace(fd: number, file: OpenFile, closeOnExec: boolean): void {
    // Held meanwhile: it may be the file that is closed.
    file.references++;
    if (this.#slots.has(fd)) this.close(fd);
    file.references--;
    this.#set(fd, file, closeOnExec);
  }

  close(fd: number): Result<0> {
    const slot = this.#slots.get(fd);
    if (slot === undefined) return fail('EBADF');
    const { file } = slot;
    this.#slots.delete(fd);
    this.#next = Math.min(this.#next, fd);
    this.#reserve(-KERNEL_BYTES.descriptor);
    if (--file.references > 0) return ok(0);
    this.#reserve(-KERNEL_BYTES.openFile);
    file.inode.openFiles--;
    this.#released(file);
    return ok(0);
  }

  /** fork: the same open files under the same descriptors. */
  copyFrom(other: DescriptorTable): void {
    for (const [fd, { file, closeOnExec }] of other.#slots) this.#set(fd, file, closeOnExec);
    this.#next = other.#next;
  }

  closeOnExec(fd: number): boolean {
    return this.#slots.get(fd)?.closeOnExec ?? false;
  }

  setCloseOnExec(fd: number, on: boolean): void {
    const slot = this.#slots.get(fd);
    if (slot !== undefined) slot.closeOnExec = on;
  }

  save(): Saved {
    const slots = [...this.#slots].map(([fd, slot]) => [fd, { ...slot }] as const);
    const next = this.#next;
    const files = [...new Set(slots.map(([, { file }]) => file))];
    const states = files.map(({ flags, position, references }) => ({
      flags,
      position,
      references,
    }));
    return saved(() => {
      this.#slots = new Map(slots.map(([fd, slot]) => [fd, { ...slot }]));
      this.#next = next;
      for (const [index, file] of files.entries()) Object.assign(file, states[index]);
    });
  }

  #set(fd: number, file: OpenFile, closeOnExec: boolean): void {
    if (file.references === 0) {
      file.inode.openFiles++;
      this.#reserve(KERNEL_BYTES.openFile);
    }
    file.references++;
    this.#slots.set(fd, { file, closeOnExec });
    this.#reserve(KERNEL_BYTES.descriptor);
  }

  #reserve(bytes: number): void {
    if (this.#pool !== undefined) this.#pool.reserved += bytes;
  }
}
