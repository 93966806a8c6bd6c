/**
 * GuestMemoryIo: how the API reads and writes the memory of its process: with the rights that the program's own code
 * would have, in words of its size.
 */
import { PAGE_GUARD } from '../../abi/windows/memory.js';
import { type Addr, PAGE_SIZE } from '../../base/address.js';
import type { Meter } from '../../base/meter.js';
import type { Access } from '../../base/outcome.js';
import { Struct } from '../../base/struct.js';
import { HW_READ, HW_WRITE } from '../../engine/engine.js';
import { hardwareRights } from '../../os/windows/memory/protection.js';
import type { VirtualMemory } from '../../os/windows/memory/virtual-memory.js';

/** Longest string that the API looks at. */
const MAX_TEXT = 1 << 16;
const PAGE_BITS = 12n;
/** Bytes that the host holds at once of what is copied or filled. */
const CHUNK = 1 << 16;

/** An access that the page refuses: the API faults as the program's code would have. */
export class GuestFault extends Error {
  readonly address: Addr;
  readonly access: Access;

  constructor(address: Addr, access: Access) {
    super(`the guest's memory at 0x${address.toString(16)} refuses a ${access}`);
    this.address = address;
    this.access = access;
  }
}

export class GuestMemoryIo {
  readonly vm: VirtualMemory;
  readonly wordSize: 4 | 8;
  readonly #meter: Meter;

  constructor(vm: VirtualMemory, wordSize: 4 | 8, meter: Meter) {
    this.vm = vm;
    this.#meter = meter;
    this.wordSize = wordSize;
  }

  /** The first address that refuses the access, or undefined. A guarded page refuses. */
  refusal(address: Addr, length: number, access: 'read' | 'write'): Addr | undefined {
    const needed = access === 'read' ? HW_READ : HW_WRITE;
    const end = address + BigInt(length);
    for (let at = address; at < end; at = ((at >> PAGE_BITS) + 1n) << PAGE_BITS) {
      const page = Number(at >> PAGE_BITS);
      const protect = this.vm.vads.find(page)?.runAt(page).protect ?? 0;
      if ((hardwareRights(protect, true) & needed) === 0) return at;
    }
    return undefined;
  }

  isGuarded(address: Addr): boolean {
    const page = Number(address >> PAGE_BITS);
    return ((this.vm.vads.find(page)?.runAt(page).protect ?? 0) & PAGE_GUARD) !== 0;
  }

  tryRead(address: Addr, length: number): Uint8Array | undefined {
    this.#meter.chargeBytes(length);
    if (this.refusal(address, length, 'read') !== undefined) return undefined;
    return this.vm.pages.peek(address, length);
  }

  tryWrite(address: Addr, bytes: Uint8Array): boolean {
    this.#meter.chargeBytes(bytes.length);
    if (this.refusal(address, bytes.length, 'write') !== undefined) return false;
    return this.vm.pages.poke(address, bytes);
  }

  /** @throws GuestFault where the page refuses. */
  read(address: Addr, length: number): Uint8Array {
    const bytes = this.tryRead(address, length);
    if (bytes === undefined) {
      throw new GuestFault(this.refusal(address, length, 'read') ?? address, 'read');
    }
    return bytes;
  }

  /** @throws GuestFault where the page refuses. */
  write(address: Addr, bytes: Uint8Array): void {
    if (!this.tryWrite(address, bytes)) {
      throw new GuestFault(this.refusal(address, bytes.length, 'write') ?? address, 'write');
    }
  }

  /** Bytes of the same value. @throws GuestFault where a page refuses, before anything is stored. */
  fill(address: Addr, length: number, value: number): void {
    this.#passes(address, length, 'write');
    if (!this.fillAnyway(address, length, value)) throw new GuestFault(address, 'write');
  }

  /** Whatever the rights are. False when there is no memory for all of it. */
  fillAnyway(address: Addr, length: number, value: number): boolean {
    this.#meter.chargeBytes(length);
    const chunk = new Uint8Array(Math.min(length, CHUNK)).fill(value);
    for (let at = 0; at < length; at += CHUNK) {
      if (!this.vm.pages.poke(address + BigInt(at), chunk.subarray(0, length - at))) return false;
    }
    return true;
  }

