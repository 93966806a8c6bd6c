/**
 * Plain data as bytes and back: objects, lists, texts, numbers, bigints, booleans, null and byte arrays. The form is
 * a line that names it, a header of three 32-bit numbers (length of the text, of the byte arrays, checksum of both), JSON in
 * which bigints and byte arrays are marked, and the byte arrays one after the other.
 */
import { MayexecError } from './errors.js';

const HEADER = 12;
/** Nothing that is packed here is larger. */
const MOST_BYTES = 1 << 30;

type Marked =
  | { readonly $: 'n'; readonly v: string }
  | { readonly $: 'b'; readonly v: readonly [number, number] };

/**
 * @param name One line of ASCII, without its end.
 * @throws MayexecError for a function or another value that is no data; the message names the way to it.
 */
export function pack(name: string, value: unknown): Uint8Array {
  const blobs: Uint8Array[] = [];
  let at = 0;
  const mark = (each: unknown, path: string): unknown => {
    if (typeof each === 'bigint') return { $: 'n', v: String(each) } satisfies Marked;
    if (each instanceof Uint8Array) {
      blobs.push(each);
      at += each.length;
      return { $: 'b', v: [at - each.length, each.length] } satisfies Marked;
    }
    if (Array.isArray(each)) return each.map((item, index) => mark(item, `${path}[${index}]`));
    if (typeof each === 'object' && each !== null) {
      const proto: unknown = Object.getPrototypeOf(each);
      if (proto === Object.prototype || proto === null) {
        const entries = Object.entries(each).filter(([, item]) => item !== undefined);
        return Object.fromEntries(entries.map(([key, item]) => [key, mark(item, join(path, key))]));
      }
    }
    const plain = each === null || ['string', 'number', 'boolean'].includes(typeof each);
    if (plain && each !== Number.POSITIVE_INFINITY && !Number.isNaN(each)) return each;
    const what = typeof each === 'function' ? 'a function' : 'an object with functions';
    throw new MayexecError(`'${path}' is ${what}, which bytes cannot hold`);
  };
  const text = new TextEncoder().encode(JSON.stringify(mark(value, '')));
  const title = new TextEncoder().encode(`${name}\n`);
  const bytes = new Uint8Array(title.length + HEADER + text.length + at);
  bytes.set(title);
  bytes.set(text, title.length + HEADER);
  let end = title.length + HEADER + text.length;
  for (const blob of blobs) {
    bytes.set(blob, end);
    end += blob.length;
  }
  const header = new DataView(bytes.buffer, title.length);
  header.setUint32(0, text.length, true);
  header.setUint32(4, at, true);
  header.setUint32(8, checksum(bytes.subarray(title.length + HEADER)), true);
  return bytes;
}

/** @throws MayexecError for bytes that are no `what`, or are cut off or damaged. */
export function unpack(name: string, what: string, bytes: Uint8Array): unknown {
  const title = new TextEncoder().encode(`${name}\n`);
  if (bytes.length < title.length || title.some((byte, index) => bytes[index] !== byte)) {
    throw new MayexecError(`these bytes are no ${what}`);
  }
  const start = title.length + HEADER;
  if (bytes.length < start) throw new MayexecError(`this ${what} is cut off`);
  const header = new DataView(bytes.buffer, bytes.byteOffset + title.length, HEADER);
  const [textLength, blobLength] = [header.getUint32(0, true), header.getUint32(4, true)];
  const length = textLength + blobLength;
  if (length > MOST_BYTES || bytes.length > start + length) {
    throw new MayexecError(`this ${what} is damaged: its length is not what it says`);
  }
  if (bytes.length < start + length) throw new MayexecError(`this ${what} is cut off`);
  const body = bytes.subarray(start);
  if (checksum(body) !== header.getUint32(8, true)) {
    throw new MayexecError(`this ${what} is damaged: its checksum is wrong`);
  }
  const blobs = body.subarray(textLength);
  try {
    return JSON.parse(new TextDecoder().decode(body.subarray(0, textLength)), (_key, each) =>
      unmarked(each, blobs),
    );
  } catch {
    throw new MayexecError(`this ${what} is damaged: its text cannot be read`);
  }
}

function unmarked(each: unknown, blobs: Uint8Array): unknown {
  if (typeof each !== 'object' || each === null || !('$' in each) || !('v' in each)) return each;
  if (each.$ === 'n') return BigInt(String(each.v));
  const [start, length] = each.v as readonly [number, number];
  return blobs.slice(start, start + length);
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/** FNV-1a, 32 bits. */
export function checksum(bytes: Uint8Array, seed = 0x811c9dc5): number {
  let sum = seed;
  for (let i = 0; i < bytes.length; i++) sum = Math.imul(sum ^ bytes[i]!, 0x01000193);
  return sum >>> 0;
}
