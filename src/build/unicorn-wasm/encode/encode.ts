/** Writes a module image in the WebAssembly binary format. */

import type { ModuleImage, WasmSignature } from '../ir.js';
import { SignatureTable, VALUE_TYPES } from '../read/signatures.js';
import { BinaryWriter } from './binary-writer.js';
import { encodeBody } from './encode-body.js';
import { OPCODES } from './opcodes.js';

const SECTION = {
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  element: 9,
  code: 10,
  data: 11,
} as const;
const KIND = { function: 0, table: 1, memory: 2, global: 3 } as const;
const FUNCREF = 0x70;

export function encodeModule(image: ModuleImage): Uint8Array<ArrayBuffer> {
  const signatures = new SignatureTable();
  layOut(image);
  // The code comes first, because it names the signatures of indirect calls.
  const code = vector(image.bodies, (out, body) =>
    out.sized((part) => encodeBody(part, body, signatures)),
  );
  const importTypes = image.imports.map(({ callable }) => signatures.numberOf(callable.signature));
  const bodyTypes = image.bodies.map(({ callable }) => signatures.numberOf(callable.signature));

  const out = new BinaryWriter();
  out.raw(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  const section = (id: number, content: BinaryWriter): void => {
    out.byte(id);
    out.u32(content.length);
    out.raw(content.bytes());
  };

  section(SECTION.type, vector(signatures.signatures, writeSignature));
  section(
    SECTION.import,
    vector(image.imports, (part, item, i) => {
      part.name(item.module);
      part.name(item.name);
      part.byte(KIND.function);
      part.u32(importTypes[i]!);
    }),
  );
  section(
    SECTION.function,
    vector(bodyTypes, (part, type) => part.u32(type)),
  );
  section(SECTION.table, vector([image.table.length], writeTable));
  section(SECTION.memory, vector([image.memory], writeMemory));
  section(SECTION.global, vector(image.globals, writeGlobal));
  section(SECTION.export, writeExports(image));
  section(SECTION.element, writeElements(image));
  section(SECTION.code, code);
  section(SECTION.data, vector(image.data, writeData));
  return out.bytes().slice();
}

/** Gives every function and global its place in the index spaces. */
function layOut(image: ModuleImage): void {
  let index = 0;
  for (const { callable } of image.imports) callable.index = index++;
  for (const { callable } of image.bodies) callable.index = index++;
  image.globals.forEach((global, i) => {
    global.index = i;
  });
}

function vector<T>(
  items: readonly T[],
  write: (part: BinaryWriter, item: T, index: number) => void,
): BinaryWriter {
  const part = new BinaryWriter();
  part.u32(items.length);
  items.forEach((item, i) => {
    write(part, item, i);
  });
  return part;
}

function writeSignature(part: BinaryWriter, { params, result }: WasmSignature): void {
  part.byte(0x60);
  part.u32(params.length);
  for (const type of params) part.byte(VALUE_TYPES[type]);
  part.u32(result === undefined ? 0 : 1);
  if (result !== undefined) part.byte(VALUE_TYPES[result]);
}

/** No maximum: hooks grow the table. */
function writeTable(part: BinaryWriter, length: number): void {
  part.byte(FUNCREF);
  part.byte(0);
  part.u32(length);
}

function writeMemory(part: BinaryWriter, memory: ModuleImage['memory']): void {
  part.byte(1);
  part.u32(memory.initialPages);
  part.u32(memory.maximumPages);
}

function writeGlobal(part: BinaryWriter, { type, initial }: ModuleImage['globals'][number]): void {
  part.byte(VALUE_TYPES[type]);
  part.byte(1);
  part.byte(OPCODES[`${type}.const`]);
  if (type === 'f64') part.f64(initial);
  else part.s32(initial);
  part.byte(OPCODES.end);
}

function writeExports(image: ModuleImage): BinaryWriter {
  const items = [
    { name: 'memory', kind: KIND.memory, index: 0 },
    { name: '__indirect_function_table', kind: KIND.table, index: 0 },
    ...image.exports.map(({ name, callable }) => ({
      name,
      kind: KIND.function,
      index: callable.index,
    })),
  ];
  return vector(items, (part, { name, kind, index }) => {
    part.name(name);
    part.byte(kind);
    part.u32(index);
  });
}

/** One active segment per run of filled table slots. */
function writeElements(image: ModuleImage): BinaryWriter {
  const runs: { start: number; indices: number[] }[] = [];
  image.table.forEach((callable, slot) => {
    if (callable === undefined) return;
    const last = runs.at(-1);
    if (last !== undefined && last.start + last.indices.length === slot)
      last.indices.push(callable.index);
    else runs.push({ start: slot, indices: [callable.index] });
  });
  return vector(runs, (part, { start, indices }) => {
    part.byte(0);
    writeOffset(part, start);
    part.u32(indices.length);
    for (const index of indices) part.u32(index);
  });
}

function writeData(part: BinaryWriter, { offset, bytes }: ModuleImage['data'][number]): void {
  part.byte(0);
  writeOffset(part, offset);
  part.u32(bytes.length);
  part.raw(bytes);
}

function writeOffset(part: BinaryWriter, offset: number): void {
  part.byte(OPCODES['i32.const']);
  part.s32(offset);
  part.byte(OPCODES.end);
}
