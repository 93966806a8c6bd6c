/** What policies learn of a program from its file: headers, notes, extended attributes, mount. */
import { Struct } from '../../../base/struct.js';
import { decodeText } from '../../../base/text.js';
import type { ElfImage } from '../../../formats/elf/image.js';
import type { ProgramHeader } from '../../../formats/elf/structures.js';
import type { Inode } from '../fs/inode.js';
import type { ImageFacts } from './hooks.js';

const PT_NOTE = 4;
/** n_namesz, n_descsz, n_type. */
const NOTE_HEADER = 12;

type Note = NonNullable<ImageFacts['notes']>[number];

export function imageFacts(
  path: string,
  inode: Inode,
  image: ElfImage,
  bytes: Uint8Array,
): ImageFacts {
  return {
    path,
    arch: image.arch,
    type: image.type,
    ident: image.ident,
    programHeaders: image.headers.map(({ type, flags }) => ({ type, flags })),
    xattrs: inode.xattrs,
    notes: image.headers
      .filter(({ type }) => type === PT_NOTE)
      .flatMap((header) => notesOf(bytes, header)),
    mountOptions: inode.mount.options,
  };
}

/** Names and descriptors are padded to 4 bytes, or 8 in a segment aligned to 8. A cut-off note ends the list. */
function notesOf(bytes: Uint8Array, { offset, fileSize, align }: ProgramHeader): Note[] {
  const end = Number(offset + fileSize);
  if (end > bytes.length) return [];
  const unit = align === 8n ? 8 : 4;
  const padded = (length: number): number => Math.ceil(length / unit) * unit;
  const notes: Note[] = [];
  for (let at = Number(offset); at + NOTE_HEADER <= end; ) {
    const header = new Struct(bytes.subarray(at, at + NOTE_HEADER));
    const nameAt = at + NOTE_HEADER;
    const textAt = at + padded(NOTE_HEADER + header.u32(0));
    const textEnd = textAt + header.u32(4);
    if (textEnd > end) break;
    const name = decodeText(bytes.subarray(nameAt, nameAt + header.u32(0)));
    const owner = name.replace(/\0+$/, '');
    notes.push({ owner, type: header.u32(8), bytes: bytes.slice(textAt, textEnd) });
    at = textAt + padded(header.u32(4));
  }
  return notes;
}
