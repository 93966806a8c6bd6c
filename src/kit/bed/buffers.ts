/**
 * Named buffers: memory for pointers to point at, each between unmapped pages. A buffer ends where its
 * last page ends (or begins where its first begins), so that one byte too far faults; the rest of its
 * pages holds a pattern, so that a store on that side shows as well.
 */

import { PROT_READ, PROT_WRITE } from '../../abi/linux/mman.js';
import { type Addr, PAGE_SIZE, pageUp } from '../../base/address.js';
import { checkText } from '../../base/arguments.js';
import { MayexecError, unknownValue } from '../../base/errors.js';
import { checkOptionNames, type OptionNames } from '../../base/options.js';
import { checkShape, satisfies } from '../../base/shape.js';
import type { Sandbox } from '../../sandbox/sandbox.js';
import { mapAnonymous } from './placement.js';
import { commitForWindows } from './windows-placement.js';

export type BufferInit = Uint8Array | number | BufferOptions;

export interface BufferOptions {
  /** The content, or its length in bytes (then zeros). */
  readonly bytes: Uint8Array | number;
  /** Which side lies on a guard page exactly; default 'end'. */
  readonly align?: 'start' | 'end';
  /** Default true. */
  readonly writable?: boolean;
}

const OPTIONS: OptionNames<BufferOptions> = { bytes: true, align: true, writable: true };

/** Refers to a buffer by name in arguments and structures. */
export interface BufferPointer {
  readonly kind: 'buffer';
  readonly name: string;
  /** In bytes from its start; may point outside. */
  readonly offset: number;
}

/** A pointer to the buffer of that name. */
export function pointerTo(name: string, offset = 0): BufferPointer {
  checkText('pointerTo: the name of the buffer', name);
  checkShape('pointerTo: the offset', offset, satisfies('an integer', Number.isInteger));
  return { kind: 'buffer', name, offset };
}

/** `@dst`, `@dst+4`: a pointer as every kind of call test writes it. */
export type BufferText = `@${string}`;

/** The pointer that a text stands for; undefined when it is none. */
export function pointerIn(text: string): BufferPointer | undefined {
  const [, name, sign, offset] =
    /^@([A-Za-z_][\w.-]*?|\d+)(?:\s*([+-])\s*(0x[0-9a-f]+|\d+))?$/i.exec(text) ?? [];
  if (name === undefined) return undefined;
  return pointerTo(name, Number(offset ?? 0) * (sign === '-' ? -1 : 1));
}

export interface PlannedBuffer {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly address: Addr;
  readonly writable: boolean;
  /** The pages that hold it. */
  readonly start: Addr;
  readonly end: Addr;
}

/** Stores of a run just outside a buffer, on its unguarded side. */
export interface Overflow {
  readonly name: string;
  /** From the buffer's start: negative before it. */
  readonly offset: number;
}

const FIRST: Addr = 0x2000_0000n;
const PATTERN = 0xca;

/** Lays buffers out one after the other, an unmapped page between two. */
export function planBuffers(buffers: Readonly<Record<string, BufferInit>>): PlannedBuffer[] {
  let next = FIRST;
  return Object.entries(buffers).map(([name, init]) => {
    const { bytes, align, writable } = optionsOf(name, init);
    const start = next;
    const end = start + pageUp(BigInt(Math.max(1, bytes.length)));
    next = end + BigInt(PAGE_SIZE);
    const address = align === 'end' ? end - BigInt(bytes.length) : start;
    return { name, bytes, address, writable, start, end };
  });
}

function optionsOf(
  name: string,
  init: BufferInit,
): Required<BufferOptions> & { bytes: Uint8Array } {
  const given = typeof init === 'number' || init instanceof Uint8Array ? { bytes: init } : init;
  checkOptionNames(`buffer '${name}'`, given, OPTIONS);
  const { bytes, align = 'end', writable = true } = given;
  if (align !== 'start' && align !== 'end') throw unknownValue('align', align, ['start', 'end']);
  if (bytes instanceof Uint8Array) return { bytes, align, writable };
  if (Number.isInteger(bytes) && bytes >= 0) {
    return { bytes: new Uint8Array(bytes), align, writable };
  }
  throw new MayexecError(`buffer '${name}': expected a Uint8Array or a length, not ${bytes}`);
}

/** What decides the mappings: equal keys can share prepared memory. */
export function shapeOf(buffers: readonly PlannedBuffer[]): string {
  return buffers
    .map(({ start, end, writable }) => `${start.toString(16)}-${end.toString(16)}${writable}`)
    .join(' ');
}

export function mapBuffers(sandbox: Sandbox, buffers: readonly PlannedBuffer[]): void {
  const ranges = buffers.map(({ start, end, writable }) => ({
    start,
    end,
    rights: PROT_READ | (writable ? PROT_WRITE : 0),
  }));
  if (sandbox.os !== 'linux') commitForWindows(sandbox, ranges);
  for (const { start, end, rights } of ranges) {
    const length = Number(end - start);
    if (sandbox.os === 'linux') mapAnonymous(sandbox, start, length, rights);
    sandbox.poke(start, new Uint8Array(length).fill(PATTERN));
  }
}

export function fillBuffers(sandbox: Sandbox, buffers: readonly PlannedBuffer[]): void {
  for (const { address, bytes } of buffers) {
    if (bytes.length > 0) sandbox.poke(address, bytes);
  }
}

/** Contents after a run. Undefined for one that the run unmapped. */
export function readBuffer(sandbox: Sandbox, buffer: PlannedBuffer): Uint8Array | undefined {
  const pages = readPages(sandbox, buffer);
  if (pages === undefined) return undefined;
  const from = Number(buffer.address - buffer.start);
  return pages.slice(from, from + buffer.bytes.length);
}

/** The stores nearest to the buffer, one on each side. */
export function overflowsOf(sandbox: Sandbox, buffer: PlannedBuffer): Overflow[] {
  const pages = readPages(sandbox, buffer);
  if (pages === undefined) return [];
  const from = Number(buffer.address - buffer.start);
  const to = from + buffer.bytes.length;
  const { name } = buffer;
  const found: Overflow[] = [];
  const before = pages.subarray(0, from).findLastIndex((byte) => byte !== PATTERN);
  if (before >= 0) found.push({ name, offset: before - from });
  const after = pages.subarray(to).findIndex((byte) => byte !== PATTERN);
  if (after >= 0) found.push({ name, offset: after + buffer.bytes.length });
  return found;
}

function readPages(sandbox: Sandbox, { start, end }: PlannedBuffer): Uint8Array | undefined {
  try {
    return sandbox.peek(start, Number(end - start));
  } catch (error) {
    if (error instanceof MayexecError) return undefined;
    throw error;
  }
}
