/**
 * Where the WebAssembly files of Keystone and Capstone come from. In Node they lie beside their
 * scripts; a web page says where it serves them, before the first use.
 */

export type ToolchainFile = 'keystone.wasm' | 'capstone.wasm';

let locate: ((file: ToolchainFile) => string) | undefined;

export function locateToolchain(found: (file: ToolchainFile) => string): void {
  locate = found;
}

/** Options of an Emscripten module: quiet, and found where the host says. */
export function moduleOptions(file: ToolchainFile): object {
  const silent = (): void => {};
  const quiet = { print: silent, printErr: silent };
  return locate === undefined ? quiet : { ...quiet, locateFile: () => locate!(file) };
}
