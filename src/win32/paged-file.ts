/** PagedFile: a file whose bytes are in pages. What is written to the file, its views show at once, code included. */
import { PAGE_SIZE } from '../base/address.js';
import type { Result } from '../base/result.js';
import type { MemoryObject } from '../memory/object.js';
import type { FilePages } from './file-data.js';

export class PagedFile implements FilePages {
  readonly object: MemoryObject;
  /** Told of pages [first, end) that have other bytes now. */
  readonly #changed: (first: number, end: number) => void;

  constructor(object: MemoryObject, changed: (first: number, end: number) => void) {
    this.object = object;
    this.#changed = changed;
  }

  get size(): number {
    return this.object.size;
  }

  read(at: number, length: number): Uint8Array {
    return this.object.read(at, length);
  }

  write(at: number, bytes: Uint8Array): Result<number> {
    const done = this.object.write(at, bytes);
    this.#changed(Math.floor(at / PAGE_SIZE), Math.ceil((at + bytes.length) / PAGE_SIZE));
    return done;
  }

  truncate(size: number): Result<0> {
    return this.object.truncate(size);
  }
}
