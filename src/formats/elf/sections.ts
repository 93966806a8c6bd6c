/**
 * Sections of an ELF file, as debuggers read them: the loader does without. A table that points out of
 * the file ends the list; nothing here throws, whatever the file holds.
 */
import type { Arch } from '../../base/address.js';
import { decodeText } from '../../base/text.js';
import {
  ELF_CLASS,
  elfHeader,
  type SectionHeader,
  SHF_COMPRESSED,
  SHT_NOBITS,
  sectionHeader,
} from './structures.js';

export interface ElfSection extends Omit<SectionHeader, 'nameAt'> {
  readonly name: string;
}

const LONGEST_NAME = 256;

/** In the order of the file, the empty first one included. */
export function elfSections(bytes: Uint8Array, arch: Arch): ElfSection[] {
  const shape = ELF_CLASS[arch];
  try {
    const { shoff, shentsize, shnum, shstrndx } = elfHeader(bytes, shape);
    const count = shoff === 0n ? 0 : shnum;
    const headers = Array.from({ length: count }, (_, index) =>
      sectionHeader(bytes, Number(shoff) + index * shentsize, shape),
    );
    const table = headers[shstrndx];
    const text = table === undefined ? undefined : contentOf(bytes, table);
    return headers.map(({ nameAt: at, ...section }) => ({
      ...section,
      name: text === undefined ? '' : nameAt(text, at),
    }));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return [];
  }
}

/** Undefined where it has no bytes in the file, lies outside of it, or is compressed. */
export function contentOf(
  bytes: Uint8Array,
  { type, flags, offset, size }: Pick<ElfSection, 'type' | 'flags' | 'offset' | 'size'>,
): Uint8Array | undefined {
  if (type === SHT_NOBITS || flags & SHF_COMPRESSED) return undefined;
  return offset + size <= bytes.length ? bytes.subarray(offset, offset + size) : undefined;
}

/** Up to its NUL; empty for one that is not there. */
export function nameAt(table: Uint8Array, offset: number): string {
  const rest = table.subarray(offset, offset + LONGEST_NAME);
  const end = rest.indexOf(0);
  return decodeText(rest.subarray(0, end < 0 ? rest.length : end));
}
