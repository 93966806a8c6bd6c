/** OutputSink: bytes that a guest wrote to one descriptor of its host, kept and passed on as they come. */

/** A guest that writes for ever must not fill the host's memory: a full sink takes no more. */
const MAX_BYTES = 64 << 20;

export class OutputSink {
  #bytes = new Uint8Array(256);
  #length = 0;
  readonly #onOutput: ((bytes: Uint8Array) => void) | undefined;

  constructor(onOutput?: (bytes: Uint8Array) => void) {
    this.#onOutput = onOutput;
  }

  /** A copy of everything so far. */
  get bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  /** The number of bytes taken: fewer than given, or none, when the sink is full. */
  write(given: Uint8Array): number {
    const bytes = given.subarray(0, MAX_BYTES - this.#length);
    const needed = this.#length + bytes.length;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = needed;
    if (bytes.length > 0) this.#onOutput?.(bytes.slice());
    return bytes.length;
  }

  /** Forgets what came after the first `length` bytes (going back to a snapshot). */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
  }
}
