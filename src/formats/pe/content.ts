/**
 * PeContent: what an image looks like in memory, page by page: headers and sections at their RVAs, relocated to a
 * base. Pages of which the file says nothing are zero and take no room.
 */
import { PAGE_SIZE } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import type { PeImage } from './image.js';

export class PeContent {
  readonly image: PeImage;
  readonly #pages = new Map<number, Uint8Array>();

  constructor(bytes: Uint8Array, image: PeImage) {
    this.image = image;
    this.#put(0, bytes.subarray(0, Math.min(image.headerSize, bytes.length)));
    for (const { rva, virtualSize, fileOffset, fileSize } of image.sections) {
      const length = Math.min(fileSize, virtualSize === 0 ? fileSize : roundToPage(virtualSize));
      this.#put(rva, bytes.subarray(fileOffset, fileOffset + length));
    }
  }

  /** The bytes of page `index` of the image; undefined: zeros. Not to be changed. */
  page(index: number): Uint8Array | undefined {
    return this.#pages.get(index);
  }

  /** Undefined when a part lies outside the image. */
  read(rva: number, length: number): Uint8Array | undefined {
    if (rva < 0 || length < 0 || rva + length > this.image.size) return undefined;
    const bytes = new Uint8Array(length);
    this.#each(rva, length, (page, from, at, count) => {
      const source = this.#pages.get(page);
      if (source !== undefined) bytes.set(source.subarray(from, from + count), at);
    });
    return bytes;
  }

  /** False when a part lies outside the image. */
  write(rva: number, bytes: Uint8Array): boolean {
    if (rva < 0 || rva + bytes.length > this.image.size) return false;
    this.#put(rva, bytes);
    return true;
  }

  u16(rva: number): number | undefined {
    const bytes = this.read(rva, 2);
    return bytes === undefined ? undefined : new Struct(bytes).u16(0);
  }

  u32(rva: number): number | undefined {
    const bytes = this.read(rva, 4);
    return bytes === undefined ? undefined : new Struct(bytes).u32(0);
  }

  /** A pointer of the image's architecture. */
  word(rva: number): bigint | undefined {
    const size = this.image.arch === 'x86-64' ? 8 : 4;
    const bytes = this.read(rva, size);
    return bytes === undefined ? undefined : new Struct(bytes).word(0, size);
  }

  /** A NUL-terminated string of at most `limit` bytes; undefined when there is none. */
  text(rva: number, limit = 512): string | undefined {
    const bytes = this.read(rva, Math.min(limit, this.image.size - rva));
    const end = bytes?.indexOf(0) ?? -1;
    if (bytes === undefined || end < 0) return undefined;
    return String.fromCharCode(...bytes.subarray(0, end));
  }

  #put(rva: number, bytes: Uint8Array): void {
    const length = Math.min(bytes.length, this.image.size - rva);
    this.#each(rva, length, (page, from, at, count) => {
      const target = this.#pages.get(page) ?? new Uint8Array(PAGE_SIZE);
      target.set(bytes.subarray(at, at + count), from);
      this.#pages.set(page, target);
    });
  }

  #each(
    rva: number,
    length: number,
    visit: (page: number, from: number, at: number, count: number) => void,
  ): void {
    for (let at = 0; at < length; ) {
      const page = Math.floor((rva + at) / PAGE_SIZE);
      const from = (rva + at) % PAGE_SIZE;
      const count = Math.min(PAGE_SIZE - from, length - at);
      visit(page, from, at, count);
      at += count;
    }
  }
}

function roundToPage(length: number): number {
  return Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;
}
