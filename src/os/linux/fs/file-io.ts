/** Transfers between an open file and a process's memory. Compare fs/read_write.c. */
import { type Addr, PAGE_SIZE } from '../../../base/address.js';
import type { Meter } from '../../../base/meter.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { copyInPartly, copyOutPartly, type UserMemory } from '../../../kernel/user-memory.js';
import type { OpenFile } from './open-file.js';

/** Larger requests are cut to this (include/linux/fs.h). */
export const MAX_RW_COUNT = 0x7ffff000;

/** At most this much of a stream is in the host's hands at a time. */
const CHUNK = 1 << 16;

/**
 * Files move page by page, as in the page cache: one part of a transfer can change what the next one
 * reads, when the memory is a mapping of the same file.
 */
function chunkLength(file: OpenFile, position: number, left: number): number {
  const { seekable, copiesWholePages } = file.inode;
  if (copiesWholePages) return Math.min(PAGE_SIZE, left);
  const most = seekable ? PAGE_SIZE - (position % PAGE_SIZE) : CHUNK;
  return Math.min(most, left);
}

/** Where the bytes of a process are, and what moving them costs it. */
export interface Buffers {
  readonly memory: UserMemory;
  readonly meter: Meter;
}

/**
 * Up to `count` bytes into memory. `at`: where in the file; undefined: at its position, which moves.
 * What was transferred before a fault or an error counts; only the first one is reported. A transfer that
 * uses up what the run may spend is short.
 */
export function readInto(
  file: OpenFile,
  { memory, meter }: Buffers,
  addr: Addr,
  count: number,
  at: number | undefined,
): Result<number> {
  const start = at ?? file.position;
  let done = 0;
  while (done < count && !(done > 0 && meter.exhausted)) {
    const chunk = file.inode.read(start + done, chunkLength(file, start + done, count - done));
    if (!chunk.ok && done === 0) return chunk;
    if (!chunk.ok || chunk.value.length === 0) break;
    meter.chargeBytes(chunk.value.length);
    const copied = copyOutPartly(memory, addr + BigInt(done), chunk.value);
    done += copied;
    const torn = copied < chunk.value.length && file.inode.copiesWholePages;
    if (done === 0 || torn) return fail('EFAULT');
    if (copied < chunk.value.length) break;
  }
  if (at === undefined) file.position = start + done;
  return ok(done);
}

/** Up to `count` bytes out of memory, as `readInto`. With O_APPEND always at the end. */
export function writeFrom(
  file: OpenFile,
  { memory, meter }: Buffers,
  addr: Addr,
  count: number,
  at: number | undefined,
): Result<number> {
  const start = file.appending && file.inode.seekable ? file.inode.size : (at ?? file.position);
  let done = 0;
  if (file.inode.swallowsWrites) return ok(count);
  while (done < count && !(done > 0 && meter.exhausted)) {
    const refusal = file.inode.beginWrite(start + done, count - done);
    if (refusal !== undefined && done === 0) return fail(refusal);
    if (refusal !== undefined) break;
    const length = chunkLength(file, start + done, count - done);
    let chunk = copyInPartly(memory, addr + BigInt(done), length);
    if (!chunk.ok && done === 0) {
      // generic_perform_write tries again: the end of the file that has moved may be what was missing.
      file.inode.abandonWrite(start);
      chunk = copyInPartly(memory, addr, length);
      if (!chunk.ok) return chunk;
    }
    if (!chunk.ok) break;
    if (chunk.value.length < length && file.inode.copiesWholePages) return fail('EFAULT');
    meter.chargeBytes(length);
    const written = file.inode.write(start + done, chunk.value);
    if (!written.ok && done === 0) return written;
    if (!written.ok) break;
    done += written.value;
    if (written.value < length) break;
  }
  if (at === undefined) file.position = start + done;
  return ok(done);
}
