/** Regular files: bytes in pages, which read(2), write(2) and mmap(2) share. memfd files are those with seals. */

import { S_IFREG } from '../../../abi/linux/fcntl.js';
import { PAGE_SIZE } from '../../../base/address.js';
import type { Errno } from '../../../base/errno.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';
import type { PagedObject } from '../../../memory/objects.js';
import { Inode, MAX_FILE_SIZE, type Mount } from './inode.js';

export class RegularFile extends Inode {
  readonly content: PagedObject;
  #released = false;

  constructor(mount: Mount, number: number, permissions: number, content: PagedObject) {
    super(mount, number, S_IFREG | permissions);
    this.content = content;
  }

  override get size(): number {
    return this.content.size;
  }

  override get object(): PagedObject {
    return this.content;
  }

  override read(offset: number, length: number): Result<Uint8Array> {
    const { size } = this.content;
    if (offset >= size) return ok(new Uint8Array());
    return ok(this.content.read(offset, Math.min(length, size - offset)));
  }

  /** shmem_write_begin: the page is in the cache from now on, even if the bytes never come. */
  override beginWrite(offset: number, length: number): Errno | undefined {
    const refusal = this.content.writeRefusal(offset, length);
    if (refusal !== undefined || offset >= MAX_FILE_SIZE) return refusal;
    const frame = this.content.frame(Math.floor(offset / PAGE_SIZE), true);
    return frame === undefined ? 'ENOSPC' : undefined;
  }

  /** shmem_write_end with nothing copied: the file reaches up to where the bytes were to go. */
  override abandonWrite(offset: number): void {
    if (offset > this.size) this.content.truncate(offset);
  }

  /** Writes past the end leave a hole. Compare mm/filemap.c:generic_write_checks(). */
  override write(offset: number, bytes: Uint8Array): Result<number> {
    if (offset >= MAX_FILE_SIZE) return fail('EFBIG');
    const room = bytes.subarray(0, MAX_FILE_SIZE - offset);
    return this.content.write(offset, room);
  }

  override truncate(size: number): Result<0> {
    return size > MAX_FILE_SIZE ? fail('EFBIG') : this.content.truncate(size);
  }

  /** Mappings keep the content alive. */
  override release(): void {
    if (!this.#released) this.content.release();
    this.#released = true;
  }

  protected override saveContent(): Saved {
    const { content } = this;
    content.retain();
    const state = content.saveState();
    const released = this.#released;
    return saved(
      () => {
        if (this.#released && !released) content.retain();
        this.#released = released;
        content.restoreState(state);
      },
      () => {
        content.dropState(state);
        content.release();
      },
    );
  }
}
