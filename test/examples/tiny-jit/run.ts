/** Calls of compiled functions for the tests: by the convention, with the types that the source says. */
import type { Code } from '../../../src/index.js'; // for you: 'mayexec'
import { type Argument, type CallResult, call, loadCode } from '../../../src/vitest/index.js'; // for you: 'mayexec/vitest'
import { type CompiledFunction, type CompileOptions, compile } from './compiler.js';

type CallSettings = NonNullable<Parameters<typeof call>[2]>;

/** Each source is compiled once. */
const compiled = new Map<string, CompiledFunction>();

export function compiledOnce(source: string): CompiledFunction {
  const known = compiled.get(source) ?? compile(source);
  compiled.set(source, known);
  return known;
}

export function signatureOf({ type, tree }: CompiledFunction): string {
  return `${type}(${tree.parameters.map(({ pointer }) => (pointer ? 'ptr' : type)).join(', ')})`;
}

/** Code that is kept is placed once, and each further call of it costs less. */
const loaded = new WeakMap<CompiledFunction, Code>();

export function codeOf(compiledFunction: CompiledFunction): Code {
  const { bytes, symbols } = compiledFunction;
  const code = loaded.get(compiledFunction) ?? loadCode({ bytes, symbols });
  loaded.set(compiledFunction, code);
  return code;
}

/** Compiles, perhaps with a bug, and calls. */
export function run(
  source: string,
  args: readonly Argument[] = [],
  { bugs, turns, ...settings }: CompileOptions & CallSettings = {},
): CallResult {
  const plain = bugs === undefined && turns === undefined;
  const code = plain
    ? compiledOnce(source)
    : compile(source, { bugs: bugs ?? [], ...(turns === undefined ? {} : { turns }) });
  return call(codeOf(code), args, { signature: signatureOf(code), ...settings });
}
