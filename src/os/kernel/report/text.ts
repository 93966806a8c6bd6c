/** Texts of a report. */
import { decodeText } from '../../../base/text.js';

/** Printable characters up to a zero. */
export function cleanText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decodeText(end < 0 ? bytes : bytes.subarray(0, end)).replace(/[^\x20-\x7e]/g, '?');
}

/** Sixteen digits, as `%016lx`. */
export function word(value: bigint): string {
  return BigInt.asUintN(64, value).toString(16).padStart(16, '0');
}

/** Four digits, as `%04lx`. */
export function short(value: bigint | number): string {
  return value.toString(16).padStart(4, '0');
}
