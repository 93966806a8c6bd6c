/**
 * The WebAssembly form of the engine, as the build translates it (see src/build/unicorn-wasm).
 *
 * Compile once and instantiate often: pass a `WebAssembly.Module`, which may also be sent to
 * workers, wherever there is more than one instance.
 */
import type { ModuleOptions, UnicornModule } from './module.js';
import { createShell, type ModuleFunction } from './shell.js';

export async function loadWasmModule(
  wasm: BufferSource | WebAssembly.Module,
  options: ModuleOptions = {},
): Promise<UnicornModule> {
  const module = wasm instanceof WebAssembly.Module ? wasm : await WebAssembly.compile(wasm);
  const shell = createShell(options);
  const instance = await WebAssembly.instantiate(module, shell.imports);
  return shell.start(instance.exports, 'wasm', tableEntry);
}

/** The same at once. Pages of Chrome before 115 refuse that for an instance of this size. */
export function startWasmModule(
  wasm: WebAssembly.Module,
  options: ModuleOptions = {},
): UnicornModule {
  const shell = createShell(options);
  const { exports } = new WebAssembly.Instance(wasm, shell.imports);
  return shell.start(exports, 'wasm', tableEntry);
}

/** One module per number of arguments; it only re-exports its import. */
const adapters = new Map<number, WebAssembly.Module>();

/**
 * A table holds functions of WebAssembly, so a JavaScript function goes in by way of a module that
 * imports and exports it. Its type is the one that indirect calls of the engine have: every
 * argument an i32 and, whatever the C prototype says, an i32 result; undefined becomes 0.
 */
function tableEntry(fn: ModuleFunction, arity: number): ModuleFunction {
  let adapter = adapters.get(arity);
  if (!adapter) {
    adapter = new WebAssembly.Module(adapterBytes(arity));
    adapters.set(arity, adapter);
  }
  const { exports } = new WebAssembly.Instance(adapter, { e: { f: fn } });
  return exports.f as ModuleFunction;
}

function adapterBytes(arity: number): Uint8Array<ArrayBuffer> {
  const I32 = 0x7f;
  const section = (id: number, ...content: number[]): number[] => [id, content.length, ...content];
  const text = (letter: string): number[] => [1, letter.charCodeAt(0)];
  return Uint8Array.of(
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    // type 0: (i32 * arity) -> i32
    ...section(1, 1, 0x60, arity, ...Array<number>(arity).fill(I32), 1, I32),
    // import e.f, function of type 0
    ...section(2, 1, ...text('e'), ...text('f'), 0, 0),
    // export f, function 0
    ...section(7, 1, ...text('f'), 0, 0),
  );
}
