/** What a call was given, and what became of its buffers, for a failure to show. */
import { isCallback } from '../bed/callback.js';
import { isBufferPointer, isTyped } from '../run/arguments.js';
import type { CallResult } from '../run/call-result.js';
import { bufferName, placeAt } from './buffer-place.js';
import { valueText } from './value-text.js';

/** Bytes of an argument that are shown. */
const SHOWN = 8;
/** Bytes of a row of a buffer. */
const ROW = 16;
/** Rows that a failure shows of one buffer. */
const ROWS = 4;

/** `1, -2, @dst+4, 8 bytes 01 02 ...`. */
export function argumentsText(args: readonly unknown[]): string {
  return args.map(argumentText).join(', ');
}

function argumentText(value: unknown): string {
  if (isTyped(value)) return `${value.type} ${argumentText(value.value)}`;
  if (isBufferPointer(value)) {
    const { name, offset } = value;
    return offset === 0 ? `@${name}` : `@${name}${offset < 0 ? '-' : '+'}${Math.abs(offset)}`;
  }
  if (isCallback(value)) return `callback ${value.name}`;
  if (Array.isArray(value)) return `{ ${argumentsText(value)} }`;
  if (typeof value === 'string') return value;
  if (!(value instanceof Uint8Array)) return valueText(value);
  const rest = value.length > SHOWN ? ' ...' : '';
  return `${value.length} bytes ${hexOf(value.subarray(0, SHOWN))}${rest}`.trim();
}

/** A line for each buffer; of one that was changed the rows that differ. */
export function bufferLines({ facts, buffers }: CallResult): string[] {
  const stray = facts.overflows.flatMap(({ name, offset }) => {
    const buffer = facts.buffers.find((each) => each.name === name);
    const place = buffer && placeAt([buffer], buffer.address + BigInt(offset));
    return place === undefined ? [] : [`a store at ${place}`];
  });
  const lines = facts.buffers.flatMap(({ name, bytes }) => {
    const now = buffers[name];
    const what = bufferName({ name });
    if (now === undefined) return [`${what}: not mapped any more`];
    const changed = rowsThatDiffer(bytes, now);
    if (changed.length === 0) {
      const rest = bytes.length > ROW ? ' ...' : '';
      const content = bytes.length === 0 ? '' : `: ${hexOf(bytes.subarray(0, ROW))}${rest}`;
      return [`${what}, ${bytes.length} bytes, unchanged${content}`];
    }
    const rows = changed.slice(0, ROWS).flatMap((from) => {
      const offset = `+${from}`.padStart(6);
      return [
        `${offset}  was ${hexOf(bytes.subarray(from, from + ROW))}`,
        `${' '.repeat(6)}   is ${hexOf(now.subarray(from, from + ROW))}`,
      ];
    });
    const more = changed.length > ROWS ? [`  and ${changed.length - ROWS} more rows`] : [];
    return [`${what}, ${bytes.length} bytes`, ...rows, ...more];
  });
  return [...stray, ...lines];
}

/** Offsets of rows. */
function rowsThatDiffer(before: Uint8Array, now: Uint8Array): number[] {
  const rows: number[] = [];
  for (let from = 0; from < before.length; from += ROW) {
    const end = Math.min(from + ROW, before.length);
    for (let at = from; at < end; at++) {
      if (before[at] === now[at]) continue;
      rows.push(from);
      break;
    }
  }
  return rows;
}

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
