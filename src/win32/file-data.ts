/** GuestFileData: the bytes of one file: of its own, or in the pages of whoever has mapped it. */
import type { Result } from '../base/result.js';

/** A file of at most this size: a program that writes for ever must not fill the host's memory. */
const MAX_FILE = 64 << 20;

/** The pages of a file in one address space, which its views share. */
export interface FilePages {
  /** Bytes of the file, which may end within the last page. */
  readonly size: number;
  read(at: number, length: number): Uint8Array;
  write(at: number, bytes: Uint8Array): Result<number>;
  truncate(size: number): Result<0>;
}

export class GuestFileData {
  path: string;
  #bytes: Uint8Array;
  #length: number;
  /** The bytes are somebody else's as well: a copy is made before they change. */
  #shared = true;
  /** Of a process that maps the file, and of its child above it, which runs while it waits. The last one counts. */
  #pages: readonly FilePages[] = [];

  constructor(path: string, bytes: Uint8Array = new Uint8Array()) {
    this.path = path;
    this.#bytes = bytes;
    this.#length = bytes.length;
  }

  get length(): number {
    return this.#pages.at(-1)?.size ?? this.#length;
  }

  get bytes(): Uint8Array {
    const pages = this.#pages.at(-1);
    return pages?.read(0, pages.size) ?? this.#bytes.subarray(0, this.#length);
  }

  read(at: number, length: number): Uint8Array {
    return this.#pages.at(-1)?.read(at, length) ?? this.bytes.slice(at, at + length);
  }

  /** Bytes taken: fewer than given when the file is full. */
  write(at: number, bytes: Uint8Array): number {
    const taken = bytes.subarray(0, Math.max(0, MAX_FILE - at));
    const pages = this.#pages.at(-1);
    if (pages !== undefined) {
      const done = pages.write(at, taken);
      return done.ok ? done.value : 0;
    }
    if (taken.length === 0) return 0;
    this.#setLength(Math.max(this.#length, at + taken.length));
    this.#bytes.set(taken, at);
    return taken.length;
  }

  /** False when it would be too large. */
  resize(length: number): boolean {
    if (length > MAX_FILE) return false;
    const pages = this.#pages.at(-1);
    if (pages !== undefined) return pages.truncate(length).ok;
    this.#setLength(length);
    return true;
  }

  /** The bytes are in `pages` from now on, which hold them already. */
  mapIn(pages: FilePages): void {
    this.#pages = [...this.#pages, pages];
  }

  /** The pages are about to go: what they hold is the file's. */
  leave(pages: FilePages): void {
    if (!this.#pages.includes(pages)) return;
    const bytes = pages.read(0, pages.size).slice();
    this.#pages = this.#pages.filter((other) => other !== pages);
    if (this.resize(bytes.length)) this.write(0, bytes);
  }

  save(): () => void {
    this.#shared = true;
    const [bytes, length, path, pages] = [this.#bytes, this.#length, this.path, this.#pages];
    return () => {
      this.#bytes = bytes;
      this.#length = length;
      this.#shared = true;
      this.path = path;
      this.#pages = pages;
    };
  }

  /** The bytes are the file's own afterwards; new ones are zeros. */
  #setLength(length: number): void {
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    } else if (this.#shared) {
      this.#bytes = this.#bytes.slice();
    }
    this.#shared = false;
    if (length < this.#length) this.#bytes.fill(0, length, this.#length);
    this.#length = length;
  }
}
