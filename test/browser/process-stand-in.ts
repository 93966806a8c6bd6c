/**
 * What specs of the engine read of Node's `process`, for a page that has none. A page cannot ask for its
 * memory: that nothing grows shows there only in that a thousand engines of 16 MiB and more come to open.
 */
const stream = { write: () => true };

export const process = {
  env: {},
  memoryUsage: () => ({ arrayBuffers: 0, external: 0 }),
  stdout: stream,
  stderr: stream,
};
