/**
 * C types as a calling convention sees them: kind, size and alignment. Written as Rust writes them
 * (i32, f64) or as C does (int, double); a structure is its fields in braces: `{ i32, f64 }`.
 */
import { MayexecError, nearest } from '../../base/errors.js';

export type ValueType =
  | { readonly kind: 'void'; readonly size: 0; readonly align: 1; readonly name: string }
  | {
      readonly kind: 'int';
      readonly size: 1 | 2 | 4 | 8;
      readonly align: number;
      readonly signed: boolean;
      readonly name: string;
    }
  | {
      readonly kind: 'pointer';
      readonly size: 4 | 8;
      readonly align: number;
      readonly name: string;
    }
  | { readonly kind: 'float'; readonly size: 4 | 8; readonly align: number; readonly name: string }
  | { readonly kind: 'vector'; readonly size: 16; readonly align: 16; readonly name: string }
  | StructType;

export interface StructType {
  readonly kind: 'struct';
  readonly size: number;
  readonly align: number;
  readonly fields: readonly StructField[];
  readonly name: string;
}

export interface StructField {
  readonly offset: number;
  readonly type: ValueType;
}

/** What differs between the platforms: pointers, `long`, and 8-byte values, which i386 System V aligns to 4. */
export interface TypeModel {
  readonly word: 4 | 8;
  readonly long: 4 | 8;
  readonly align8: 4 | 8;
}

const INTEGERS: Readonly<Record<string, readonly [size: 1 | 2 | 4 | 8, signed: boolean]>> = {
  bool: [1, false],
  i8: [1, true],
  u8: [1, false],
  char: [1, true],
  i16: [2, true],
  u16: [2, false],
  short: [2, true],
  i32: [4, true],
  u32: [4, false],
  int: [4, true],
  uint: [4, false],
  i64: [8, true],
  u64: [8, false],
};
const FLOATS: Readonly<Record<string, 4 | 8>> = { f32: 4, float: 4, f64: 8, double: 8 };
const OTHERS = ['void', 'ptr', 'long', 'ulong', 'v128'];

/** Names of types that are no structures. */
export const TYPE_NAMES: readonly string[] = [
  ...Object.keys(INTEGERS),
  ...Object.keys(FLOATS),
  ...OTHERS,
];

/** @throws MayexecError for a name that is no type. */
export function namedType(name: string, model: TypeModel): ValueType {
  const integer = Object.hasOwn(INTEGERS, name) ? INTEGERS[name] : undefined;
  if (integer !== undefined) {
    const [size, signed] = integer;
    return { kind: 'int', size, align: alignOf(size, model), signed, name };
  }
  const size = Object.hasOwn(FLOATS, name) ? FLOATS[name] : undefined;
  if (size !== undefined) return { kind: 'float', size, align: alignOf(size, model), name };
  const { word, long } = model;
  switch (name) {
    case 'void':
      return { kind: 'void', size: 0, align: 1, name };
    case 'ptr':
      return { kind: 'pointer', size: word, align: word, name };
    case 'long':
    case 'ulong':
      return { kind: 'int', size: long, align: long, signed: name === 'long', name };
    case 'v128':
      return { kind: 'vector', size: 16, align: 16, name };
    default:
      throw unknownType(name);
  }
}

/** Fields in order, each at the next multiple of its alignment, as C lays them out. */
export function structOf(types: readonly ValueType[]): StructType {
  let offset = 0;
  const fields = types.map((type) => {
    const at = roundUp(offset, type.align);
    offset = at + type.size;
    return { offset: at, type };
  });
  const align = Math.max(1, ...types.map((type) => type.align));
  const name = `{ ${types.map((type) => type.name).join(', ')} }`;
  return { kind: 'struct', size: roundUp(offset, align), align, fields, name };
}

/** A field that is no structure, with its offset in the outermost one. */
export function scalarsOf(type: ValueType, at = 0): StructField[] {
  if (type.kind !== 'struct') return [{ offset: at, type }];
  return type.fields.flatMap(({ offset, type: field }) => scalarsOf(field, at + offset));
}

export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

function alignOf(size: number, { align8 }: TypeModel): number {
  return size === 8 ? align8 : size;
}

function unknownType(name: string): MayexecError {
  const guess = nearest(name, TYPE_NAMES);
  const hint = guess === undefined ? '' : `; did you mean '${guess}'?`;
  return new MayexecError(
    `unknown type '${name}': expected one of ${TYPE_NAMES.join(', ')}, T* or { T, T }${hint}`,
  );
}
