/** Bytes to and from what a handle stands for. */
import type { HandleObject } from '../process/handles.js';
import type { Win32Process } from '../process/process.js';

const GENERIC_ALL_OR_WRITE = 0x5000_0000;
const GENERIC_ALL_OR_READ = 0x9000_0000;

interface Caller {
  readonly process: Win32Process;
}

/** Bytes taken; undefined: it cannot be written to. */
export function writeTo(
  { process }: Caller,
  object: HandleObject | undefined,
  bytes: Uint8Array,
): number | undefined {
  switch (object?.kind) {
    case 'output':
      process.system.outputs[object.fd - 1]!.write(bytes);
      return bytes.length;
    case 'null':
      return bytes.length;
    case 'file': {
      if (!(object.access & GENERIC_ALL_OR_WRITE)) return undefined;
      const count = object.file.write(object.position, bytes);
      object.position += count;
      return count;
    }
    default:
      return undefined;
  }
}

/** Undefined: it cannot be read. */
export function readFrom(
  { process }: Caller,
  object: HandleObject | undefined,
  length: number,
): Uint8Array | undefined {
  switch (object?.kind) {
    case 'input':
      return process.system.stdin(length);
    case 'null':
      return new Uint8Array();
    case 'file': {
      if (!(object.access & GENERIC_ALL_OR_READ)) return undefined;
      const bytes = object.file.read(object.position, length);
      object.position += bytes.length;
      return bytes;
    }
    default:
      return undefined;
  }
}
