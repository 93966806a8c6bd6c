/** Builds both forms of the engine into .cache (only when the translator changed) and loads them. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildUnicorn } from '../../../src/build/unicorn-wasm/build.js';
import type { Optimisation } from '../../../src/build/unicorn-wasm/encode/optimise.js';
import { loadJsModule } from '../../../src/engine/unicorn1/js-module.js';
import type { ModuleOptions } from '../../../src/engine/unicorn1/module.js';
import { loadWasmModule } from '../../../src/engine/unicorn1/wasm-module.js';
import type { Form } from './compare.js';

const ROOT = new URL('../../../', import.meta.url);
const inRoot = (path: string): string => fileURLToPath(new URL(path, ROOT));

export const INPUT = inRoot('node_modules/@specy/x86/dist/x86/deps/unicorn-x86.min.js');
export const CACHE = inRoot('.cache/unicorn-wasm');

export interface Forms {
  readonly js: Form;
  readonly wasm: Form;
  readonly wasmBytes: Uint8Array<ArrayBuffer>;
}

export async function buildForms(optimise: Optimisation = 'none'): Promise<Forms> {
  const outDir = inRoot(`.cache/unicorn-wasm-test/${optimise}`);
  const built = await buildUnicorn({ input: INPUT, outDir, cacheDir: CACHE, optimise });
  const wasmBytes = new Uint8Array(await readFile(built.wasm));
  const { default: factory } = await import(/* @vite-ignore */ pathToFileURL(built.jsForm).href);
  return {
    js: { name: 'js', load: async () => loadJsModule(factory, steadyClock()) },
    wasm: wasmForm(wasmBytes),
    wasmBytes,
  };
}

export function wasmForm(bytes: Uint8Array<ArrayBuffer>): Form {
  const compiled = WebAssembly.compile(bytes);
  return { name: 'wasm', load: async () => loadWasmModule(await compiled, steadyClock()) };
}

/** A clock that depends only on how often it was read: the same for both forms. */
function steadyClock(): ModuleOptions {
  let reads = 0;
  return { now: () => ++reads / 1024 };
}
