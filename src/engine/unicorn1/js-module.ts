/**
 * The JavaScript form of the engine: the package's wasm2js code, unchanged, under our own shell.
 *
 * The file that the build writes (`unicorn1-js.mjs`) exports one function that takes the imports
 * and returns the exports. It touches no global, so it runs alike on a page, in a worker and in
 * Node, and each call makes an instance of its own.
 */
import type { ModuleOptions, UnicornModule } from './module.js';
import { createShell, type ModuleExports, type ModuleImports } from './shell.js';

/** `factory` is the default export of `unicorn1-js.mjs`. */
export function loadJsModule(factory: unknown, options: ModuleOptions = {}): UnicornModule {
  if (typeof factory !== 'function')
    throw new TypeError('loadJsModule needs the default export of unicorn1-js.mjs');
  const shell = createShell(options);
  const instantiate = factory as (imports: ModuleImports) => ModuleExports;
  // Table entries of this form are plain functions, called with the arguments of the C prototype.
  return shell.start(instantiate(shell.imports), 'js', (fn) => fn);
}
