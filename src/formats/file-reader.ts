/** FileReader: little-endian fields of a file that may be cut off or lie about itself. */
import { MayexecError } from '../base/errors.js';
import { visible } from '../base/text.js';

/** Symbols, relocations and the like of one file. Tables may lie upon each other: the file's length bounds nothing. */
const MOST_RECORDS = 1 << 20;
/** Characters of all names of one file, and of one: mangled names are long. */
const MOST_NAMED = 16 << 20;
const LONGEST_NAME = 1 << 16;

export class FileReader {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #records = 0;
  #named = 0;

  constructor(name: string, bytes: Uint8Array) {
    this.name = name;
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(at: number, what: string): number {
    this.check(at, 1, what);
    return this.#view.getUint8(at);
  }

  u16(at: number, what: string): number {
    this.check(at, 2, what);
    return this.#view.getUint16(at, true);
  }

  u32(at: number, what: string): number {
    this.check(at, 4, what);
    return this.#view.getUint32(at, true);
  }

  i32(at: number, what: string): number {
    this.check(at, 4, what);
    return this.#view.getInt32(at, true);
  }

  i64(at: number, what: string): bigint {
    this.check(at, 8, what);
    return this.#view.getBigInt64(at, true);
  }

  u64(at: number, what: string): bigint {
    this.check(at, 8, what);
    return this.#view.getBigUint64(at, true);
  }

  /** An offset, a size or an address of a relocatable file: always small in a file that makes sense. */
  word(at: number, size: 4 | 8, what: string): number {
    if (size === 4) return this.u32(at, what);
    return Number(this.u64(at, what));
  }

  slice(at: number, length: number, what: string): Uint8Array {
    this.check(at, length, what);
    return this.bytes.subarray(at, at + length);
  }

  /** A string up to its NUL, which must lie before `end`. */
  text(at: number, end: number, what: string): string {
    this.check(at, 1, what);
    const rest = this.bytes.subarray(at, Math.min(end, at + LONGEST_NAME));
    const length = rest.indexOf(0);
    if (length < 0) throw this.error(`${what} at 0x${at.toString(16)} has no end`);
    this.#named += length;
    if (this.#named > MOST_NAMED) throw this.error(`its names have more than ${MOST_NAMED} bytes`);
    return new TextDecoder().decode(rest.subarray(0, length));
  }

  /** @throws MayexecError when a table of `count` records is more than a file that makes sense has. */
  records(count: number, what: string): void {
    this.#records += count;
    if (this.#records > MOST_RECORDS) {
      throw this.error(`has more than ${MOST_RECORDS} records, with the ${count} of ${what}`);
    }
  }

  /** @throws MayexecError when the field is not in the file. */
  check(at: number, length: number, what: string): void {
    if (at >= 0 && length >= 0 && at + length <= this.bytes.length) return;
    throw this.error(
      `is cut off: ${what} takes ${length} bytes at 0x${at.toString(16)}, but the file has ${this.bytes.length} bytes`,
    );
  }

  error(text: string): MayexecError {
    return new MayexecError(visible(`${this.name}: ${text}`));
  }
}
