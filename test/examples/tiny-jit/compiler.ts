/**
 * The compiler: text, tree, steps, registers, bytes. A function is a unit of its own: its calls of others are
 * places to fill in, its patchable constants offsets.
 */
import { ARGUMENTS } from './allocate.js';
import type { Bug } from './bugs.js';
import { Emitter } from './emitter.js';
import { stepsOf } from './steps.js';
import { type FunctionTree, type IntegerType, parse } from './syntax.js';

export interface CompileOptions {
  readonly bugs?: readonly Bug[];
  /** Address of a word in which the turns of loops are counted. */
  readonly turns?: bigint;
}

/** Where the distance to another function belongs. */
export interface CallSite {
  readonly offset: number;
  readonly symbol: string;
}

export interface CompiledFunction {
  readonly tree: FunctionTree;
  readonly type: IntegerType;
  readonly bytes: Uint8Array;
  /** Offsets of labels. */
  readonly symbols: Readonly<Record<string, number>>;
  readonly callSites: readonly CallSite[];
  /** Offsets of the eight bytes of patchable constants, by name. */
  readonly cells: Readonly<Record<string, readonly number[]>>;
}

/** @throws SyntaxError, ReferenceError and TypeError for a wrong source. */
export function compile(source: string, options: CompileOptions = {}): CompiledFunction {
  const tree = parse(source);
  if (tree.parameters.length > ARGUMENTS.length) {
    throw new SyntaxError(`${tree.parameters.length} parameters: there are registers for 6`);
  }
  return { tree, type: tree.type, ...new Emitter(stepsOf(tree), tree.type, options).emit() };
}
