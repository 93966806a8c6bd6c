/** Functions that run before all others: .preinit_array, .init_array, .ctors, and .CRT$XI and .CRT$XC of COFF. */
import type { Addr, Arch } from '../base/address.js';
import {
  type ImageLayout,
  type PlacedSection,
  type PlacedSegment,
  wordOf,
} from './image-layout.js';

interface FilledSegment extends PlacedSegment {
  readonly bytes: Uint8Array;
}

/** Their addresses in the order in which they run, read from the linked image; 0 and -1 stand for none. */
export function initializersOf(
  { sections }: ImageLayout,
  arch: Arch,
  segments: readonly FilledSegment[],
): Addr[] {
  const arrays = [...sections.values()]
    .filter(({ section }) => section.initializers !== undefined)
    .sort((a, b) => priority(a) - priority(b));
  return arrays.flatMap((array) => {
    const all = entriesOf(array, arch, segments);
    return array.section.initializers?.backwards ? all.reverse() : all;
  });
}

function priority({ section }: PlacedSection): number {
  return section.initializers?.priority ?? 0;
}

function entriesOf(
  { section, address }: PlacedSection,
  arch: Arch,
  segments: readonly FilledSegment[],
): Addr[] {
  const word = wordOf(arch);
  const segment = segments.find(
    ({ start, bytes }) => address >= start && address < start + BigInt(bytes.length),
  );
  if (segment === undefined) return [];
  const view = new DataView(segment.bytes.buffer, segment.bytes.byteOffset);
  const from = Number(address - segment.start);
  const none = word === 8 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
  return Array.from({ length: Math.floor(section.size / word) }, (_, index) => {
    const at = from + index * word;
    return word === 8 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
  }).filter((entry) => entry !== 0n && entry !== none);
}
