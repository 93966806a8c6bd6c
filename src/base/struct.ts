/** A C structure of a guest, little-endian: fields by offset and width, in bytes that grow to none beyond `length`. */

export class Struct {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  /** Zeroed when a length is given, else over (not a copy of) the bytes. */
  constructor(init: number | Uint8Array) {
    this.bytes = typeof init === 'number' ? new Uint8Array(init) : init;
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  }

  u8(offset: number): number {
    return this.#view.getUint8(offset);
  }

  u16(offset: number): number {
    return this.#view.getUint16(offset, true);
  }

  u32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  i32(offset: number): number {
    return this.#view.getInt32(offset, true);
  }

  u64(offset: number): bigint {
    return this.#view.getBigUint64(offset, true);
  }

  i64(offset: number): bigint {
    return this.#view.getBigInt64(offset, true);
  }

  /** An unsigned long or pointer of `size` bytes. */
  word(offset: number, size: 4 | 8): bigint {
    return size === 8 ? this.u64(offset) : BigInt(this.u32(offset));
  }

  /** A signed long. */
  signedWord(offset: number, size: 4 | 8): bigint {
    return size === 8 ? this.i64(offset) : BigInt(this.i32(offset));
  }

  setU8(offset: number, value: number): this {
    this.#view.setUint8(offset, value);
    return this;
  }

  setU16(offset: number, value: number): this {
    this.#view.setUint16(offset, value, true);
    return this;
  }

  /** Signed values too: the low 32 bits count. */
  setU32(offset: number, value: number): this {
    this.#view.setUint32(offset, value, true);
    return this;
  }

  /** Signed values too: the low 64 bits count. */
  setU64(offset: number, value: bigint): this {
    this.#view.setBigUint64(offset, BigInt.asUintN(64, value), true);
    return this;
  }

  setWord(offset: number, size: 4 | 8, value: bigint): this {
    if (size === 8) return this.setU64(offset, value);
    return this.setU32(offset, Number(BigInt.asUintN(32, value)));
  }

  set(offset: number, bytes: Uint8Array): this {
    this.bytes.set(bytes, offset);
    return this;
  }

  slice(offset: number, length: number): Uint8Array {
    return this.bytes.slice(offset, offset + length);
  }
}
