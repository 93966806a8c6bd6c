/** Standard input, whole and at once: a guest's read happens in the middle of a run and cannot wait for events. */
import { readSync } from 'node:fs';
import { UsageError } from '../arguments.js';
import { reasonOf } from './error.js';
import { pause } from './pause.js';

const CHUNK = 65_536;
/** An endless pipe must not become endless memory. */
export const MOST_BYTES = 64 << 20;

/** @throws UsageError for more than a guest could hold. */
export function readAll(fd: number, name = 'standard input'): Uint8Array {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const chunk = new Uint8Array(CHUNK);
    const count = readSome(fd, chunk, name);
    if (count === 0) return Buffer.concat(chunks);
    length += count;
    if (length > MOST_BYTES) {
      throw new UsageError(`${name}: has more than ${MOST_BYTES >> 20} MiB`);
    }
    chunks.push(chunk.subarray(0, count));
  }
}

/** Bytes read; 0 at the end, and for a descriptor that is closed. */
function readSome(fd: number, into: Uint8Array, name: string): number {
  for (;;) {
    try {
      return readSync(fd, into);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Windows reports the end of a pipe as an error.
      if (code === 'EOF' || code === 'EBADF') return 0;
      // The other end may have made the pipe non-blocking.
      if (code !== 'EAGAIN') throw new UsageError(`${name}: ${reasonOf(error)}`);
      pause();
    }
  }
}
