/**
 * Makes the scripts of Keystone and Capstone (Emscripten's) instantiate as their caller likes: at once or
 * asynchronously. As published they are async functions that find their WebAssembly by themselves, so that no
 * instance can be had within one synchronous call. The changed script is a plain function of options with
 * `instantiate(imports, finish)`: it hands over what the instance imports, and `finish(instance)` gives the module.
 */
import { BuildError } from './project.mjs';

/** The WebAssembly is the caller's affair, so that no host is told from another. */
const CHANGES = [
  [
    'ENVIRONMENT_IS_NODE=globalThis.process?.versions?.node&&globalThis.process?.type!="renderer"',
    'ENVIRONMENT_IS_NODE=false',
  ],
  ['return async function(moduleArg={}){', 'return function(moduleArg={}){'],
  [
    'wasmExports=await (createWasm());',
    'return Module["instantiate"](getWasmImports(),instance=>{wasmExports=instance.exports;' +
      'assignWasmExports(wasmExports);updateMemoryViews();',
  ],
  [
    'if(runtimeInitialized){moduleRtn=Module}else{moduleRtn=new Promise((resolve,reject)=>' +
      '{readyPromiseResolve=resolve;readyPromiseReject=reject})}\n;return moduleRtn}',
    'return Module})}',
  ],
];

/** @throws BuildError when a version of the package has other text. */
export function instantiableScript(name, script) {
  let changed = script;
  for (const [from, to] of CHANGES) {
    if (changed.split(from).length !== 2) {
      throw new BuildError(`${name}.js is not as expected: it has not exactly one '${from}'`);
    }
    changed = changed.replace(from, () => to);
  }
  return changed;
}
