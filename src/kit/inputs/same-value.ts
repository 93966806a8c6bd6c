/** Is a guest's value the one that a test names? */
import { shownValue } from '../../base/arguments.js';
import { MayexecError } from '../../base/errors.js';
import {
  aNumber,
  aText,
  bytes,
  checkShape,
  listOf,
  objectOf,
  oneOf,
  optional,
  type Shape,
  satisfies,
} from '../../base/shape.js';
import type { GuestValue } from '../abi/value-bytes.js';
import type { ValueType } from '../abi/value-type.js';

const INTEGER = satisfies(
  'an integer',
  (value) => typeof value === 'bigint' || Number.isInteger(value),
);
const KINDS = ['void', 'int', 'pointer', 'float', 'vector', 'struct'] as const;
const TYPE = objectOf(
  {
    kind: oneOf(KINDS),
    size: aNumber,
    name: aText,
    fields: optional(listOf(objectOf({ type: objectOf({ kind: oneOf(KINDS) }) }))),
  },
  'a type of C',
);
/** What a value of each kind of type is. */
const VALUES: Readonly<Record<ValueType['kind'], Shape>> = {
  void: () => undefined,
  int: INTEGER,
  pointer: INTEGER,
  float: aNumber,
  vector: bytes,
  struct: listOf(() => undefined),
};

/**
 * Integers are equal modulo their width, so that -1 is 0xffffffff as an i32; floats bit by bit but for NaNs,
 * which are all equal; vectors by their bytes.
 * @throws MayexecError for an expected value that the type can never have.
 */
export function sameValue(type: ValueType, actual: GuestValue, expected: unknown): boolean {
  checkShape('sameValue: the type', type, TYPE);
  checkShape('sameValue: the value', actual, VALUES[type.kind]);
  switch (type.kind) {
    case 'void':
      return expected === undefined;
    case 'int':
    case 'pointer':
      return sameInteger(type, actual, expected);
    case 'float':
      if (typeof expected !== 'number') throw wrongKind(type, expected, 'a number');
      return Object.is(actual, type.size === 4 ? Math.fround(expected) : expected);
    case 'vector':
      return sameBytes(actual as Uint8Array, expected, type);
    default: {
      if (!Array.isArray(expected) || expected.length !== type.fields.length) {
        throw wrongKind(type, expected, `an array of ${type.fields.length} values`);
      }
      const values = actual as readonly GuestValue[];
      return type.fields.every((field, index) =>
        sameValue(field.type, values[index], expected[index]),
      );
    }
  }
}

function sameInteger(type: ValueType, actual: GuestValue, expected: unknown): boolean {
  if (typeof expected === 'number' && !Number.isInteger(expected)) {
    const hint = `the code is called for an integer; for a float say returns: 'f64' or give a signature`;
    throw new MayexecError(`${expected} is no ${type.name}: ${hint}`);
  }
  if (typeof expected !== 'number' && typeof expected !== 'bigint') {
    throw wrongKind(type, expected, 'an integer');
  }
  const bits = type.size * 8;
  const word = (value: number | bigint): bigint => BigInt.asUintN(bits, BigInt(value));
  const fits =
    BigInt(expected) === BigInt.asIntN(bits, BigInt(expected)) ||
    BigInt(expected) === word(expected);
  if (!fits) throw wrongKind(type, expected, `an integer of ${bits} bits`);
  return word(actual as number | bigint) === word(expected);
}

function sameBytes(actual: Uint8Array, expected: unknown, type: ValueType): boolean {
  if (!ArrayBuffer.isView(expected) || expected.byteLength !== actual.length) {
    throw wrongKind(type, expected, `${actual.length} bytes`);
  }
  const bytes = new Uint8Array(expected.buffer, expected.byteOffset, expected.byteLength);
  return actual.every((byte, at) => byte === bytes[at]);
}

function wrongKind({ name }: ValueType, expected: unknown, accepted: string): MayexecError {
  return new MayexecError(`${shownValue(expected)} is no ${name}: expected ${accepted}`);
}
