/** An address near a named buffer, in words. */
import type { Addr } from '../../base/address.js';
import type { PlannedBuffer } from '../bed/buffers.js';

/** What counts as near: a pointer that ran this far is still told by the buffer. */
const NEAR = 4096n;

/** `dst+8, behind the 8 bytes of buffer dst`; undefined when no buffer is near. */
export function placeAt(buffers: readonly PlannedBuffer[], address: Addr): string | undefined {
  const near = buffers.find(({ start, end }) => start - NEAR <= address && address < end + NEAR);
  if (near === undefined) return undefined;
  const name = bufferName(near);
  const offset = address - near.address;
  const length = BigInt(near.bytes.length);
  const place = `${name}${offset < 0n ? '' : '+'}${offset}`;
  if (offset < 0n) return `${place}, before buffer ${name}`;
  if (offset < length) return `${place}, in buffer ${name}`;
  return `${place}, behind buffer ${name} of ${bytesText(length)}`;
}

/** Arguments that are bytes are buffers, too, which have numbers for names. */
export function bufferName({ name }: { readonly name: string }): string {
  return /^\d+$/.test(name) ? `argument ${Number(name) + 1}` : name;
}

export function bytesText(count: number | bigint): string {
  return `${count} byte${BigInt(count) === 1n ? '' : 's'}`;
}
