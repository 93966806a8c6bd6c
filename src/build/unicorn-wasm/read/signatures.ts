/** Value types and function signatures, as the binary format numbers them. */
import type { WasmSignature, WasmType } from '../ir.js';

export const VALUE_TYPES: Readonly<Record<WasmType, number>> = { i32: 0x7f, i64: 0x7e, f64: 0x7c };

/** The type section under construction: one number per distinct signature. */
export class SignatureTable {
  readonly #numbers = new Map<string, number>();
  readonly signatures: WasmSignature[] = [];

  numberOf(signature: WasmSignature): number {
    const key = `${signature.params.join()}:${signature.result ?? ''}`;
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.signatures.push(signature) - 1;
      this.#numbers.set(key, number);
    }
    return number;
  }
}
