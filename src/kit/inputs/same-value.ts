/** Is a guest's value the one that a test names? */
import { MayexecError } from '../../base/errors.js';
import type { GuestValue } from '../abi/value-bytes.js';
import type { ValueType } from '../abi/value-type.js';

/**
 * Integers are equal modulo their width, so that -1 is 0xffffffff as an i32; floats bit by bit but for NaNs,
 * which are all equal; vectors by their bytes.
 * @throws MayexecError for an expected value that the type can never have.
 */
export function sameValue(type: ValueType, actual: GuestValue, expected: unknown): boolean {
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
  return new MayexecError(`${String(expected)} is no ${name}: expected ${accepted}`);
}
