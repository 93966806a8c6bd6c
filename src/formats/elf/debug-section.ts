/**
 * Sections of debugging information, whose content may be compressed: as SHF_COMPRESSED says (ELF gABI 4.2), or as GNU
 * tools did before, in `.zdebug_*` behind `ZLIB` and the size. Compressions are zlib's and Zstandard's.
 */
import { Unzlib } from 'fflate';
import { decompress } from 'fzstd';
import type { Arch } from '../../base/address.js';
import { contentOf, type ElfSection } from './sections.js';
import { ELF_CLASS, SHF_COMPRESSED } from './structures.js';

const ELFCOMPRESS_ZLIB = 1;
const ELFCOMPRESS_ZSTD = 2;
/** More than debugging information of any program that fits here; what claims more is not read. */
const MOST_BYTES = 64 << 20;
/** Fed at a time: no more than a thousand times as much can come of it before its size is looked at. */
const CHUNK = 16 << 10;
/** `ZLIB` and eight bytes of size, the highest first. */
const OLD_HEADER = 12;
const OLD_MAGIC = 0x5a4c4942;

/** @param name With its dot: `.debug_line`. Undefined where there is none that can be read. */
export function debugSection(
  bytes: Uint8Array,
  sections: readonly ElfSection[],
  arch: Arch,
  name: string,
): Uint8Array | undefined {
  const section = sections.find((each) => each.name === name);
  if (section !== undefined) {
    const content = contentOf(bytes, { ...section, flags: section.flags & ~SHF_COMPRESSED });
    const isCompressed = content !== undefined && (section.flags & SHF_COMPRESSED) !== 0;
    return isCompressed ? decompressed(content, arch) : content;
  }
  const old = sections.find((each) => each.name === name.replace(/^\./, '.z'));
  const content = old && contentOf(bytes, old);
  return content && decompressedOld(content);
}

/** Elf32_Chdr, Elf64_Chdr. */
function decompressed(content: Uint8Array, arch: Arch): Uint8Array | undefined {
  const { word } = ELF_CLASS[arch];
  const header = 3 * word;
  if (content.length < header) return undefined;
  const view = new DataView(content.buffer, content.byteOffset, header);
  const size = word === 8 ? Number(view.getBigUint64(8, true)) : view.getUint32(4, true);
  const compressed = content.subarray(header);
  switch (view.getUint32(0, true)) {
    case ELFCOMPRESS_ZLIB:
      return inflated(compressed, size);
    case ELFCOMPRESS_ZSTD:
      return fromZstandard(compressed, size);
    default:
      return undefined;
  }
}

/** Undefined as for zlib. With a buffer of its own it takes no more memory, whatever window the frame asks for. */
function fromZstandard(compressed: Uint8Array, size: number): Uint8Array | undefined {
  if (size > MOST_BYTES || sizeOfFrame(compressed) !== size) return undefined;
  try {
    return decompress(compressed, new Uint8Array(size));
  } catch {
    return undefined;
  }
}

/** Frame_Content_Size of RFC 8878, which linkers write; undefined where the frame does not say. */
function sizeOfFrame(frame: Uint8Array): number | undefined {
  const descriptor = frame[4] ?? 0;
  const isOneSegment = (descriptor & 0x20) !== 0;
  const length = [isOneSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  const at = 5 + (isOneSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  if (length === 0 || at + length > frame.length) return undefined;
  const value = frame.subarray(at, at + length).reduceRight((sum, byte) => sum * 256 + byte, 0);
  return length === 2 ? value + 256 : value;
}

function decompressedOld(content: Uint8Array): Uint8Array | undefined {
  if (content.length < OLD_HEADER) return undefined;
  const view = new DataView(content.buffer, content.byteOffset, OLD_HEADER);
  if (view.getUint32(0) !== OLD_MAGIC) return undefined;
  return inflated(content.subarray(OLD_HEADER), Number(view.getBigUint64(4)));
}

/** Undefined for what is damaged or comes to another size than it says. */
function inflated(compressed: Uint8Array, size: number): Uint8Array | undefined {
  if (size > MOST_BYTES) return undefined;
  const result = new Uint8Array(size);
  let length = 0;
  const inflate = new Unzlib((part) => {
    if (length + part.length <= size) result.set(part, length);
    length += part.length;
  });
  try {
    for (let at = 0; at < compressed.length && length <= size; at += CHUNK) {
      const end = at + CHUNK;
      inflate.push(compressed.subarray(at, end), end >= compressed.length);
    }
  } catch {
    return undefined;
  }
  return length === size ? result : undefined;
}
