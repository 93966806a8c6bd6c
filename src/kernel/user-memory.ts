/**
 * The kernel's access to a process's memory, where it is more than one copy: strings of unknown
 * length, transfers that may stop half-way, single words. Compare Linux lib/strncpy_from_user.c and
 * the callers of copy_to_user() that count what was left.
 */
import { type Addr, PAGE_SIZE } from '../base/address.js';
import { fail, ok, type Result } from '../base/result.js';
import { Struct } from '../base/struct.js';

/** What this file needs of an AddressSpace. */
export interface UserMemory {
  copyIn(addr: Addr, length: number): Result<Uint8Array>;
  copyOut(addr: Addr, bytes: Uint8Array): Result<0>;
}

const PAGE_MASK = BigInt(PAGE_SIZE - 1);

function toPageEnd(addr: Addr): number {
  return PAGE_SIZE - Number(addr & PAGE_MASK);
}

/** Bytes up to a NUL or `limit` of them; a fault before that is EFAULT. `terminated` tells which. */
export function copyStringIn(
  memory: UserMemory,
  addr: Addr,
  limit: number,
): Result<{ readonly bytes: Uint8Array; readonly terminated: boolean }> {
  const parts: Uint8Array[] = [];
  let length = 0;
  let terminated = false;
  while (length < limit && !terminated) {
    const at = addr + BigInt(length);
    const chunk = memory.copyIn(at, Math.min(toPageEnd(at), limit - length));
    if (!chunk.ok) return chunk;
    const end = chunk.value.indexOf(0);
    terminated = end >= 0;
    parts.push(terminated ? chunk.value.subarray(0, end) : chunk.value);
    length += parts.at(-1)!.length;
  }
  return ok({ bytes: concatenated(parts, length), terminated });
}

function concatenated(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Reads what can be read: at least one byte, else EFAULT. */
export function copyInPartly(memory: UserMemory, addr: Addr, length: number): Result<Uint8Array> {
  const whole = memory.copyIn(addr, length);
  if (whole.ok) return whole;
  const parts = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const at = addr + BigInt(done);
    const chunk = memory.copyIn(at, Math.min(toPageEnd(at), length - done));
    if (!chunk.ok) break;
    parts.set(chunk.value, done);
    done += chunk.value.length;
  }
  return done === 0 && length > 0 ? fail('EFAULT') : ok(parts.subarray(0, done));
}

/** Writes page by page as far as possible; the bytes written, which may be none. */
export function copyOutPartly(memory: UserMemory, addr: Addr, bytes: Uint8Array): number {
  let done = 0;
  while (done < bytes.length) {
    const at = addr + BigInt(done);
    const chunk = bytes.subarray(done, done + toPageEnd(at));
    if (!memory.copyOut(at, chunk).ok) break;
    done += chunk.length;
  }
  return done;
}

export function structIn(memory: UserMemory, addr: Addr, length: number): Result<Struct> {
  const bytes = memory.copyIn(addr, length);
  return bytes.ok ? ok(new Struct(bytes.value)) : bytes;
}

/** An unsigned word of 4 or 8 bytes. */
export function wordIn(memory: UserMemory, addr: Addr, size: 4 | 8): Result<bigint> {
  const struct = structIn(memory, addr, size);
  return struct.ok ? ok(struct.value.word(0, size)) : struct;
}

export function wordOut(memory: UserMemory, addr: Addr, size: 4 | 8, value: bigint): Result<0> {
  return memory.copyOut(addr, new Struct(size).setWord(0, size, value).bytes);
}
