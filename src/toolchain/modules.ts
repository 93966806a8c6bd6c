/**
 * Keystone and Capstone as the host gets them. Node takes the installed packages. A page or a worker
 * takes `toolchain/` beside the bundle, where the build puts each as an ES module with its WebAssembly.
 */

export type ToolchainName = 'keystone' | 'capstone';

/** Both are Emscripten modules. */
type Factory = (options: object) => Promise<unknown>;

/** Names of packages are written out, so that a bundler for Node sees them. */
const PACKAGES: Readonly<Record<ToolchainName, () => Promise<{ default: Factory }>>> = {
  keystone: () => import('@alexaltea/keystone-js'),
  capstone: () => import('@alexaltea/capstone-js'),
};

let folder: URL | undefined;

/** For a page that serves the files of `dist/toolchain/` elsewhere: call it before the first use. */
export function locateToolchain(served: URL): void {
  folder = served;
}

/** A new instance. What it would print is dropped. */
export async function loadToolchain(name: ToolchainName): Promise<unknown> {
  const silent = (): void => {};
  const quiet = { print: silent, printErr: silent };
  if (folder === undefined && typeof globalThis.process?.versions?.node === 'string') {
    return (await PACKAGES[name]()).default(quiet);
  }
  // By way of a variable: Vite takes a URL with import.meta.url written in it for a file, and this is a folder.
  const here = import.meta.url;
  const base = folder ?? new URL('./toolchain/', here);
  const script = new URL(`${name}.js`, base).href;
  const { default: factory } = (await import(/* @vite-ignore */ script)) as { default: Factory };
  // The script cannot find its neighbour itself: an ES module has no `document.currentScript`.
  return factory({ ...quiet, locateFile: (file: string) => new URL(file, base).href });
}
