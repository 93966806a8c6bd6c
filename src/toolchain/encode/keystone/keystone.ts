/**
 * Keystone, loaded once: text in, bytes out. It knows nothing of our sources; see ../layout.ts.
 *
 * It is reached through the module's own exports and not through its wrapper, which passes the
 * source over Keystone's small stack and reads the result byte by byte. Errors come as a number
 * only. Some inputs end the module (an assertion, a trap): then it is dropped, and the next caller
 * gets a new one at once.
 */

import type { Arch } from '../../../base/address.js';
import { InvariantError } from '../../../base/errors.js';
import { openToolchain, openToolchainInSteps } from '../../modules.js';
import type { Encoded, Encoder, EncoderRefusal } from '../encoder.js';

/** What of the package we use. It has no types of its own. */
interface KeystoneModule {
  readonly ARCH_X86: number;
  readonly MODE_32: number;
  readonly MODE_64: number;
  readonly Keystone: new (arch: number, mode: number) => { readonly handle_ptr: number };
  getValue(pointer: number, type: 'i32' | '*'): number;
  setValue(pointer: number, value: number, type: 'i32'): void;
  _malloc(length: number): number;
  _free(pointer: number): void;
  _ks_asm(
    handle: number,
    source: number,
    address: bigint,
    bytes: number,
    length: number,
    count: number,
  ): number;
  _ks_errno(handle: number): number;
  _ks_free(pointer: number): void;
}

/** Those of keystone/include/keystone/keystone.h and x86.h that a single statement can raise. */
const REFUSALS: Readonly<Record<number, EncoderRefusal>> = {
  144: 'symbol',
  161: 'reach',
  512: 'operands',
  513: 'feature',
  514: 'mnemonic',
};

export class KeystoneInstance {
  readonly #module: KeystoneModule;
  readonly #handles = new Map<Arch, number>();
  /** Set when the module ended itself: nothing works any more. */
  broken = false;

  constructor(module: unknown) {
    this.#module = module as KeystoneModule;
  }

  encode(arch: Arch, source: string, address: bigint): Encoded {
    if (this.broken) throw new InvariantError('this Keystone has ended itself');
    // An abort inside leaves a status with the host process, which is not its to set.
    const host: { exitCode?: number | string | null | undefined } | undefined = globalThis.process;
    const status = host?.exitCode;
    try {
      return this.#encode(this.#handle(arch), source, address);
    } catch {
      this.broken = true;
      if (host !== undefined) host.exitCode = status;
      return { ok: false, refusal: 'crash' };
    }
  }

  /** The default syntax, which is Intel's with decimal numbers: asking for Intel makes them hexadecimal. */
  #handle(arch: Arch): number {
    const known = this.#handles.get(arch);
    if (known !== undefined) return known;
    const { ARCH_X86, MODE_32, MODE_64 } = this.#module;
    const opened = new this.#module.Keystone(ARCH_X86, arch === 'x86-64' ? MODE_64 : MODE_32);
    const handle = this.#module.getValue(opened.handle_ptr, '*');
    this.#handles.set(arch, handle);
    return handle;
  }

  #encode(handle: number, source: string, address: bigint): Encoded {
    const module = this.#module;
    const text = this.#store(source);
    const out = module._malloc(12);
    module.setValue(out, 0, 'i32');
    const failed = module._ks_asm(handle, text, BigInt.asIntN(64, address), out, out + 4, out + 8);
    const start = module.getValue(out, 'i32');
    const length = module.getValue(out + 4, 'i32');
    module._free(text);
    module._free(out);
    if (failed !== 0) {
      const error = module._ks_errno(handle);
      return { ok: false, refusal: REFUSALS[error] ?? error };
    }
    const bytes = this.#load(start, length);
    if (start !== 0) module._ks_free(start);
    return { ok: true, bytes };
  }

  /** The module does not show its heap, only access to one value at a time. */
  #store(source: string): number {
    const encoded = new TextEncoder().encode(source);
    const padded = new Uint8Array((encoded.length + 4) & ~3);
    padded.set(encoded);
    const view = new DataView(padded.buffer);
    const pointer = this.#module._malloc(padded.length);
    for (let i = 0; i < padded.length; i += 4) {
      this.#module.setValue(pointer + i, view.getInt32(i, true), 'i32');
    }
    return pointer;
  }

  #load(start: number, length: number): Uint8Array {
    const words = new Uint8Array((length + 3) & ~3);
    const view = new DataView(words.buffer);
    for (let i = 0; i < length; i += 4) {
      view.setInt32(i, this.#module.getValue(start + i, 'i32'), true);
    }
    return words.subarray(0, length);
  }
}

let loading: Promise<KeystoneInstance> | undefined;
let current: KeystoneInstance | undefined;

/** Makes the one instance ready. */
export async function loadKeystone(): Promise<void> {
  loading ??= openToolchainInSteps('keystone').then((module) => new KeystoneInstance(module));
  const first = await loading;
  current ??= first;
}

/** The one instance behind the port, and a new one after a crash. */
export const keystone: Encoder = {
  name: 'Keystone',
  encode: (arch, source, address) => {
    if (current === undefined || current.broken) {
      current = new KeystoneInstance(openToolchain('keystone'));
    }
    return current.encode(arch, source, address);
  },
};
