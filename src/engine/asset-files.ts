/**
 * Where the built forms of the default engine come from. The core knows only this interface, so that a
 * page, a worker and Node each bring their own way to read a file.
 */
export type AssetName = 'unicorn1.wasm' | 'unicorn1-js.mjs';

export interface EngineAssets {
  /** Of `unicorn1.wasm`; rejects when the file is not there. */
  bytes(name: 'unicorn1.wasm'): Promise<Uint8Array<ArrayBuffer>>;
  /** The default export of `unicorn1-js.mjs`. */
  factory(name: 'unicorn1-js.mjs'): Promise<unknown>;
}
