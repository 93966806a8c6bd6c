/** Open file descriptions and the table of descriptors. Compare struct file and fs/file.c. */
import type { Errno } from '../../../abi/linux/errno.js';
import {
  O_ACCMODE,
  O_APPEND,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
} from '../../../abi/linux/fcntl.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';
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
  #slots: (Descriptor | undefined)[] = [];
  readonly #limit: () => number;
  readonly #released: (file: OpenFile) => void;

  /** `limit`: RLIMIT_NOFILE now. `released` is told when the last descriptor of a file is gone. */
  constructor(limit: () => number, released: (file: OpenFile) => void) {
    this.#limit = limit;
    this.#released = released;
  }

  /** For every use but those that O_PATH allows. */
  get(fd: number): Result<OpenFile> {
    const file = this.any(fd);
    return file.ok && file.value.pathOnly ? fail('EBADF') : file;
  }

  /** With those opened by O_PATH. */
  any(fd: number): Result<OpenFile> {
    const slot = this.#slots[fd];
    return slot === undefined ? fail('EBADF') : ok(slot.file);
  }

  /** Open descriptors, ascending. */
  *entries(): Generator<readonly [number, OpenFile]> {
    for (const [fd, slot] of this.#slots.entries()) {
      if (slot !== undefined) yield [fd, slot.file];
    }
  }

  /** The lowest free descriptor from `from` on. `full` is the errno past the limit. */
  install(file: OpenFile, closeOnExec: boolean, from = 0, full: Errno = 'EMFILE'): Result<number> {
    let fd = from;
    while (this.#slots[fd] !== undefined) fd++;
    if (fd >= this.#limit()) return fail(full);
    this.#slots[fd] = { file, closeOnExec };
    file.references++;
    return ok(fd);
  }

  /** dup2: closes what was there. The caller has checked `fd` against the limit. */
  replace(fd: number, file: OpenFile, closeOnExec: boolean): void {
    file.references++;
    if (this.#slots[fd] !== undefined) this.close(fd);
    this.#slots[fd] = { file, closeOnExec };
  }

  close(fd: number): Result<0> {
    const slot = this.#slots[fd];
    if (slot === undefined) return fail('EBADF');
    this.#slots[fd] = undefined;
    slot.file.references--;
    if (slot.file.references === 0) this.#released(slot.file);
    return ok(0);
  }

  /** fork: the same open files under the same descriptors. */
  copyFrom(other: DescriptorTable): void {
    this.#slots = other.#slots.map((slot) => slot && { ...slot });
    for (const slot of this.#slots) if (slot !== undefined) slot.file.references++;
  }

  closeOnExec(fd: number): boolean {
    return this.#slots[fd]?.closeOnExec ?? false;
  }

  setCloseOnExec(fd: number, on: boolean): void {
    const slot = this.#slots[fd];
    if (slot !== undefined) slot.closeOnExec = on;
  }

  save(): Saved {
    const slots = this.#slots.map((slot) => slot && { ...slot });
    const files = [...new Set(slots.flatMap((slot) => (slot === undefined ? [] : [slot.file])))];
    const states = files.map(({ flags, position, references }) => ({
      flags,
      position,
      references,
    }));
    return saved(() => {
      this.#slots = slots.map((slot) => slot && { ...slot });
      for (const [index, file] of files.entries()) Object.assign(file, states[index]);
    });
  }
}
