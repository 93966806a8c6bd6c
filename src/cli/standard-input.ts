/** Standard input, whole and at once: a guest's read happens in the middle of a run and cannot wait for events. */
import { readSync } from 'node:fs';

const CHUNK = 65_536;
const PAUSE_MS = 10;

export function readAll(fd: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = new Uint8Array(CHUNK);
    const count = readSome(fd, chunk);
    if (count === 0) return Buffer.concat(chunks);
    chunks.push(chunk.subarray(0, count));
  }
}

/** Bytes read; 0 at the end, and for a descriptor that is closed. */
function readSome(fd: number, into: Uint8Array): number {
  for (;;) {
    try {
      return readSync(fd, into);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Windows reports the end of a pipe as an error.
      if (code === 'EOF' || code === 'EBADF') return 0;
      // The other end may have made the pipe non-blocking.
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    }
  }
}
