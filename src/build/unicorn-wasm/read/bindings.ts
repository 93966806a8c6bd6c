/**
 * What a name of the module function stands for. wasm2js code has few kinds of names, and each
 * kind has one translation; a name outside this list is an error where it is used.
 */

import type { Callable, GlobalVariable, LoadOp, StoreOp, WasmSignature, WasmType } from '../ir.js';
import type { FunctionInfo } from './functions.js';

/** A typed array over the memory: element size as a shift, and the accesses it stands for. */
export interface HeapView {
  readonly shift: number;
  readonly load: LoadOp;
  readonly store: StoreOp;
  /** Bounds of an element's value; undefined for floating point. */
  readonly range: readonly [number, number] | undefined;
}

export const HEAP_VIEWS: Readonly<Record<string, HeapView>> = {
  Int8Array: { shift: 0, load: 'i32.load8_s', store: 'i32.store8', range: [-128, 127] },
  Uint8Array: { shift: 0, load: 'i32.load8_u', store: 'i32.store8', range: [0, 255] },
  Int16Array: { shift: 1, load: 'i32.load16_s', store: 'i32.store16', range: [-32768, 32767] },
  Uint16Array: { shift: 1, load: 'i32.load16_u', store: 'i32.store16', range: [0, 65535] },
  Int32Array: { shift: 2, load: 'i32.load', store: 'i32.store', range: [-(2 ** 31), 2 ** 31 - 1] },
  Float64Array: { shift: 3, load: 'f64.load', store: 'f64.store', range: undefined },
};

/** Functions of the package that stand for one instruction, or for a helper of ours. */
export type Intrinsic =
  | 'scratch.load_i32'
  | 'scratch.store_i32'
  | 'scratch.load_f64'
  | 'scratch.store_f64'
  | 'unreachable'
  | 'memory.copy'
  | 'memory.fill'
  | 'memory.size';

export const MATH_FUNCTIONS = ['imul', 'fround', 'abs', 'clz32', 'min', 'floor', 'ceil'] as const;
export type MathFunction = (typeof MATH_FUNCTIONS)[number];

export interface Import {
  readonly module: string;
  readonly name: string;
  readonly callable: Callable;
}

export type Binding =
  | { readonly kind: 'heap'; readonly view: HeapView }
  | { readonly kind: 'math'; readonly name: MathFunction }
  | { readonly kind: 'import'; readonly import: Import }
  | { readonly kind: 'global'; readonly variable: GlobalVariable; assigned: boolean }
  | { readonly kind: 'function'; readonly fn: FunctionInfo }
  | { readonly kind: 'intrinsic'; readonly name: Intrinsic }
  | { readonly kind: 'table' }
  | { readonly kind: 'scratchF32' };

/** Signatures of the imports in Emscripten's letters, result first; `j` is two i32. */
const IMPORT_SIGNATURES: Readonly<Record<string, string>> = {
  __assert_fail: 'viiii',
  __call_sighandler: 'vii',
  _abort_js: 'v',
  _emscripten_runtime_keepalive_clear: 'v',
  _emscripten_throw_longjmp: 'v',
  _mmap_js: 'iiiiijii',
  _munmap_js: 'iiiiiij',
  clock_time_get: 'iiji',
  emscripten_date_now: 'd',
  emscripten_err: 'vi',
  emscripten_get_now: 'd',
  emscripten_resize_heap: 'ii',
  exit: 'vi',
  fd_close: 'ii',
  fd_seek: 'iijii',
  fd_write: 'iiiii',
  proc_exit: 'vi',
};

const LETTERS: Readonly<Record<string, readonly WasmType[]>> = {
  v: [],
  i: ['i32'],
  j: ['i32', 'i32'],
  d: ['f64'],
};

/** The signature of an import by its name, or undefined for a name that we do not know. */
export function importSignature(name: string): WasmSignature | undefined {
  const guarded = /^invoke_([vi])([ij]*)$/.exec(name);
  // A guarded call takes the table index first, then the arguments of the function it guards.
  const letters = guarded ? `${guarded[1]}i${guarded[2]}` : IMPORT_SIGNATURES[name];
  if (letters === undefined) return undefined;
  const types = [...letters].map((letter) => LETTERS[letter]!);
  return { params: types.slice(1).flat(), result: types[0]![0] };
}