  /** As memmove: the ranges may overlap. @throws GuestFault where a page refuses, before anything is stored. */
  move(to: Addr, from: Addr, length: number): void {
    this.#passes(from, length, 'read');
    this.#passes(to, length, 'write');
    if (!this.moveAnyway(to, from, length)) throw new GuestFault(to, 'write');
  }

  /** As move, whatever the rights are. False when there is no memory for all of it. */
  moveAnyway(to: Addr, from: Addr, length: number): boolean {
    this.#meter.chargeBytes(2 * length);
    const chunks = Math.ceil(length / CHUNK);
    const backwards = to > from;
    for (let index = 0; index < chunks; index++) {
      const at = CHUNK * (backwards ? chunks - 1 - index : index);
      const bytes = this.vm.pages.peek(from + BigInt(at), Math.min(CHUNK, length - at));
      if (bytes === undefined || !this.vm.pages.poke(to + BigInt(at), bytes)) return false;
    }
    return true;
  }

  #passes(address: Addr, length: number, access: 'read' | 'write'): void {
    this.#meter.charge('page', Math.ceil(length / PAGE_SIZE));
    const refused = this.refusal(address, length, access);
    if (refused !== undefined) throw new GuestFault(refused, access);
  }

  struct(address: Addr, length: number): Struct {
    return new Struct(this.read(address, length));
  }

  word(address: Addr): bigint {
    return this.struct(address, this.wordSize).word(0, this.wordSize);
  }

  setWord(address: Addr, value: bigint): void {
    this.write(address, new Struct(this.wordSize).setWord(0, this.wordSize, value).bytes);
  }

  u32(address: Addr): number {
    return this.struct(address, 4).u32(0);
  }

  setU32(address: Addr, value: number): void {
    this.write(address, new Struct(4).setU32(0, value).bytes);
  }

  setU64(address: Addr, value: bigint): void {
    this.write(address, new Struct(8).setU64(0, value).bytes);
  }

  /** A NUL-terminated string, one character per byte (or UTF-16); undefined where it cannot be read or has no end. */
  text(address: Addr, wide = false, limit = MAX_TEXT): string | undefined {
    const bytes = this.stringBytes(address, wide ? 2 : 1, limit);
    if (bytes === undefined) return undefined;
    return wide ? wideText(bytes) : latinText(bytes);
  }

  /** Bytes before the terminator, whose unit is `unit` bytes wide. */
  stringBytes(address: Addr, unit: 1 | 2, limit = MAX_TEXT): Uint8Array | undefined {
    const parts: Uint8Array[] = [];
    let total = 0;
    let at = address;
    while (total < limit) {
      const toEnd = PAGE_SIZE - Number(at & 0xfffn);
      const chunk = this.tryRead(at, Math.max(toEnd - (toEnd % unit), unit));
      if (chunk === undefined) return undefined;
      const end = terminator(chunk, unit);
      parts.push(chunk.subarray(0, end));
      total += end;
      if (end < chunk.length) break;
      at += BigInt(chunk.length);
    }
    this.#meter.charge('text', Math.ceil(total / 256));
    return joined(parts, total);
  }
}

function terminator(bytes: Uint8Array, unit: 1 | 2): number {
  if (unit === 1) {
    const end = bytes.indexOf(0);
    return end < 0 ? bytes.length : end;
  }
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    if (bytes[at] === 0 && bytes[at + 1] === 0) return at;
  }
  return bytes.length;
}

export function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A character for each byte or 16-bit unit. */
export function latinText(codes: Uint8Array | Uint16Array): string {
  let text = '';
  // As many arguments at once as every engine takes.
  for (let at = 0; at < codes.length; at += 4096) {
    text += Reflect.apply(String.fromCharCode, undefined, codes.subarray(at, at + 4096));
  }
  return text;
}

export function wideText(bytes: Uint8Array): string {
  return new TextDecoder('utf-16le').decode(bytes);
}

/** One byte per character, with the terminator. */
export function latinBytes(text: string, terminated = true): Uint8Array {
  const bytes = new Uint8Array(text.length + (terminated ? 1 : 0));
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

export function wideBytes(text: string, terminated = true): Uint8Array {
  const bytes = new Uint8Array((text.length + (terminated ? 1 : 0)) * 2);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    bytes[2 * at] = code;
    bytes[2 * at + 1] = code >> 8;
  }
  return bytes;
}
