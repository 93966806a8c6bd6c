/** Waits for another process: who reads and writes at once cannot wait for events. */

const PAUSE_MS = 10;

export function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
}
