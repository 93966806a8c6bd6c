/**
 * Keystone and Capstone: `toolchain/` beside the bundle has each as an ES module with its WebAssembly (the build
 * puts them there, see src/build/toolchain-script.mjs). Once loaded, instances are made at once.
 */
import { wrongArgument } from '../base/arguments.js';
import { InvariantError } from '../base/errors.js';
import { aText, checkShape, objectOf } from '../base/shape.js';

export type ToolchainName = 'keystone' | 'capstone';

interface Options {
  readonly print: () => void;
  readonly printErr: () => void;
  /** Hands over what an instance imports; `finish` makes the module of it. */
  readonly instantiate: (imports: WebAssembly.Imports, finish: Finish) => unknown;
}

type Finish = (instance: WebAssembly.Instance) => unknown;
type Factory = (options: Options) => unknown;

interface Loaded {
  readonly factory: Factory;
  readonly wasm: WebAssembly.Module;
}

/** Relative to this file, bundled (dist/index.js) and not (src/toolchain/modules.ts). */
const PLACES = ['./toolchain/', '../../dist/toolchain/'];

const A_URL = objectOf({ href: aText }, 'a URL');

let folder: URL | undefined;
const loading = new Map<ToolchainName, Promise<Loaded>>();
const loaded = new Map<ToolchainName, Loaded>();

/**
 * For a page that serves the files of `dist/toolchain/` elsewhere: call it before the first use, with a URL. (Its
 * type is spelt out, so that the declarations need neither a page's types nor Node's.)
 */
export function locateToolchain(served: { readonly href: string }): void {
  checkShape('locateToolchain: the folder', served, A_URL);
  if (!URL.canParse(served.href)) throw wrongArgument('href', served.href, 'the text of a URL');
  folder = new URL(served.href);
}

/** Fetches and compiles, once. */
export async function loadToolchain(name: ToolchainName): Promise<void> {
  if (loaded.has(name)) return;
  const known = loading.get(name) ?? load(name);
  loading.set(name, known);
  try {
    loaded.set(name, await known);
  } finally {
    loading.delete(name);
  }
}

let quickjs: Promise<WebAssembly.Module> | undefined;

/**
 * The WebAssembly.Module of the interpreter, whose script is bundled; compiled once. (Its type is left out, so that the
 * declarations need neither a page's types nor Node's.)
 */
export function quickjsWasm(): Promise<object> {
  quickjs ??= readsFiles()
    ? readWasm('quickjs').then(({ wasm }) => wasm)
    : fetchWasm('quickjs', servedFolder());
  quickjs.catch(() => {
    quickjs = undefined;
  });
  return quickjs;
}

/** A new instance of what has been loaded. What it would print is dropped. */
export function openToolchain(name: ToolchainName): unknown {
  return instantiate(name, (wasm, imports, finish) =>
    finish(new WebAssembly.Instance(wasm, imports)),
  );
}

/** As `openToolchain`, in steps: pages of Chrome before 115 refuse to make large instances at once. */
export async function openToolchainInSteps(name: ToolchainName): Promise<unknown> {
  await loadToolchain(name);
  return instantiate(name, async (wasm, imports, finish) =>
    finish(await WebAssembly.instantiate(wasm, imports)),
  );
}

function readsFiles(): boolean {
  return folder === undefined && typeof globalThis.process?.versions?.node === 'string';
}

type Instantiate = (
  wasm: WebAssembly.Module,
  imports: WebAssembly.Imports,
  finish: Finish,
) => unknown;

function instantiate(name: ToolchainName, make: Instantiate): unknown {
  const { factory, wasm } = loaded.get(name) ?? notLoaded(name);
  const silent = (): void => {};
  return factory({
    print: silent,
    printErr: silent,
    instantiate: (imports, finish) => make(wasm, imports, finish),
  });
}

function notLoaded(name: ToolchainName): never {
  throw new InvariantError(`${name} is used before it was loaded`);
}

async function load(name: ToolchainName): Promise<Loaded> {
  if (readsFiles()) return loadFiles(name);
  const base = servedFolder();
  const [factory, wasm] = await Promise.all([importFactory(name, base), fetchWasm(name, base)]);
  return { factory, wasm };
}

function servedFolder(): URL {
  // By way of a variable: Vite takes a URL with import.meta.url written in it for a file, and this is a folder.
  const here = import.meta.url;
  return folder ?? new URL('./toolchain/', here);
}

async function fetchWasm(name: string, base: URL): Promise<WebAssembly.Module> {
  const url = new URL(`${name}.wasm`, base);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} could not be fetched: status ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}

async function loadFiles(name: ToolchainName): Promise<Loaded> {
  const { base, wasm } = await readWasm(name);
  return { factory: await importFactory(name, base), wasm };
}

async function readWasm(name: string): Promise<{ base: URL; wasm: WebAssembly.Module }> {
  const { existsSync, readFileSync } = await import('node:fs');
  const bases = PLACES.map((place) => new URL(place, import.meta.url));
  const base = bases.find((each) => existsSync(new URL(`${name}.wasm`, each)));
  if (base === undefined) {
    throw new Error(`${name}.wasm is not built: run npm start or npm run build`);
  }
  return { base, wasm: await WebAssembly.compile(readFileSync(new URL(`${name}.wasm`, base))) };
}

async function importFactory(name: ToolchainName, base: URL): Promise<Factory> {
  const script = new URL(`${name}.js`, base).href;
  return ((await import(/* @vite-ignore */ script)) as { default: Factory }).default;
}
