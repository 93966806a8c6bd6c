/** Values of the host as the bytes of a C type, and back. Little endian, as x86 is. */
import { MayexecError } from '../../base/errors.js';
import type { ValueType } from './value-type.js';

/** What the guest gives back: integers of up to 4 bytes and floats as numbers, wider integers and pointers as bigint. */
export type GuestValue = number | bigint | Uint8Array | readonly GuestValue[] | undefined;

/** What lies between the fields of a structure is undefined, so it holds garbage. */
const PADDING = 0xa5;

/** Turns what has an address (a buffer, a callback) into that address. */
export type AddressOf = (value: unknown) => bigint | undefined;

/**
 * Bytes of `value`, as many as the type has. A Uint8Array of that length is taken as it is.
 * @throws MayexecError for a value that the type cannot hold.
 */
export function encodeValue(type: ValueType, value: unknown, addressOf: AddressOf): Uint8Array {
  if (value instanceof Uint8Array && value.length === type.size && type.kind !== 'pointer') {
    return value;
  }
  const bytes = new Uint8Array(type.size);
  const view = new DataView(bytes.buffer);
  switch (type.kind) {
    case 'void':
      throw new MayexecError('a void has no value');
    case 'pointer':
      writeInteger(view, type, addressOf(value) ?? value);
      break;
    case 'int':
      writeInteger(view, type, typeof value === 'boolean' ? BigInt(value) : value);
      break;
    case 'float':
      writeFloat(view, type, value);
      break;
    case 'vector':
      bytes.set(vectorBytes(value));
      break;
    case 'struct':
      bytes.fill(PADDING);
      for (const [index, field] of type.fields.entries()) {
        bytes.set(encodeValue(field.type, fieldOf(type, value, index), addressOf), field.offset);
      }
  }
  return bytes;
}

export function decodeValue(type: ValueType, bytes: Uint8Array): GuestValue {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (type.kind) {
    case 'void':
      return undefined;
    case 'pointer':
      return type.size === 8 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true));
    case 'int':
      return readInteger(view, type.size, type.signed);
    case 'float':
      return type.size === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true);
    case 'vector':
      return bytes.slice(0, 16);
    default:
      return type.fields.map((field) =>
        decodeValue(field.type, bytes.subarray(field.offset, field.offset + field.type.size)),
      );
  }
}

function readInteger(view: DataView, size: 1 | 2 | 4 | 8, signed: boolean): number | bigint {
  switch (size) {
    case 1:
      return signed ? view.getInt8(0) : view.getUint8(0);
    case 2:
      return signed ? view.getInt16(0, true) : view.getUint16(0, true);
    case 4:
      return signed ? view.getInt32(0, true) : view.getUint32(0, true);
    default:
      return signed ? view.getBigInt64(0, true) : view.getBigUint64(0, true);
  }
}

function writeInteger(view: DataView, type: ValueType, value: unknown): void {
  const bits = type.size * 8;
  const whole = typeof value === 'bigint' || Number.isSafeInteger(value);
  const word = whole ? BigInt(value as number | bigint) : undefined;
  if (
    word === undefined ||
    (BigInt.asIntN(bits, word) !== word && BigInt.asUintN(bits, word) !== word)
  ) {
    throw new MayexecError(`${shown(value)} is no ${type.name}: expected ${expected(type)}`);
  }
  for (let at = 0; at < type.size; at++) {
    view.setUint8(at, Number((word >> BigInt(8 * at)) & 0xffn));
  }
}

function expected({ kind, size }: ValueType): string {
  const integer = `an integer of ${size * 8} bits`;
  return kind === 'pointer' ? `${integer}, bytes, a buffer's name or a callback` : integer;
}

function writeFloat(view: DataView, type: ValueType, value: unknown): void {
  if (typeof value !== 'number') {
    throw new MayexecError(`${shown(value)} is no ${type.name}: expected a number`);
  }
  if (type.size === 4) view.setFloat32(0, value, true);
  else view.setFloat64(0, value, true);
}

function vectorBytes(value: unknown): Uint8Array {
  if (ArrayBuffer.isView(value) && value.byteLength === 16) {
    return new Uint8Array(value.buffer, value.byteOffset, 16);
  }
  if (typeof value === 'bigint' && BigInt.asUintN(128, value) === value) {
    return Uint8Array.from({ length: 16 }, (_, at) => Number((value >> BigInt(8 * at)) & 0xffn));
  }
  throw new MayexecError(
    `${shown(value)} is no v128: expected 16 bytes (a Uint8Array, a Float32Array of 4, ...) or a bigint`,
  );
}

function fieldOf(type: ValueType & { kind: 'struct' }, value: unknown, index: number): unknown {
  if (Array.isArray(value) && value.length === type.fields.length) return value[index];
  throw new MayexecError(
    `${shown(value)} is no ${type.name}: expected ${type.fields.length} values in an array, or ${type.size} bytes`,
  );
}

/** A value of the host in a sentence. */
export function shown(value: unknown): string {
  if (value instanceof Uint8Array) return `a Uint8Array of ${value.length} bytes`;
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  return typeof value === 'string' ? `'${value}'` : String(value);
}
