/** Small ELF files as mapped objects: a header, program headers and a dynamic section. */
import type { Arch } from '../../src/base/address.js';
import type { MemoryObject } from '../../src/memory/object.js';
import type { ImageFacts } from '../../src/policy/policy.js';
import { object } from './support.js';

interface Segment {
  readonly type: number;
  readonly flags?: number;
  readonly offset?: number;
  readonly fileSize?: number;
  readonly memorySize?: number;
}

export interface ElfFixture {
  readonly arch?: Arch;
  /** e_type: 2 ET_EXEC, 3 ET_DYN. */
  readonly type?: number;
  readonly segments?: readonly Segment[];
  /** Tags and values of the dynamic section, which a PT_DYNAMIC then points at. */
  readonly dynamic?: readonly (readonly [tag: number, value: number])[];
}

export function elfObject({
  arch = 'x86-64',
  type = 3,
  segments = [],
  dynamic,
}: ElfFixture): MemoryObject {
  const wide = arch === 'x86-64';
  const size = wide ? 16 : 8;
  const tableAt = 0x800;
  const all =
    dynamic === undefined
      ? segments
      : [...segments, { type: 2, offset: tableAt, fileSize: dynamic.length * size }];
  const bytes = new Uint8Array(0x2000);
  const view = new DataView(bytes.buffer);
  writeHeader(view, wide, type, all.length);
  all.forEach((segment, index) => {
    writeSegment(view, wide, 64 + index * (wide ? 56 : 32), segment);
  });
  dynamic?.forEach(([tag, value], index) => {
    writeWord(view, wide, tableAt + index * size, tag);
    writeWord(view, wide, tableAt + index * size + size / 2, value);
  });
  return object({
    path: '/usr/lib/libx.so',
    size: bytes.length,
    read: (offset, length) => bytes.slice(offset, offset + length),
  });
}

function writeWord(view: DataView, wide: boolean, at: number, value: number): void {
  if (wide) view.setBigUint64(at, BigInt(value), true);
  else view.setUint32(at, value, true);
}

function writeHeader(view: DataView, wide: boolean, type: number, count: number): void {
  view.setUint32(0, 0x7f454c46);
  view.setUint8(4, wide ? 2 : 1);
  view.setUint16(16, type, true);
  view.setUint16(18, wide ? 62 : 3, true);
  writeWord(view, wide, wide ? 32 : 28, 64);
  view.setUint16(wide ? 54 : 42, wide ? 56 : 32, true);
  view.setUint16(wide ? 56 : 44, count, true);
}

function writeSegment(view: DataView, wide: boolean, at: number, segment: Segment): void {
  const { type, flags = 0, offset = 0, fileSize = 0, memorySize = fileSize } = segment;
  view.setUint32(at, type, true);
  view.setUint32(at + (wide ? 4 : 24), flags, true);
  writeWord(view, wide, at + (wide ? 8 : 4), offset);
  writeWord(view, wide, at + (wide ? 32 : 16), fileSize);
  writeWord(view, wide, at + (wide ? 40 : 20), memorySize);
}

export function image(overrides: Partial<ImageFacts> = {}): ImageFacts {
  return {
    path: '/program',
    arch: 'x86-64',
    type: 'ET_EXEC',
    ident: new Uint8Array(16),
    programHeaders: [],
    ...overrides,
  };
}
