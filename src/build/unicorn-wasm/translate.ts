/** From the package's source text to the bytes of a WebAssembly module. */
import { encodeModule } from './encode/encode.js';
import type { ModuleImage } from './ir.js';
import { lowerFunction } from './lower/lower-function.js';
import { infer } from './read/infer.js';
import { readModuleShape } from './read/module-shape.js';
import { SourceProgram } from './read/program.js';
import { findModuleFunction } from './read/source.js';
import { makeRuntime } from './runtime.js';

/** The heap never passes 2 GiB: the engine's addresses are signed 32-bit numbers here and there. */
const MAXIMUM_PAGES = 32768;

export interface Translation {
  readonly bytes: Uint8Array;
  readonly functions: number;
  readonly tableLength: number;
  readonly imports: number;
}

export function translate(source: string): Translation {
  const image = translateToImage(source);
  return {
    bytes: encodeModule(image),
    functions: image.bodies.length,
    tableLength: image.table.length,
    imports: image.imports.length,
  };
}

export function translateToImage(source: string): ModuleImage {
  const shape = readModuleShape(source, findModuleFunction(source));
  const program = new SourceProgram(shape);
  infer(program);
  const runtime = makeRuntime();
  const functions = [...shape.functions.values()];
  return {
    imports: shape.imports,
    bodies: [...functions.map((fn) => lowerFunction(program, runtime, fn)), ...runtime.bodies],
    globals: [...shape.globals, ...runtime.globals],
    memory: { initialPages: shape.initialPages, maximumPages: MAXIMUM_PAGES },
    table: shape.table,
    exports: shape.exports.map(({ name, fn }) => ({ name, callable: fn.callable })),
    data: shape.data,
  };
}
