/** Values in sentences. */
import { integerOf } from '../abi/frame.js';
import { shown } from '../abi/value-bytes.js';

/** A value in a sentence; whole numbers also in hexadecimal when that is easier to read. */
export function valueText(value: unknown): string {
  if (typeof value === 'bigint' || typeof value === 'number') {
    if (Object.is(value, -0)) return '-0';
    const big = Number.isInteger(value) || typeof value === 'bigint' ? BigInt(value) : 0n;
    return big > 9n || big < -9n
      ? `${value} (0x${BigInt.asUintN(64, big).toString(16)})`
      : `${value}`;
  }
  if (value instanceof Uint8Array && value.length <= 16) {
    return `0x${integerOf(value).toString(16)}`;
  }
  return Array.isArray(value) ? `[${value.map(valueText).join(', ')}]` : shown(value);
}
