/**
 * Cursor: reads a DWARF section front to back. Everything is little-endian. A read past the end throws
 * RangeError, which whoever opens a section catches: a damaged section tells nothing more.
 */
import { decodeText } from '../../base/text.js';

const LONGEST_TEXT = 4096;

export class Cursor {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    if (!(at >= 0 && at <= end && end <= bytes.length)) throw new RangeError('outside the section');
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
    this.end = end;
  }

  get atEnd(): boolean {
    return this.at >= this.end;
  }

  /** The next `length` bytes as a cursor of their own; this one goes on behind them. */
  part(length: number): Cursor {
    const start = this.skip(length);
    return new Cursor(this.bytes, start, start + length);
  }

  /** Where it was before. */
  skip(length: number): number {
    const start = this.at;
    if (!(length >= 0) || start + length > this.end) throw new RangeError('the section is cut off');
    this.at = start + length;
    return start;
  }

  u8(): number {
    return this.#view.getUint8(this.skip(1));
  }

  i8(): number {
    return this.#view.getInt8(this.skip(1));
  }

  u16(): number {
    return this.#view.getUint16(this.skip(2), true);
  }

  i16(): number {
    return this.#view.getInt16(this.skip(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.skip(4), true);
  }

  /** Of 8 bytes: above 2^53 only nearly right, as no address of a program is. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.skip(8), true));
  }

  i64(): number {
    return Number(this.#view.getBigInt64(this.skip(8), true));
  }

  word(size: 4 | 8): number {
    return size === 8 ? this.u64() : this.u32();
  }

  uleb(): number {
    let value = 0;
    for (let scale = 1, count = 0; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (!(byte & 0x80)) return value;
      if (++count > 10) throw new RangeError('a number of more than 64 bits');
    }
  }

  sleb(): number {
    let value = 0;
    for (let scale = 1, count = 0; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (!(byte & 0x80)) return byte & 0x40 ? value - scale * 128 : value;
      if (++count > 10) throw new RangeError('a number of more than 64 bits');
    }
  }

  /** Up to a NUL, which must be there within LONGEST_TEXT bytes. */
  text(): string {
    const rest = this.bytes.subarray(this.at, Math.min(this.end, this.at + LONGEST_TEXT));
    const length = rest.indexOf(0);
    if (length < 0) throw new RangeError('a name without an end');
    this.at += length + 1;
    return decodeText(rest.subarray(0, length));
  }

  /** unit_length (DWARF 5, 7.4): the bytes that follow, and the size of offsets in them. */
  unit(): { readonly body: Cursor; readonly offsetSize: 4 | 8 } {
    const first = this.u32();
    if (first === 0xffffffff) return { body: this.part(this.u64()), offsetSize: 8 };
    if (first >= 0xfffffff0) throw new RangeError('a reserved length');
    return { body: this.part(first), offsetSize: 4 };
  }
}
