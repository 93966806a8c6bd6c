/**
 * Typed views of the module's linear memory. Growth replaces the memory's buffer, so a view is good
 * until the next call into the module: read the property each time, never keep it across a call.
 */
import type { UnicornModule } from './module.js';

export class Heap {
  readonly #module: UnicornModule;
  #bytes: Uint8Array;
  #words: Uint32Array;
  #view: DataView;

  constructor(module: UnicornModule) {
    this.#module = module;
    this.#bytes = module.heap;
    this.#words = new Uint32Array(this.#bytes.buffer);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get bytes(): Uint8Array {
    const bytes = this.#module.heap;
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#words = new Uint32Array(bytes.buffer);
      this.#view = new DataView(bytes.buffer);
    }
    return bytes;
  }

  /** Indexed by address / 4. */
  get words(): Uint32Array {
    void this.bytes;
    return this.#words;
  }

  get view(): DataView {
    void this.bytes;
    return this.#view;
  }

  readU32(address: number): number {
    return this.view.getUint32(address, true);
  }

  writeU32(address: number, value: number): void {
    this.view.setUint32(address, value, true);
  }

  readU64(address: number): bigint {
    return this.view.getBigUint64(address, true);
  }

  writeU64(address: number, value: bigint): void {
    this.view.setBigUint64(address, value, true);
  }
}
