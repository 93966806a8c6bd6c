/** FILE as msvcrt lays it out, and which handle of the process stands behind one. */
import { Struct } from '../../base/struct.js';

/** Streams that can be open at one time, with stdin, stdout and stderr. */
export const STREAMS = 3;
const SIZE = { 4: 32, 8: 48 } as const;
const NUMBER_AT = { 4: 16, 8: 28 } as const;
const FLAG_AT = { 4: 12, 8: 24 } as const;
const _IOREAD = 1;
const _IOWRT = 2;

export function fileSize(word: 4 | 8): number {
  return SIZE[word];
}

export function iobSize(word: 4 | 8): number {
  return STREAMS * SIZE[word];
}

export function iobBytes(word: 4 | 8): Uint8Array {
  const out = new Struct(iobSize(word));
  for (let index = 0; index < STREAMS; index++) {
    out.setU32(index * SIZE[word] + FLAG_AT[word], index === 0 ? _IOREAD : _IOWRT);
    out.setU32(index * SIZE[word] + NUMBER_AT[word], index);
  }
  return out.bytes;
}

/** A FILE of the program's own for a descriptor. */
export function fileBytes(word: 4 | 8, descriptor: number): Uint8Array {
  return new Struct(SIZE[word])
    .setU32(FLAG_AT[word], _IOREAD | _IOWRT)
    .setU32(NUMBER_AT[word], descriptor).bytes;
}

export function descriptorOffset(word: 4 | 8): bigint {
  return BigInt(NUMBER_AT[word]);
}
