/**
 * OutputSink: bytes that a guest wrote to one descriptor of its host. All are passed on as they come; the first of
 * them are kept, so that a guest that writes for ever does not fill the host's memory.
 */

/** 16 MiB: what is kept of each descriptor's output. */
export const KEPT_OUTPUT = 16 << 20;

export class OutputSink {
  #bytes = new Uint8Array(256);
  /** Of all that was written, kept or not. */
  #length = 0;
  readonly #onOutput: ((bytes: Uint8Array) => void) | undefined;

  constructor(onOutput?: (bytes: Uint8Array) => void) {
    this.#onOutput = onOutput;
  }

  /** A copy of what is kept. */
  get bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#kept);
  }

  /** Bytes written so far; what `truncate` takes. */
  get length(): number {
    return this.#length;
  }

  /** Bytes that were passed on only. */
  get dropped(): number {
    return this.#length - this.#kept;
  }

  get #kept(): number {
    return Math.min(this.#length, KEPT_OUTPUT);
  }

  write(given: Uint8Array): void {
    this.#keep(given.subarray(0, KEPT_OUTPUT - this.#kept));
    this.#length += given.length;
    if (given.length > 0) this.#onOutput?.(given.slice());
  }

  /** Forgets what came after the first `length` bytes (going back to a snapshot). */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
  }

  #keep(bytes: Uint8Array): void {
    const needed = this.#kept + bytes.length;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.min(Math.max(needed, this.#bytes.length * 2), KEPT_OUTPUT));
      grown.set(this.#bytes.subarray(0, this.#kept));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#kept);
  }
}
